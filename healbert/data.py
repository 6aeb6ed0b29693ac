"""From a task's name, a Hub id or files to tokenized splits."""

import dataclasses
import hashlib
import pathlib

import numpy as np

from . import embedded
from .errors import UserError
from .tasks import EMBEDDED_TASK, TASKS, Task

USUAL_TEXT_COLUMNS = ("text", "sentence", "content")


@dataclasses.dataclass
class TaskData:
    """A task ready for the trainer.

    ``train``, ``evaluation`` and, where they exist, ``dev`` and ``test`` are `datasets.Dataset` with columns
    ``id`` (row number in its source), ``label`` (class index), and the texts or, once tokenized, the model's inputs.
    """

    name: str
    source: str
    label_names: list
    text_columns: list
    splits: dict
    fingerprint: str

    def describe(self):
        """What ``results.json`` says of the task."""
        return {
            "name": self.name,
            "source": self.source,
            "label_names": self.label_names,
            "text_columns": self.text_columns,
            "examples": {split: len(rows) for split, rows in self.splits.items()},
            "majority_f1_weighted": _majority_f1(self.splits["evaluation"]["label"], self.splits["train"]["label"]),
            "fingerprint": self.fingerprint,
        }


def load_task(data, model, selection="best_eval", dev_fraction=0.1):
    """Loads the raw splits that the arguments name, checks them and draws the samples.

    Args:
        data, model: `DataArguments` and `ModelArguments`.
        selection: with "dev", a stratified ``dev_fraction`` of train is held out as split ``dev``.

    Raises:
        UserError: naming what is wrong with the source, its columns, texts or labels.
    """
    task, raw, source = _load_raw(data, model)
    columns = _find_columns(raw, task, data)
    raw = {split: _with_text_and_label(rows, split, *columns) for split, rows in raw.items()}
    names = _label_names(raw["train"], task)
    splits = {split: _encode_labels(rows, split, names) for split, rows in raw.items()}
    splits = _sample(splits, data)
    if selection == "dev":
        splits |= _hold_out(splits["train"], dev_fraction, data.sample_seed)
    if len(set(splits["train"]["label"])) < 2:
        raise UserError(f"train holds a single class, '{names[splits['train']['label'][0]]}'; two or more are needed")
    return TaskData(
        name=data.task_name or data.dataset_name or pathlib.Path(data.train_file).stem,
        source=source,
        label_names=names,
        text_columns=columns[0],
        splits=splits,
        fingerprint=_fingerprint(splits, columns[0]),
    )


def tokenize(task, tokenizer, data):
    """Replaces the texts of every split by token ids.

    Args:
        task: a `TaskData`; changed in place.
        tokenizer: a transformers tokenizer.
        data: `DataArguments` (max_seq_length, pad_to_max_length, preprocessing_num_workers, overwrite_cache).
    """
    longest = min(data.max_seq_length, tokenizer.model_max_length)
    blank = tokenizer.pad_token_id

    def encode(batch):
        texts = [batch[column] for column in task.text_columns]
        padding = "max_length" if data.pad_to_max_length else False
        encoded = tokenizer(*texts, truncation=True, max_length=longest, padding=padding)
        for row, ids in enumerate(encoded["input_ids"]):
            if not ids:  # a text without a single token, and a tokenizer that adds none
                encoded["input_ids"][row], encoded["attention_mask"][row] = [blank], [1]
        return encoded

    for split, rows in task.splits.items():
        task.splits[split] = rows.map(
            encode,
            batched=True,
            remove_columns=task.text_columns,
            num_proc=data.preprocessing_num_workers,
            load_from_cache_file=not data.overwrite_cache,
            desc=f"Tokenizing {split}",
        )


def _load_raw(data, model):
    if data.train_file:
        return _load_files(data, model)
    task = TASKS.get(data.task_name) or Task(data.dataset_name, data.dataset_config_name, text=())
    folder = _local_folder(task, data, model)
    source = str(folder) if folder else "/".join(filter(None, (task.dataset, task.config)))
    raw = _open(str(folder) if folder else task.dataset, None if folder else task.config, model)
    evaluation = _evaluation_split(raw, task, data)
    return task, {"train": raw["train"], "evaluation": raw[evaluation]}, source


def _local_folder(task, data, model):
    if task.dataset == EMBEDDED_TASK:
        return embedded.docstrings_folder(model.cache_dir)
    if data.data_root:
        names = [task.dataset.rstrip("/").rpartition("/")[2], task.config]
        root = pathlib.Path(data.data_root).expanduser()
        tried = [root / name for name in names if name]
        for folder in tried:
            if folder.is_dir():
                return folder
        raise UserError(f"--data_root holds no dataset {' or '.join(map(str, tried))}")
    folder = pathlib.Path(task.dataset).expanduser()
    if folder.is_dir():
        return folder
    if task.dataset.startswith((".", "/", "~")) or task.dataset.count("/") > 1:
        raise UserError(f"dataset folder {task.dataset} does not exist")
    return None


def _open(path, config, model, **options):
    import datasets
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return datasets.load_dataset(path, config, cache_dir=model.cache_dir, token=model.token, **options)
    except ConnectionError as error:
        raise UserError(
            f"dataset '{path}' is not on this machine and the Hub cannot be reached; go on without it with "
            "--data_root DIR, --dataset_name FOLDER, --train_file FILE, or the embedded --task_name docstrings"
        ) from error
    except (datasets.exceptions.DatasetNotFoundError, HfHubHTTPError) as error:
        raise UserError(f"dataset '{path}' cannot be opened: {error}") from error
    except (datasets.exceptions.DatasetGenerationError, datasets.exceptions.DataFilesNotFoundError) as error:
        raise UserError(f"the data of '{path}' cannot be read: {error.__cause__ or error}") from error
    except ValueError as error:  # an unknown configuration, a folder without data files
        raise UserError(f"dataset '{path}' cannot be opened: {error}") from error


def _evaluation_split(raw, task, data):
    if "train" not in raw:
        raise UserError(f"{task.dataset} has no split 'train' (found: {', '.join(raw)})")
    wanted = [task.evaluation] if data.task_name else ["validation", "test"]
    for split in wanted:
        if split in raw:
            return split
    raise UserError(f"{task.dataset} has no split '{' or '.join(wanted)}' to evaluate on (found: {', '.join(raw)})")


def _load_files(data, model):
    files = {"train": data.train_file, "validation": data.validation_file, "test": data.test_file}
    splits = {split: _open_file(path, model) for split, path in files.items() if path}
    splits["evaluation"] = splits.pop("validation") if "validation" in splits else splits.pop("test")
    return Task("files", text=()), splits, " ".join(path for path in files.values() if path)


def _open_file(path, model):
    kind = pathlib.Path(path).suffix[1:].lower()
    builder = {"tsv": "csv", "jsonl": "json"}.get(kind, kind)
    options = {"keep_default_na": False} if builder == "csv" else {}  # the word "null" is a text, not a gap
    if kind == "tsv":
        options["sep"] = "\t"
    rows = _open(builder, None, model, data_files=str(path), split="train", **options)
    if not len(rows):
        raise UserError(f"{path} holds no examples")
    return rows


def _find_columns(raw, task, data):
    found = raw["train"].column_names
    label = data.label_column_name or task.label
    if label not in found:
        raise UserError(f"no label column '{label}' (found: {', '.join(found)}); name it with --label_column_name")
    text = [c.strip() for c in (data.text_column_names or "").split(",") if c.strip()] or list(task.text)
    text = text or _guess_text_column(raw["train"], label)
    for column in text:
        if column not in found:
            raise UserError(f"no text column '{column}' (found: {', '.join(found)}); name it with --text_column_names")
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


def _with_text_and_label(rows, split, text_columns, label):
    for column in (*text_columns, label):
        if column not in rows.column_names:
            raise UserError(f"{split} has no column '{column}' (found: {', '.join(rows.column_names)})")
    for column in text_columns:
        if not _is_string(rows.features[column]):
            raise UserError(f"column '{column}' of {split} holds {rows.features[column]}, not text")
        empty = [i for i, text in enumerate(rows[column]) if not text]
        if empty:
            raise UserError(
                f"{len(empty)} texts of {split} are empty or null in column '{column}', the first in row {empty[0]}; "
                "remove or fill these rows"
            )
    rows = rows.select_columns([*text_columns, label])
    rows = rows.rename_column(label, "label") if label != "label" else rows
    return rows.add_column("id", np.arange(len(rows)))


def _label_names(train, task):
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


def _encode_labels(rows, split, names):
    import datasets

    values = _label_values(rows, split)
    if hasattr(rows.features["label"], "names"):
        own = rows.features["label"].names
        if any(v < 0 for v in values):
            raise UserError(f"split {split} has unlabelled examples (label -1); choose a labelled split")
        values = [own[v] for v in values]
    elif all(isinstance(v, int) for v in values) and not all(name.lstrip("-").isdigit() for name in names):
        values = [names[v] if 0 <= v < len(names) else v for v in values]
    index = {name: i for i, name in enumerate(names)}
    unknown = sorted({str(v) for v in values} - set(index))
    if unknown:
        raise UserError(f"{split} has labels that train lacks: {', '.join(unknown[:5])}; train knows {names[:20]}")
    labels = datasets.Dataset.from_dict(
        {"label": [index[str(v)] for v in values]}, features=datasets.Features({"label": datasets.Value("int64")})
    )
    return datasets.concatenate_datasets([rows.remove_columns("label"), labels], axis=1)


def _sample(splits, data):
    limits = {"train": data.max_train_samples, "evaluation": data.max_eval_samples, "test": data.max_eval_samples}
    return {
        split: rows.select(stratified_sample(rows["label"], limits[split], data.sample_seed))
        if limits[split] is not None and limits[split] < len(rows)
        else rows
        for split, rows in splits.items()
    }


def _hold_out(train, fraction, seed):
    held = stratified_sample(train["label"], max(1, round(fraction * len(train))), seed)
    kept = np.setdiff1d(np.arange(len(train)), held)
    return {"train": train.select(kept), "dev": train.select(held)}


def stratified_sample(labels, size, seed):
    """Draws ``size`` positions so that every class keeps its share, to within one example.

    Args:
        labels: class indices, one per example.
        size: how many to draw, at most ``len(labels)``.
        seed: seed of the draw.

    Returns:
        numpy.ndarray of int: the drawn positions in ascending order.
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    quota = np.floor(shares).astype(int)
    largest_remainders = np.argsort(quota - shares, kind="stable")[: size - quota.sum()]
    quota[largest_remainders] += 1
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(drawn))


def _majority_f1(labels, train_labels):
    from sklearn.metrics import f1_score

    majority = np.bincount(train_labels).argmax()
    return float(f1_score(labels, np.full(len(labels), majority), average="weighted", zero_division=0))


def _fingerprint(splits, text_columns):
    digest = hashlib.sha256()
    for split, rows in sorted(splits.items()):
        for column in (*text_columns, "label"):
            for value in rows[column]:
                digest.update(f"{split}\0{column}\0{value}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
