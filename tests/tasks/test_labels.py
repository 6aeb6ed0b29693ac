"""Labels become classes as they are written; what is no class is refused."""

import datetime

import numpy as np
import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from healbert.tasks.labels import Classes, count_classes, encode_labels, find_classes, is_unlabelled, near_names
from healbert.utils.errors import UserError


def labels(values, feature=None):
    return Dataset.from_dict({"label": values}, features=feature and Features({"label": feature}))


def both(train, evaluation=None, known=()):
    """The names of the classes of one split, and the indices of the rows of another."""
    classes = find_classes(train, known=known)
    rows = train if evaluation is None else evaluation
    return list(classes.names), encode_labels(rows, classes, "validation").tolist()


AS_WRITTEN = {
    "words": (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
    "leading zeros": (["1", "01", "2", "1"], ["01", "1", "2"], [1, 0, 2, 1]),
    "numbers as text sort by value": (["10", "2", "-3"], ["-3", "2", "10"], [2, 1, 0]),
    "numbers sort by value": ([10, 2, -3], ["-3", "2", "10"], [2, 1, 0]),
    "a number among words": (["10", "2", "A13"], ["10", "2", "A13"], [0, 1, 2]),
    "code and number": (["A13", "011"], ["011", "A13"], [1, 0]),
    "exponent": (["1E1", "10"], ["10", "1E1"], [1, 0]),
    "true and false as words": (["true", "unknown", "false"], ["false", "true", "unknown"], [1, 2, 0]),
    "words for gaps": (["NA", "null", "None", "nan"], ["NA", "None", "nan", "null"], [0, 3, 1, 2]),
    "white space": ([" a", "a", "a "], [" a", "a", "a "], [0, 1, 2]),
    "booleans": ([True, False, True], ["False", "True"], [1, 0, 1]),
    "whole floats": ([1.0, 0.0, 10.0, 2.0], ["0", "1", "2", "10"], [1, 0, 3, 2]),
    "whole floats as text": (["1.0", "0.0", "10.0", "2."], ["0", "1", "2", "10"], [1, 0, 3, 2]),
    "whole floats and a word": (["1.0", "0.0", "other"], ["0.0", "1.0", "other"], [1, 0, 2]),
    "whole floats and a number with a zero": (["1.0", "02"], ["02", "1.0"], [1, 0]),
    "minus zero": ([-0.0, 0.0, 1.0], ["0", "1"], [0, 0, 1]),
    "words with points": (["v1.5", "v1.0"], ["v1.0", "v1.5"], [1, 0]),
    "one row": (["a"], ["a"], [0]),
}


@pytest.mark.parametrize("values, names, codes", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_classes(values, names, codes):
    assert both(labels(values)) == (names, codes)


def test_classes_do_not_depend_on_the_order_of_rows():
    values = ["b", "10", "2", "a"] * 5
    assert find_classes(labels(values)) == find_classes(labels(values[::-1]))


@pytest.mark.parametrize(
    "train, evaluation, codes",
    [
        (["0.0", "1.0"], ["1", "0"], [1, 0]),
        ([0, 1], [1.0, 0.0], [1, 0]),
        (["0", "1"], [1, 0], [1, 0]),
        ([0.0, 1.0], ["1.0"], [1]),
        (["1.0", "2.0", "other"], ["2.0", "1.0"], [1, 0]),
        (["true", "false", "unknown"], ["true", "false"], [1, 0]),
        ([True, False], ["True"], [1]),
    ],
)
def test_splits_of_other_types_agree(train, evaluation, codes):
    assert both(labels(train), labels(evaluation))[1] == codes


NO_YES = ClassLabel(names=["no", "yes"])


def test_declared_names_are_the_classes_also_those_without_a_row():
    names, codes = both(labels([1, 1], NO_YES))
    assert (names, codes) == (["no", "yes"], [1, 1])


@pytest.mark.parametrize(
    "evaluation",
    [
        labels([0, 1], ClassLabel(names=["yes", "no"])),
        labels(["yes", "no"]),
        labels([1, 0]),
        labels(["1", "0"]),
        labels([1.0, 0.0]),
        labels([1, 0], Value("int8")),
    ],
    ids=["other order", "names", "positions", "positions as text", "positions as floats", "small integers"],
)
def test_declared_names_and_other_splits(evaluation):
    assert both(labels([0, 1], NO_YES), evaluation)[1] == [1, 0]


def test_names_that_look_like_positions_are_names():
    train = labels([0, 1], ClassLabel(names=["1", "0"]))
    assert both(train, labels(["1", "0"]))[1] == [0, 1]
    with pytest.raises(UserError, match="lacks: '0', '1'"):
        both(labels([0, 1], NO_YES), labels([0, 1], ClassLabel(names=["0", "1"])))


def test_categorical_column():
    table = pyarrow.table({"label": pyarrow.chunked_array([["b", "a"], ["b"]])})
    assert both(Dataset(table)) == (["a", "b"], [1, 0, 1])


def test_known_names_stand_for_whole_numbers():
    known = ("zero", "one", "two")
    assert both(labels([2, 0]), known=known) == (list(known), [2, 0])
    assert both(labels(["2", "0"]), known=known) == (list(known), [2, 0])
    assert both(labels([3, 0]), known=known)[0] == ["0", "3"]
    assert both(labels(["two", "zero"]), known=known)[0] == ["two", "zero"]


def test_rows_that_were_selected():
    rows = labels(["a", "b", "c", "b"]).select([3, 0])
    assert both(rows) == (["a", "b"], [1, 0])


REFUSED = {
    "fractions": ([0.5, 1.0], None, ["floats", "0.5", "regression"]),
    "fractions as text": (["1.0", "2.75"], None, ["floats", "2.75", "regression"]),
    "fractions with exponents": (["1.5e-3", "2"], None, ["regression"]),
    "infinity": ([float("inf"), 1.0], None, ["regression"]),
    "one number in two ways": (["1.0", "1", "2"], None, ["'1.0' and '1'", "one number"]),
    "null": (["a", None, "b", None], None, ["2 labels of train are missing (rows 2, 4)"]),
    "blank": (["a", " ", "b", "\t\n"], None, ["2 labels of train are missing (rows 2, 4)"]),
    "empty": (["a", "", "b"], None, ["1 label of train is missing (row 2)"]),
    "NaN": ([1.0, float("nan")], None, ["1 label of train is missing (row 2)"]),
    "null among numbers": ([1, None], None, ["1 label of train is missing (row 2)"]),
    "all null": ([None, None], Value("string"), ["2 labels of train are missing (rows 1, 2)"]),
    "null in declared classes": ([0, None], NO_YES, ["1 label of train is missing (row 2)"]),
    "lists": ([["a"], ["b"]], None, ["lists"]),
    "objects": ([{"a": 1}], None, ["objects"]),
    "dates": ([datetime.date(2020, 1, 1)], Value("date32"), ["date32"]),
}


@pytest.mark.parametrize("values, feature, named", REFUSED.values(), ids=REFUSED)
def test_what_is_no_class_is_refused(values, feature, named):
    rows, classes = labels(values, feature), Classes(("no", "yes"))
    with pytest.raises(UserError) as caught:
        encode_labels(rows, find_classes(rows), "train")
    assert all(part in str(caught.value) for part in named)
    if "missing" in str(caught.value):
        with pytest.raises(UserError, match="labels? of test (is|are) missing"):
            encode_labels(rows, classes, "test")


def test_column_of_nulls_without_a_type():
    with pytest.raises(UserError, match="2 labels of train are missing"):
        find_classes(Dataset(pyarrow.table({"label": pyarrow.nulls(2)})))


@pytest.mark.parametrize("known, unlabelled", [([-1.0, 0.5, 1.0], False), ([0.0, 0.5, 1.0], True), ([-1, 1], False)])
def test_minus_one_is_a_label_where_training_has_it(known, unlabelled):
    rows, train = Dataset.from_dict({"label": [-1.0, -1.0]}), Dataset.from_dict({"label": known})
    assert is_unlabelled("test", rows, "label", train) is unlabelled


def test_lists_and_objects_are_no_missing_labels():
    rows = Dataset.from_dict({"label": [{"name": "a"}, {"name": "b"}]})
    lists = Dataset.from_dict({"label": [["a"], []]})
    assert not is_unlabelled("test", rows, "label", rows) and not is_unlabelled("test", lists, "label", lists)


def test_unlabelled_split():
    with pytest.raises(UserError, match=r"split test has unlabelled examples \(label -1\)"):
        encode_labels(labels([-1, -1], NO_YES), find_classes(labels([0, 1], NO_YES)), "test")


UNKNOWN = {
    "other word": (["pos", "neg"], ["zebra"], "'zebra'", None),
    "space before": (["pos", "neg"], [" pos"], "' pos' and 'pos'", "white space"),
    "space inside": (["not bad"], ["not  bad"], "'not  bad' and 'not bad'", "white space"),
    "no-break space": (["a b"], ["a\xa0b"], r"'a\\xa0b' and 'a b'", "white space"),
    "zero-width space": (["ab"], ["a\u200bb"], r"'a\\u200bb' and 'ab'", "white space"),
    "case": (["pos", "neg"], ["Pos"], "'Pos' and 'pos'", "case"),
    "case and space": (["pos"], ["POS "], "'POS ' and 'pos'", "white space and case"),
    "Unicode form": (["caf\u00e9"], ["cafe\u0301"], "cafe\u0301", r"Unicode form \(NFC, NFD\)"),
    "boolean and word": ([True, False], ["true"], "'true' and 'True'", "case"),
    "out of range": (["a", "b"], [5], "'5'", None),
    "number with a zero": (["1", "2"], ["01"], "'01'", None),
    "number with a point where classes are words": (["1", "other"], ["1.0"], "'1.0'", None),
}


@pytest.mark.parametrize("train, evaluation, quoted, aspect", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_labels_are_quoted_and_near_ones_named(train, evaluation, quoted, aspect):
    with pytest.raises(UserError, match=f"validation has labels that train lacks: .*{quoted}") as caught:
        both(labels(train), labels(evaluation))
    if aspect is None:
        assert "differ only" not in str(caught.value)
    else:
        caught.match(f"differ only by {aspect}$")


def test_many_unknown_labels_are_not_all_listed():
    with pytest.raises(UserError) as caught:
        both(labels([f"known {i}" for i in range(50)]), labels([f"unknown {i}" for i in range(50)]))
    assert str(caught.value).count("unknown ") == 5 and str(caught.value).count("'known ") == 20


def test_near_names():
    assert near_names(["a", "b", "A", " b", "c"]) == [("a", "A", "case"), ("b", " b", "white space")]
    assert near_names(["a", "b"]) == []


def test_count_of_classes():
    assert count_classes(np.array([0, 2, 2]), ("a", "b", "c")) == {"a": 1, "b": 0, "c": 2}


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()], ids=str)
def test_every_type_of_text(kind):
    rows = Dataset(pyarrow.table({"label": pyarrow.array(["b", "a", "b"], kind)}))
    assert both(rows) == (["a", "b"], [1, 0, 1])


def test_numbers_of_any_length_sort_by_value():
    longest = "1" * 5000  # int() takes 4,300 digits
    names, _ = both(labels([longest, "2", f"-{longest}", "-1", "-10", "0"]))
    assert names == [f"-{longest}", "-10", "-1", "0", "2", longest]
    assert find_classes(labels(["0", longest]), known=("a", "b")).names == ("0", longest)
