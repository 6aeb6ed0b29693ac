"""Which type of task columns are for: guessed where they leave no doubt, named where labels are missing."""

import pytest
from datasets import Dataset, Features, Value

from healbert import UserError, make_arguments
from healbert.tasks.guess import type_of

ANSWERS = {"text": ["b"], "answer_start": [2]}
QUESTION = {"question": ["q"], "context": ["a b"], "answers": [ANSWERS]}
CHOICES = {"premise": ["a", "b"], "choice1": ["c d", "e f"], "choice2": ["g h", "i j"]}


def guessed(columns, **asked):
    return type_of(Dataset.from_dict(columns), **asked)


@pytest.mark.parametrize(
    "columns, expected",
    [
        ({"article": ["a b"], "highlights": ["a"]}, "summarization"),
        ({"text": ["a b"], "summary": ["a"]}, "summarization"),
        ({"text": ["a b"], "summary": ["a"], "label": [1]}, None),
        ({"text": ["a b"], "article": ["a"], "summary": ["b"]}, None),
        (QUESTION, "question_answering"),
        (QUESTION | {"label": [1]}, None),
        (QUESTION | {"answers": ["b"]}, None),  # a text may be written freely
        (QUESTION | {"answers": [{"text": "b"}]}, None),
        (CHOICES | {"label": [0, 1]}, "multiple_choice"),
        (CHOICES | {"label": ["0", "1"]}, "multiple_choice"),
        (CHOICES | {"label": ["choice1", "choice2"]}, "multiple_choice"),
        (CHOICES | {"label": [1, 2]}, None),
        (CHOICES | {"label": ["good", "bad"]}, None),
        (CHOICES | {"label": [0, 1], "question": ["k", "l"]}, None),  # which is the context?
        ({"text": ["a", "b"], "choice1": ["c", "d"], "choice2": ["e", "f"], "label": [0, 1]}, None),
        ({"premise": ["a", "b"], "choice1": ["c", "d"], "label": [0, 1]}, None),
        ({"text": ["a", "b"], "label": [0.0, 1.5]}, "regression"),
        ({"text": ["a", "b"], "label": [["x"], []]}, "multi_label"),
        ({"tokens": [["a"]], "tags": [["O"]]}, "token_classification"),
    ],
)
def test_type_is_guessed_where_columns_leave_no_doubt(columns, expected):
    assert guessed(columns) == expected


@pytest.mark.parametrize("stored", ["large_string", "string_view"])
def test_text_is_text_however_it_is_stored(stored):
    rows = Dataset.from_dict(CHOICES | {"label": [0, 1]})
    kinds = {name: Value(stored if of.dtype == "string" else of.dtype) for name, of in rows.features.items()}
    assert type_of(rows.cast(Features(kinds))) == "multiple_choice"


def test_names_of_columns_settle_what_is_a_choice():
    more = CHOICES | {"label": [0, 1], "question": ["k", "l"]}
    assert guessed(more, texts=("premise", "question", "choice1", "choice2")) == "multiple_choice"
    assert guessed(more, texts=("choice1", "choice2")) is None
    assert guessed(more, texts=("premise", "question")) is None
    assert guessed(CHOICES | {"right": [1, 0]}, label="right") == "multiple_choice"
    assert guessed(QUESTION | {"spans": [ANSWERS]}, label="spans") == "question_answering"


def test_a_guess_is_the_type_that_is_given(put):
    for name, columns in (("q.json", QUESTION), ("c.csv", CHOICES | {"label": [0, 1]})):
        path, kind = put(name, columns), guessed(columns)
        settings = {"train_file": path, "validation_file": path, "corrupt_level": 0.5}
        found, said = make_arguments(**settings), make_arguments(**settings, task_type=kind)
        assert (found.task_type.name, found.name()) == (kind, said.name())


def test_missing_label_column_says_which_type_would_fit(load, put):
    for name, columns, kind in (
        ("t.parquet", {"tokens": [["a"], ["b"]], "tags": [["O"], ["B-X"]]}, "token_classification"),
        ("q.parquet", {name: values * 2 for name, values in QUESTION.items()}, "question_answering"),
    ):
        path = put(name, columns)
        with pytest.raises(UserError, match=f"no label column 'label' .*; these are columns for --task_type {kind}"):
            load(train_file=path, validation_file=path)
