"""Which classes a label column holds: text as written, numbers by value, nothing guessed."""

import collections
import dataclasses
import re
import unicodedata

import numpy as np

from ..utils.errors import UserError
from .rows import BadRowsError, counted

WHOLE = re.compile(r"0|-?[1-9][0-9]*")  # "01" is a word: as a number it would lose its zero
WHOLE_FLOAT = re.compile(r"(0|-?[1-9][0-9]*)\.0*")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

SHOWN = 5  # unknown labels in a message


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a task, in order.

    ``indexed``: whole numbers in a label column are positions in ``names``, not names.
    """

    names: tuple[str, ...]
    indexed: bool = False


def find_classes(rows, split="train", known=()):
    """The classes that a split's labels stand for.

    Names that the column declares (`datasets.ClassLabel`) are the classes, in that order. Else every different label
    is one: text as it is written, numbers and true/false by their value. Whole numbers sort by value, all others as
    text. Whole numbers with a point (1.0, as pandas writes numbers of a column with gaps) are named without it.

    Args:
        rows: a `datasets.Dataset` with the column ``label``.
        split: its name, for messages.
        known: names that whole numbers stand for, if all of them are positions in it.

    Returns:
        Classes.

    Raises:
        UserError: if labels are missing, or are no classes.
    """
    names = _declared(rows, "label")
    if names is not None:
        return Classes(tuple(names), indexed=True)
    found = _Column(rows, split, "label").values
    if known and all(_is_position(value, known) for value in found):
        return Classes(tuple(known), indexed=True)
    names = _names(found, split)
    numbers = all(re.fullmatch("-?[0-9]+", name) for name in names)
    return Classes(tuple(sorted(names, key=_by_value if numbers else None)))


def encode_labels(rows, classes, split, column="label", train="train"):
    """The class index of every row.

    A label is first looked for as it is written, then as the whole number that it is (1.0 is 1), then, where the
    classes are `Classes.indexed`, as a position.

    Args:
        rows: a `datasets.Dataset`.
        classes: `Classes`.
        split, train: what messages call this split and that of training.
        column: the label column.

    Returns:
        numpy.ndarray of int64, (rows,).

    Raises:
        UserError: if labels are missing, or are none of the classes.
    """
    found = _Column(rows, split, column)
    index = {name: position for position, name in enumerate(classes.names)}
    positions = [_position(value, index, classes, found.named) for value in found.values]
    if None in positions:
        unknown = [value for value, position in zip(found.values, positions, strict=True) if position is None]
        where = np.flatnonzero(np.array([position is None for position in positions])[found.codes])
        raise BadRowsError(*_explain_unknown(sorted(unknown), classes, split, train, where))
    return np.array(positions, dtype=np.int64)[found.codes]


def label_column(rows):
    """The column ``label`` as a numpy array (rows,), without going through its rows one by one."""
    return rows.select_columns(["label"]).with_format("arrow")[:].column(0).to_numpy()


def count_classes(codes, names):
    """{name: rows} of every class, those without a row among them."""
    counts = np.bincount(codes, minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def near_names(names):
    """Pairs of names that differ only by white space, case or Unicode form, each with the word for it."""
    groups = collections.defaultdict(list)
    for name in names:
        groups[_plain(name)].append(name)
    return [(one, other, difference(one, other)) for one, *others in groups.values() for other in others]


def is_unlabelled(split, rows, label, train):
    """Whether this is a test split without a single label: no such column, or nothing in all of it.

    Nothing is also -1, as on the Hub, unless it is a class of ``train``.
    """
    if lacks_labels(split, rows, label):
        return True
    if split != "test" or label not in rows.column_names or not hasattr(rows.features[label], "dtype"):
        return False  # of lists and objects, which the check of types then names
    if set(rows.unique(label)) - {None, "", -1, "-1"}:
        return False
    known = train.unique(label) if label in train.column_names else []
    return not any(value in (-1, "-1") for value in known) or not set(rows.unique(label)) - {None, ""}


def lacks_labels(split, rows, label):
    """Whether this is a test split without a column of labels.

    A column of nearly that name holds them, it seems: to leave it unscored would be a guess.
    """
    names = rows.column_names
    near = any(label in pair[:2] for pair in near_names([label, *names]))
    return split == "test" and label not in names and not near


def refuse_unnamed(lists, names, split):
    """Raises `BadRowsError` for rows (lists of whole numbers) with a number that is no position in ``names``."""
    known = set(range(len(names)))
    where = [row for row, values in enumerate(lists) if not known.issuperset(values)]
    odd = sorted({value for row in where for value in lists[row]} - known)
    if odd == [-1]:
        examples, are = counted(len(where), "example", "is", "are")
        what, remedy = f"{examples} of {split} {are} unlabelled (label -1)", "choose a labelled split"
        raise BadRowsError(what, split, where, remedy)
    if odd:
        what = f"{split} has labels without a name: {', '.join(map(str, odd[:SHOWN]))}"
        raise BadRowsError(what, split, where, f"there are names for 0 to {len(names) - 1}")


def _declared(rows, column):
    names = getattr(rows.features[column], "names", None)
    return names and [str(name) for name in names]


class _Column:
    """The different values of a label column as text, and which of them each row holds.

    ``named``: they are names that the column itself declares.
    """

    def __init__(self, rows, split, column):
        import pyarrow

        values = rows.select_columns([column]).with_format("arrow")[:].column(0).combine_chunks()
        if _is_text(values.type):  # few functions of Arrow take every type of text
            values = values.cast(pyarrow.large_string())
        names = _declared(rows, column)
        self.named = names is not None
        _check_missing(values, split)
        _check_type(values.type, split, column)
        encoded = values.dictionary_encode()
        self.codes = encoded.indices.to_numpy(zero_copy_only=False)
        different = encoded.dictionary.to_pylist()
        if self.named and min(different) < 0:
            raise UserError(f"split {split} has unlabelled examples (label -1); choose a labelled split")
        self.values = [names[value] if self.named else _text(value, split) for value in different]


def _check_missing(values, split):
    import pyarrow.compute as pc

    missing = pc.is_null(values, nan_is_null=True)
    if _is_text(values.type):
        missing = pc.or_(missing, pc.equal(pc.utf8_trim_whitespace(pc.fill_null(values, "")), ""))
    where = np.flatnonzero(missing.to_numpy(zero_copy_only=False))
    if len(where):
        labels, are = counted(len(where), "label", "is", "are")
        raise BadRowsError(f"{labels} of {split} {are} missing", split, where, "remove the rows")


def _is_text(kind):
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _check_type(kind, split, column):
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind) or types.is_struct(kind):
        raise UserError(
            f"the labels of {split} are lists or objects, and a class is one value: give --task_type multi_label for "
            "lists of labels, token_classification for tags of words"
        )
    if not (_is_text(kind) or types.is_integer(kind) or types.is_boolean(kind) or types.is_floating(kind)):
        raise UserError(f"column '{column}' of {split} holds {kind}; classes are text, whole numbers or true/false")


def _text(value, split):
    if not isinstance(value, float):
        return str(value)
    if not value.is_integer():
        raise UserError(_regression(split, value))
    return str(int(value))


def _regression(split, value):
    return (
        f"the labels of {split} are floats, such as {value}: give --task_type regression, or write classes as whole "
        "numbers or as words"
    )


def _names(values, split):
    """The class names for different labels as text."""
    values = list(dict.fromkeys(values))
    if not all(NUMBER.fullmatch(value) for value in values):
        return values
    fractions = [value for value in values if "." in value and not float(value).is_integer()]
    if fractions:
        raise UserError(_regression(split, fractions[0]))
    if not all(WHOLE.fullmatch(value) or WHOLE_FLOAT.fullmatch(value) for value in values):
        return values
    written = collections.defaultdict(list)
    for value in values:
        written[_without_point(value)].append(value)
    for name, ways in written.items():
        if len(ways) > 1:
            listed = " and ".join(f"'{way}'" for way in ways)
            raise UserError(f"{split} has the labels {listed}, which are one number, {name}; write them alike")
    return list(written)


def _by_value(name):
    """A sort key for whole numbers as text, of any length: `int` takes no more than 4,300 digits."""
    digits = name.lstrip("-").lstrip("0")
    places = [len(digits), *map(int, digits)]
    negative = name.startswith("-") and digits
    return ([-place for place in places] if negative else places), name


def _without_point(value):
    match = WHOLE_FLOAT.fullmatch(value)
    return match[1] if match else value


def _position(value, index, classes, named):
    if value in index:
        return index[value]
    plain = _without_point(value)
    if plain in index and all(WHOLE.fullmatch(name) for name in index):
        return index[plain]
    # Names that the column itself declares are no positions, whatever they look like.
    if classes.indexed and not named and _is_position(plain, classes.names):
        return int(plain)
    return None


def _is_position(value, names):
    return bool(WHOLE.fullmatch(value)) and len(value) <= len(str(len(names))) and 0 <= int(value) < len(names)


def _without_space(name):
    return "".join(c for c in name if not c.isspace() and unicodedata.category(c) != "Cf")


LOOKS = {  # what a reader does not see, or overlooks
    "white space": _without_space,
    "case": str.casefold,
    "Unicode form (NFC, NFD)": lambda name: unicodedata.normalize("NFC", name),
}


def _plain(name, but=None):
    for aspect, change in LOOKS.items():
        name = name if aspect == but else change(name)
    return name


def difference(one, other):
    """What two names that look alike differ by."""
    found = [aspect for aspect in LOOKS if _plain(one, aspect) != _plain(other, aspect)]
    return " and ".join(found or LOOKS)


def _explain_unknown(unknown, classes, split, train, where):
    """The arguments of `BadRowsError`."""
    listed = ", ".join(map(repr, unknown[:SHOWN])) + (", ..." if len(unknown) > SHOWN else "")
    known = ", ".join(map(repr, classes.names[:20])) + (", ..." if len(classes.names) > 20 else "")
    alike = {_plain(name): name for name in classes.names}
    near = [(value, alike[_plain(value)]) for value in unknown if _plain(value) in alike]
    hints = "".join(f"; {one!r} and {two!r} differ only by {difference(one, two)}" for one, two in near[:SHOWN])
    what = f"{split} has labels that {train} lacks: {listed}"
    return what, split, where, f"{train} knows [{known}]{hints}"
