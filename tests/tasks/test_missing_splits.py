"""A training file alone, and a test file without labels."""

import pytest
from helpers.data import GOOD, table

from healbert.arguments.groups import DataArguments
from healbert.utils.errors import UserError

ROWS = [(f"text {i}", "rare" if i % 5 == 0 else "common") for i in range(100)]


def test_a_train_file_alone_is_evaluated_on_a_fraction_of_it(load, put):
    file = put("train.csv", table(ROWS))
    task = load(train_file=file, validation_fraction=0.2)
    train, held = (task.splits[split] for split in ("train", "evaluation"))
    assert sorted([*train["id"], *held["id"]]) == list(range(100))
    assert [ROWS[i][0] for i in held["id"]] == held["text"][:]
    read = task.describe()["read"]
    assert read["train"]["rows"] == 100
    assert read["evaluation"] == {"used": 20, "classes": {"common": 16, "rare": 4}}
    other = load(train_file=file, validation_fraction=0.2, sample_seed=1)
    assert other.splits["evaluation"]["id"][:] != held["id"][:]


def test_it_goes_with_a_test_file_and_with_dev(load, put):
    train, test = put("train.csv", table(ROWS)), put("test.csv", table(ROWS[:9]))
    splits = load("dev", 0.25, train_file=train, validation_fraction=0.2, test_file=test).splits
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 60, "evaluation": 20, "test": 9, "dev": 20}
    assert not set(splits["dev"]["id"]) & set(splits["evaluation"]["id"])


def test_a_fraction_that_leaves_no_class_in_train_is_refused(load, put):
    with pytest.raises(UserError, match="--validation_fraction would hold out .* use a smaller --validation_fraction"):
        load(train_file=put("train.csv", GOOD), validation_fraction=0.5)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"validation_fraction": 1.0}, "not above 0 and below 1"),
        ({"validation_fraction": 0.0}, "not above 0 and below 1"),
        ({"validation_fraction": 0.1, "validation_file": "same"}, "not with --validation_file"),
    ],
)
def test_a_fraction_that_cannot_be_is_refused(put, settings, message):
    file = put("train.csv", GOOD)
    given = settings | ({"validation_file": file} if "validation_file" in settings else {})
    with pytest.raises(UserError, match=message):
        DataArguments(train_file=file, **given)
    with pytest.raises(UserError, match="--validation_fraction"):
        DataArguments(task_name="docstrings", validation_fraction=0.1)


@pytest.mark.parametrize("content", ["text\na b\nc\n", "text,label\na b,\nc,\n"], ids=["no column", "empty column"])
def test_a_test_file_may_have_no_labels(load, put, content):
    file, test = put("train.csv", GOOD), put("test.csv", content)
    task = load(train_file=file, validation_file=file, test_file=test, max_eval_samples=1)
    assert task.splits["test"].column_names == ["text", "id"]
    assert task.splits["test"]["text"][:] == ["a b", "c"]
    assert task.describe()["read"]["test"]["classes"] == {}


def test_a_test_file_with_some_labels_is_refused(load, put):
    file, test = put("train.csv", GOOD), put("test.csv", "text,label\na b,x\nc,\n")
    with pytest.raises(UserError, match="1 label of --test_file is missing .*test.csv, line 3"):
        load(train_file=file, validation_file=file, test_file=test)
    with pytest.raises(UserError, match="--test_file"):
        load(train_file=file, test_file=put("none.csv", "text,label\na,\n"))


@pytest.mark.parametrize("name", ["test.csv", "test.parquet", "test.jsonl"])
@pytest.mark.parametrize("classes, labelled", [(["0", "1"], False), (["-1", "1"], True)])
def test_minus_one_everywhere_is_no_label_unless_it_is_a_class(load, put, name, classes, labelled):
    """In files of every kind alike, as text and as a number."""
    train = put("train.csv", "text,label\n" + "".join(f"text {i},{classes[i % 2]}\n" for i in range(8)))
    test = put(name, {"text": ["one", "two"], "label": [-1, -1]})
    task = load(train_file=train, validation_file=train, test_file=test)
    assert ("label" in task.splits["test"].column_names) == labelled


@pytest.mark.parametrize(
    "option, value, kinds",
    [("delimiter", ";", ".csv or .tsv"), ("quoting", "none", ".csv or .tsv"), ("json_field", "data", ".json")],
)
def test_an_option_that_no_file_takes_is_refused(load, put, option, value, kinds):
    train = put("train.jsonl", {"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(UserError, match=f"--{option} is for {kinds} files, and none is given"):
        load(train_file=train, validation_file=train, **{option: value})
