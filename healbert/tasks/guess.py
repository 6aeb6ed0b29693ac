"""Which type of task files of your own hold, where their columns leave no doubt."""

import functools
import re

from ..utils.errors import UserError
from .columns import USUAL_TEXT_COLUMNS, is_string, named_columns
from .files.folder import read_folder
from .files.store import read_file
from .labels import NUMBER

OWN_DATA = "classification"  # the type of data that no task of the table describes, where nothing is guessed
SUMMARIES = ("summary", "highlights")  # what columns of summaries are called, and of what they are summaries of
DOCUMENTS = ("document", "article", "dialogue", "text")
CHOICE = re.compile(r"(choice|ending|option|answer|sol|solution)_?([0-9]|[a-j])", re.IGNORECASE)
TAGS = ("ner_tags", "pos_tags", "chunk_tags", "tags")  # what columns of tags are called, beside --label_column_name


def own_type(source):
    """The name of the type that a `DataSource` has where none is given."""
    return source.task.type if source.is_of_table else OWN_DATA


def guess_type(source, data, model):
    """The type of the user's own files or folder.

    Args:
        source: a `DataSource`.
        data, model: `DataArguments` and `ModelArguments`.

    Returns:
        str; None for tasks of the table and the Hub, and where there is doubt. What is wrong with a file is said when
        it is loaded.
    """
    if source.is_of_table or source.is_on_hub:
        return None
    try:
        contents = tuple(sorted(source.contents.items()))
        where = source.files["train"] if source.files else str(source.folder)
        asked = data.label_column_name, tuple(named_columns(data.text_column_names))
        return _guess(where, contents, source.config_of_folder, source.options, model.cache_dir, asked)
    except UserError:
        return None


@functools.lru_cache(maxsize=64)  # a sweep asks for the same files for each of its runs
def _guess(where, contents, config, options, cache_dir, asked):
    contents = dict(contents)
    if where in contents:
        rows, _ = read_file(where, options, cache_dir, contents[where])
        return type_of(rows, *asked)
    splits, _ = read_folder(where, config, options, cache_dir, contents)
    return type_of(splits["train"], *asked) if "train" in splits else None


def type_of(rows, label=None, texts=()):
    """The type of task that the columns of a `datasets.Dataset` are for; None where there is doubt.

    Args:
        rows: the training split.
        label: what the user calls the column of labels, or None.
        texts: what the user calls the columns of texts; empty where nothing is said.
    """
    kinds = {name: _kind(feature) for name, feature in rows.features.items()}
    if kinds.get("tokens") == "list" and any(kinds.get(name) == "list" for name in tag_columns(label)):
        return "token_classification"
    documents = [name for name in DOCUMENTS if kinds.get(name) == "text"]
    summaries = [name for name in SUMMARIES if kinds.get(name) == "text" and label in (None, name)]
    if len(documents) == len(summaries) == 1 and "label" not in kinds:
        return "summarization"
    if kinds.get("question") == kinds.get("context") == "text" and kinds.get(label or "answers") == "answers":
        return None if "label" in kinds else "question_answering"
    label = label or "label"
    if _is_choice(rows, kinds, label, texts):
        return "multiple_choice"
    if kinds.get(label) == "list":
        return "multi_label"
    if kinds.get(label) in ("float", "text") and _has_fractions(rows.unique(label)):
        return "regression"
    return None


def tag_columns(label):
    """What the column of tags may be called: as the user says, else by its usual names."""
    return (label,) if label else TAGS


def apart(columns):
    """The columns of the context, and those of the choices, by their names."""
    choices = [name for name in columns if CHOICE.fullmatch(name)]
    return [name for name in columns if name not in choices], choices


def _is_choice(rows, kinds, label, texts):
    """Whether there are columns of choices beside a context, and labels say which choice is right."""
    columns = [name for name, kind in kinds.items() if kind == "text" and name != label]
    contexts, choices = apart(texts or columns)
    if len(choices) < 2 or not set(choices) <= set(columns) or kinds.get(label) not in ("text", "int64"):
        return False
    if not texts and (len(contexts) != 1 or contexts[0] in USUAL_TEXT_COLUMNS):  # these may be a class's, too
        return False
    return bool(contexts) and set(map(str, rows.unique(label))) <= {*map(str, range(len(choices))), *choices}


def _kind(feature):
    if isinstance(feature, dict):
        return "answers" if {"text", "answer_start"} <= set(feature) else "object"
    if is_string(feature):
        return "text"
    kind = getattr(feature, "dtype", None)
    if isinstance(feature, list) or hasattr(feature, "feature"):  # `datasets.List` and older ways to write one
        return "list"
    return "float" if str(kind).startswith("float") else kind


def _has_fractions(values):
    """Whether all values that are there are numbers, and one of them is not whole."""
    found = [str(value) for value in values if value not in (None, "") and value == value]
    return all(map(NUMBER.fullmatch, found)) and any(not float(value).is_integer() for value in found)
