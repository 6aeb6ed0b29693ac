"""A class that a draw leaves without a row is named, since nothing else shows it."""

import warnings

import pytest
from helpers.data import table

COMMON = [(f"common {i}", "common") for i in range(40)]


def rare(*names):
    return [(f"rare {name}", name) for name in names]


@pytest.fixture
def warned(load, put):
    """The warnings of `load_task` with a training file of these rows."""

    def call(rows, selection="best_eval", dev_fraction=0.1, **settings):
        file = put("train.csv", table(rows))
        named = {} if "validation_fraction" in settings else {"validation_file": file}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            load(selection, dev_fraction, train_file=file, **named, **settings)
        return [str(one.message) for one in caught]

    return call


def test_a_class_that_a_small_sample_leaves_out_of_train_is_named(warned):
    many = COMMON + [(f"other {i}", "other") for i in range(40)]
    (line,) = warned(many + rare(" x", "y"), max_train_samples=10)
    assert line == "the draw leaves no row of these classes in train (10 rows): ' x', 'y'"


def test_a_class_that_is_not_held_out_is_named(warned):
    (line,) = warned(COMMON + rare("x", "y"), "dev", 0.2)
    assert line == "the draw leaves no row of these classes in dev (8 rows): 'x', 'y'"
    (line,) = warned(COMMON + rare("x"), validation_fraction=0.2)
    assert line == "the draw leaves no row of these classes in evaluation (8 rows): 'x'"


def test_all_splits_are_in_one_line(warned):
    many = COMMON + [(f"other {i}", "other") for i in range(40)]
    (line,) = warned(many + rare("x"), "dev", 0.5, max_train_samples=8, max_eval_samples=6)
    named = ("train (4 rows): 'x'", "evaluation (6 rows): 'x'", "dev (4 rows): 'x'")
    assert all(part in line for part in named)


def test_many_classes_are_counted(warned):
    (line,) = warned(COMMON + rare(*(f"{i:02}" for i in range(30))), "dev", 0.02)
    assert line.count("'") == 40 and line.endswith(" and 10 more")


def test_a_draw_that_keeps_every_class_says_nothing(warned):
    rows = COMMON + [(f"other {i}", "other") for i in range(40)]
    assert warned(rows, "dev", 0.2, max_train_samples=20, max_eval_samples=10) == []


def test_classes_that_are_nearly_alike_are_named(warned):
    rows = [("a", "pos"), ("b", "pos "), ("c", "Neg"), ("d", "neg")]
    (line,) = warned(rows)
    assert line.startswith("classes of --train_file that are nearly alike")
    assert "'pos' and 'pos ' (by white space)" in line and "'Neg' and 'neg' (by case)" in line
