"""Finding and checking the text and label columns."""

import json
import re

import numpy as np

from ..utils.errors import UserError
from .labels import near_names
from .rows import BadRowsError, counted

TEXT_COLUMNS = ("text", "text_pair")  # their names from here on, whatever the source calls them


USUAL_TEXT_COLUMNS = ("text", "sentence", "content")

# What the second text of a pair, or the first, is called; with or without a number or letter at the end.
PARTNERS = re.compile(
    r"(text|sentence|content|sent|question|premise|hypothesis|query|answer|context|passage|title|headline|body|"
    r"text_pair|document|paragraph|utterance|response|prompt|summary|abstract|claim|evidence)_?([0-9]|[ab])?",
    re.IGNORECASE,
)
# Two words with a space between them, or a few characters of writing that has no spaces (Thai, Japanese, Chinese).
WORDS = re.compile(r"[^\W\d_]\S*\s+\S*[^\W\d_]|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]{5}")

LOOKED_AT = 1000  # rows that say whether a column holds sentences, from all over the file


def find_columns(raw, task, data, fitting):
    """The text columns, one or two, and the label column of the training split, as named or as guessed.

    Args:
        raw: {split: `datasets.Dataset`} as the source has them.
        task: the `Task`.
        data: `DataArguments`.
        fitting: function(rows, label, texts) that says which type of task the columns are for, or None.

    Returns:
        tuple: (list of text columns, label column).

    Raises:
        UserError: if a column is missing, or what the texts are is not certain.
    """
    found, train = raw["train"].column_names, task.call("train")
    label = data.label_column_name or task.label
    if label not in found:
        other = fitting(raw["train"], data.label_column_name, named_columns(data.text_column_names))
        remedy = "; name it with --label_column_name (text alone: --task_type masked_lm or causal_lm)"
        remedy = f"; these are columns for --task_type {other}" if other else remedy
        require_column(train, "label", label, found, remedy)
    text = named_columns(data.text_column_names) or list(task.text)
    text = text or _guess_text_column(raw["train"], label)
    for column in text:
        require_column(train, "text", column, found, "; name it with --text_column_names")
    if len({*text, label}) <= len(text):
        raise UserError(f"columns {_quoted([*text, label])}: text and label columns must differ from each other")
    if len(text) > 2:
        raise UserError(f"--text_column_names names {len(text)} columns; one, or two for pairs, are supported")
    return text, label


def find_text_column(raw, task, data):
    """The text column of data whose labels do not count: as named, the task's, or as guessed.

    Args: as of `find_columns`.

    Raises:
        UserError: if it is missing, not certain, or not one.
    """
    rows, train = raw["train"], task.call("train")
    found = named_columns(data.text_column_names) or list(task.text) or _guess_text_column(rows, None)
    if len(found) > 1:
        raise UserError(f"columns {_quoted(found)} are texts; name one of them with --text_column_names")
    require_column(train, "text", found[0], rows.column_names, "; name it with --text_column_names")
    return found[0]


def named_columns(value):
    """The names in ``--text_column_names``: with commas between them, or a JSON list where a name holds a comma.

    Raises:
        UserError: if it begins like a JSON list and is none of names.
    """
    value = (value or "").strip()
    if not value.startswith("["):
        return [name.strip() for name in value.split(",") if name.strip()]
    try:
        names = json.loads(value)
    except json.JSONDecodeError as error:
        raise UserError(f"--text_column_names {value} is not a JSON list ({error})") from error
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"--text_column_names {value} is not a JSON list of names")
    return names


def written_columns(names):
    """The text that `named_columns` reads as these names, for example those of a YAML list."""
    plain = all(
        isinstance(name, str) and name == name.strip() and "," not in name and name[:1] != "[" for name in names
    )
    return ",".join(names) if plain else json.dumps(names, ensure_ascii=False)


def require_column(split, what, column, found, remedy=""):
    """Raises `UserError` if the columns ``found`` of a split lack one, with what it is for and the nearest name."""
    if column in found:
        return
    near = [(name, word) for other, name, word in near_names([column, *found]) if other == column]
    hint = "".join(f"; {column!r} and {name!r} differ only by {word}" for name, word in near)
    apart = next((mark for mark in ",;|\t" for name in found if len(found) == 1 and column in name.split(mark)), None)
    if apart:
        raise UserError(f"{split} was read as one column, {_quoted(found)}; read it with --delimiter {apart!r}")
    raise UserError(f"{split} has no {what} column {column!r} (found: {_quoted(found)}){hint}{remedy}")


def _quoted(names):
    return ", ".join(map(repr, names))


def _guess_text_column(rows, label):
    strings = [name for name, feature in rows.features.items() if is_string(feature) and name != label]
    if len(strings) == 1:
        return strings
    usual = next((name for name in USUAL_TEXT_COLUMNS if name in strings), None)
    if usual is None:
        held = ", ".join(f"{name!r}: {_type_of(feature)}" for name, feature in rows.features.items())
        raise UserError(f"no text column recognised (found: {held}); give --text_column_names")
    also = [name for name in strings if name != usual and (PARTNERS.fullmatch(name) or _holds_sentences(rows, name))]
    if also:
        pair = ",".join(name for name in strings if name in (usual, also[0]))
        listed = " and ".join(repr(name) for name in strings if name == usual or name in also)
        raise UserError(
            f"columns {listed} may all be texts; say which to use, for example --text_column_names {usual}, "
            f"or --text_column_names {pair} for pairs"
        )
    return [usual]


def _type_of(feature):
    return getattr(feature, "dtype", type(feature).__name__)


def _holds_sentences(rows, column):
    """Whether one in ten of the texts that are looked at has two words or more."""
    looked_at = np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows)), dtype=int)
    values = rows.select_columns([column])[looked_at][column]
    return sum(bool(WORDS.search(value or "")) for value in values) >= 0.1 * len(values)


def is_string(feature):
    """Whether a column of this feature holds text, however its strings are stored."""
    return getattr(feature, "dtype", None) in ("string", "large_string", "string_view")


def require_text(rows, split, column):
    """Raises `UserError` unless a column of a split (as messages call it) is there and holds text."""
    require_column(split, "text", column, rows.column_names)
    if not is_string(rows.features[column]):
        words = "; for lists of words give --task_type token_classification"
        hint = words if hasattr(rows.features[column], "feature") else ""
        raise UserError(f"column {column!r} of {split} holds {_type_of(rows.features[column])}, not text{hint}")


def with_text_and_label(rows, split, texts, label):
    """The texts and labels of a split under the names used from here on, and ``id``, each row's number in its source.

    Args:
        rows: a `datasets.Dataset`.
        split: what messages call it.
        texts: names of one or two text columns.
        label: name of the label column; None for a split without labels.

    Returns:
        `datasets.Dataset`.

    Raises:
        UserError: if a column is missing, or a text is.
    """
    labels = () if label is None else (label,)
    for column in texts:
        require_text(rows, split, column)
    for column in labels:
        require_column(split, "label", column, rows.column_names)
    for column in texts:
        empty = _empty(rows, column)
        if len(empty):
            texts, are = counted(len(empty), "text", "is", "are")
            what = f"{texts} of {split} {are} empty or null in column {column!r}"
            raise BadRowsError(what, split, empty, "remove or fill these rows")
    rows = rows.select_columns([*texts, *labels])
    names = dict(zip(texts, TEXT_COLUMNS, strict=False)) | dict.fromkeys(labels, "label")
    rows = rows.rename_columns(names)
    return rows.add_column("id", np.arange(len(rows)))


def _empty(rows, column):
    """Positions of the rows that hold no text, or an empty one."""
    import pyarrow
    import pyarrow.compute as pc

    def empty(values):
        lengths = pc.binary_length(values.cast(pyarrow.large_string()))
        return pc.fill_null(pc.equal(lengths, 0), True).to_numpy(zero_copy_only=False)

    # Chunk by chunk: a cast copies.
    chunks = rows.select_columns([column]).with_format("arrow")[:].column(0).chunks
    return np.flatnonzero(np.concatenate([empty(chunk) for chunk in chunks])) if chunks else np.array([], int)


def text_columns(rows):
    """The text columns of a split that `with_text_and_label` made: one, or two for pairs."""
    return [column for column in TEXT_COLUMNS if column in rows.column_names]
