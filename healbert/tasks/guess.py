"""Which type of task files of your own hold, where their columns leave no doubt."""

import functools

from ..utils.errors import UserError
from .files.folder import read_folder
from .files.store import read_file
from .labels import NUMBER

OWN_DATA = "classification"  # the type of data that no task of the table describes, where nothing is guessed
SUMMARIES = ("summary", "highlights")  # what columns of summaries are called, and of what they are summaries of
DOCUMENTS = ("document", "article", "dialogue", "text")
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
        return _guess(where, contents, source.config_of_folder, source.options, model.cache_dir, data.label_column_name)
    except UserError:
        return None


@functools.lru_cache(maxsize=64)  # a sweep asks for the same files for each of its runs
def _guess(where, contents, config, options, cache_dir, label):
    contents = dict(contents)
    if where in contents:
        rows, _ = read_file(where, options, cache_dir, contents[where])
        return type_of(rows, label)
    splits, _ = read_folder(where, config, options, cache_dir, contents)
    return type_of(splits["train"], label) if "train" in splits else None


def type_of(rows, label=None):
    """The type of task that the columns of a `datasets.Dataset` are for; None where there is doubt.

    Args:
        rows: the training split.
        label: what the user calls the column of labels, or None.
    """
    kinds = {name: _kind(feature) for name, feature in rows.features.items()}
    if kinds.get("tokens") == "list" and any(kinds.get(name) == "list" for name in tag_columns(label)):
        return "token_classification"
    texts = [name for name in DOCUMENTS if kinds.get(name) == "text"]
    summaries = [name for name in SUMMARIES if kinds.get(name) == "text" and label in (None, name)]
    if len(texts) == len(summaries) == 1 and "label" not in kinds:
        return "summarization"
    label = label or "label"
    if kinds.get(label) == "list":
        return "multi_label"
    if kinds.get(label) in ("float", "text") and _has_fractions(rows.unique(label)):
        return "regression"
    return None


def tag_columns(label):
    """What the column of tags may be called: as the user says, else by its usual names."""
    return (label,) if label else TAGS


def _kind(feature):
    kind = getattr(feature, "dtype", None)
    if isinstance(feature, list) or hasattr(feature, "feature"):  # `datasets.List` and older ways to write one
        return "list"
    return {"string": "text", "large_string": "text"}.get(kind, "float" if str(kind).startswith("float") else kind)


def _has_fractions(values):
    """Whether all values that are there are numbers, and one of them is not whole."""
    found = [str(value) for value in values if value not in (None, "") and value == value]
    return all(map(NUMBER.fullmatch, found)) and any(not float(value).is_integer() for value in found)
