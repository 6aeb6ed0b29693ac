"""Finding and checking the text and label columns."""

import numpy as np

from ..utils.errors import UserError

TEXT_COLUMNS = ("text", "text_pair")  # their names from here on, whatever the source calls them


USUAL_TEXT_COLUMNS = ("text", "sentence", "content")


def find_columns(raw, task, data):
    found = raw["train"].column_names
    label = data.label_column_name or task.label
    if label not in found:
        raise UserError(f"no label column '{label}' (found: {', '.join(found)}); name it with --label_column_name")
    text = [c.strip() for c in (data.text_column_names or "").split(",") if c.strip()] or list(task.text)
    text = text or _guess_text_column(raw["train"], label)
    for column in text:
        if column not in found:
            raise UserError(f"no text column '{column}' (found: {', '.join(found)}); name it with --text_column_names")
    if len({*text, label}) <= len(text):
        raise UserError(f"columns {', '.join([*text, label])}: text and label columns must differ from each other")
    if len(text) > 2:
        raise UserError(f"--text_column_names names {len(text)} columns; one, or two for pairs, are supported")
    return text, label


def _guess_text_column(rows, label):
    strings = [name for name, feature in rows.features.items() if _is_string(feature) and name != label]
    usual = [name for name in USUAL_TEXT_COLUMNS if name in strings]
    if usual or len(strings) == 1:
        return (usual or strings)[:1]
    raise UserError(f"no text column recognised (found: {', '.join(rows.column_names)}); give --text_column_names")


def _is_string(feature):
    return getattr(feature, "dtype", None) in ("string", "large_string", "string_view")


def with_text_and_label(rows, split, texts, label):
    for column in (*texts, label):
        if column not in rows.column_names:
            raise UserError(f"{split} has no column '{column}' (found: {', '.join(rows.column_names)})")
    for column in texts:
        if not _is_string(rows.features[column]):
            raise UserError(f"column '{column}' of {split} holds {rows.features[column]}, not text")
        empty = [i for i, text in enumerate(rows[column]) if not text]
        if empty:
            raise UserError(
                f"{len(empty)} texts of {split} are empty or null in column '{column}', the first in row {empty[0]}; "
                "remove or fill these rows"
            )
    rows = rows.select_columns([*texts, label])
    names = dict(zip((*texts, label), (*TEXT_COLUMNS[: len(texts)], "label"), strict=True))
    rows = rows.rename_columns(names)
    return rows.add_column("id", np.arange(len(rows)))


def text_columns(rows):
    """The text columns of a split that `with_text_and_label` made: one, or two for pairs."""
    return [column for column in TEXT_COLUMNS if column in rows.column_names]


def label_names(train, task):
    feature = train.features["label"]
    if hasattr(feature, "names"):
        return list(feature.names)
    values = _label_values(train, "train")
    if task.label_names and all(isinstance(v, int) and 0 <= v < len(task.label_names) for v in values):
        return list(task.label_names)
    return [str(v) for v in sorted(set(values), key=lambda v: (isinstance(v, str), v))]


def _label_values(rows, split):
    values = rows["label"][:]
    missing = [i for i, v in enumerate(values) if v is None or v == ""]
    if missing:
        raise UserError(f"{len(missing)} labels of {split} are missing, the first in row {missing[0]}; remove the rows")
    if any(isinstance(v, float) for v in values):
        raise UserError("the labels are floats; regression is not supported (write classes as integers or names)")
    if any(isinstance(v, (list, dict)) for v in values):
        raise UserError("the labels are lists; one class per example is supported")
    return values


def encode_labels(rows, split, names, indexed):
    """Replaces labels by class indices; ``indexed`` says that integers are indices already."""
    import datasets

    values = _label_values(rows, split)
    if hasattr(rows.features["label"], "names"):
        own = rows.features["label"].names
        if any(v < 0 for v in values):
            raise UserError(f"split {split} has unlabelled examples (label -1); choose a labelled split")
        values = [own[v] for v in values]
    elif indexed and all(isinstance(v, int) for v in values):
        values = [names[v] if 0 <= v < len(names) else v for v in values]
    index = {name: i for i, name in enumerate(names)}
    unknown = sorted({str(v) for v in values} - set(index))
    if unknown:
        raise UserError(f"{split} has labels that train lacks: {', '.join(unknown[:5])}; train knows {names[:20]}")
    labels = datasets.Dataset.from_dict(
        {"label": [index[str(v)] for v in values]}, features=datasets.Features({"label": datasets.Value("int64")})
    )
    return datasets.concatenate_datasets([rows.remove_columns("label"), labels], axis=1)
