"""A task ready for the trainer."""

import dataclasses
import hashlib
import warnings

from ..results.schema import source_name
from .columns import text_columns
from .reading import load_raw
from .rows import BadRowsError
from .source import DataSource
from .table import Task
from .types import TaskType, task_type

SHOWN = 20  # labels in a warning


@dataclasses.dataclass
class TaskData:
    """A task ready for the trainer.

    ``train``, ``evaluation`` and, where they exist, ``dev`` and ``test`` are `datasets.Dataset` with columns
    ``id`` (row number in its source), ``label`` (class index, or what the type has), and the texts or, once tokenized,
    the model's inputs.
    ``evaluation_split`` is the source's name of the evaluated split; ``commit`` that of a dataset on the Hub; ``type``
    the kind of task, which knows all that is not the same for every kind. ``read`` says for each split of the source
    how many rows it has and, where they are local files, what was read. ``texts`` are the splits before they were
    tokenized, of a run that asks for them.
    """

    name: str
    source: str
    label_names: list
    text_columns: list
    splits: dict
    fingerprint: str
    evaluation_split: str
    type: TaskType
    commit: str | None = None
    read: dict = dataclasses.field(default_factory=dict)
    texts: dict = dataclasses.field(default_factory=dict)

    def describe(self):
        """What ``results.json`` says of the task."""
        return {
            "name": self.name,
            "type": self.type.name,
            "source": self.source,
            "commit": self.commit,
            "evaluation_split": self.evaluation_split,
            "label_names": self.label_names,
            "text_columns": self.text_columns,
            "examples": {split: len(rows) for split, rows in self.splits.items()},
            "read": self._describe_read(),
            "primary_metric": self.type.primary_metric,
            "metrics": self.type.describe_metrics(),
            "majority": self.type.baseline(self.splits),
            "baseline": {"name": self.type.baseline_name, "says": self.type.baseline_says},
            "fingerprint": self.fingerprint,
        }

    def _describe_read(self):
        """For each split: the rows of its source and the files that they came from; the rows used, by class."""
        return {
            split: self.read.get(split, {}) | {"used": len(rows), "classes": self.type.count(rows, self.label_names)}
            for split, rows in self.splits.items()
        }


def load_task(data, model, selection="best_eval", dev_fraction=0.1, source=None):
    """Loads the raw splits that the arguments name, checks them and draws the samples.

    Args:
        data, model: `DataArguments` and `ModelArguments`.
        selection: with "dev", a stratified ``dev_fraction`` of train is held out as split ``dev``.
        source: the `DataSource` of the data, where it is known already.

    Returns:
        TaskData.

    Raises:
        UserError: naming what is wrong with the source, its columns, texts or labels.
    """
    source = source or DataSource(data, model)
    task, raw, place, files = load_raw(source, model)
    kind = task_type(data.task_type or task.type)
    columns = kind.find_columns(raw, task, data)
    try:
        splits, names = kind.prepare(raw, task, columns)
    except BadRowsError as error:
        raise error.located(
            next((of for split, of in files.items() if task.call(split) == error.split), None)
        ) from error
    whole = dict(splits)
    if data.validation_fraction:
        parts = kind.hold_out(splits["train"], data.validation_fraction, data.sample_seed, "--validation_fraction")
        splits |= {"train": parts["train"], "evaluation": parts["dev"]}
    splits = _draw(kind, splits, data)
    if selection == "dev":
        splits |= kind.hold_out(splits["train"], dev_fraction, data.sample_seed)
    kind.check(splits, names)
    _warn_of_lost_labels(kind, whole, splits, names)
    return TaskData(
        name=source_name(vars(data)),
        source=place,
        label_names=names,
        text_columns=columns[0],
        splits=splits,
        fingerprint=_fingerprint(kind, splits),
        evaluation_split=task.evaluation,
        type=kind,
        commit=source.commit,
        read={split: _describe_source(rows, files.get(split)) for split, rows in raw.items()},
    )


def tokenize(task, tokenizer, data):
    """Replaces the texts of every split by token ids.

    Args:
        task: a `TaskData`; changed in place.
        tokenizer: a transformers tokenizer.
        data: `DataArguments` (max_seq_length, pad_to_max_length, preprocessing_num_workers, overwrite_cache).
    """
    for split, rows in task.splits.items():
        encode, columns = task.type.encode_split(split, rows, tokenizer, data)
        task.splits[split] = rows.map(
            encode,
            batched=True,
            remove_columns=columns,
            num_proc=data.preprocessing_num_workers,
            load_from_cache_file=not data.overwrite_cache,
            desc=f"Tokenizing {split}",
        )
        task.splits[split] = task.type.encoded(task.splits[split], split)


def as_text_alone(task, kind):
    """The texts of a task as a task of language modelling: the same rows of train and evaluation, not tokenized.

    Args:
        task: a `TaskData` with ``texts``. Of pairs, the side counts that holds more text in the evaluation split.
        kind: a `TaskType` for text alone.

    Returns:
        TaskData: ``text_columns`` is the one column that counts.
    """
    names = text_columns(task.texts["evaluation"])
    sizes = [sum(map(len, task.texts["evaluation"][name][:])) for name in names]
    largest = sizes.index(max(sizes))
    raw = {split: task.texts[split].select_columns([names[largest]]) for split in ("train", "evaluation")}
    splits, _ = kind.prepare(raw, Task(task.name), (names[largest : largest + 1], None))
    columns = task.text_columns[largest : largest + 1]
    parts = {"label_names": [], "text_columns": columns, "splits": splits, "read": {}, "texts": {}}
    return dataclasses.replace(task, type=kind, fingerprint=_fingerprint(kind, splits), **parts)


def _draw(kind, splits, data):
    """The splits with no more examples than asked for; a split that is small enough stays as it is."""
    limits = {"train": data.max_train_samples, "evaluation": data.max_eval_samples, "test": data.max_eval_samples}
    drawn = dict(splits)
    for split, rows in splits.items():
        # All of a file without labels is predicted: there is no score that a sample would do for.
        if limits[split] is not None and limits[split] < len(rows) and "label" in rows.column_names:
            drawn[split] = rows.select(kind.draw(rows, limits[split], data.sample_seed))
    return drawn


def _warn_of_lost_labels(kind, whole, splits, names):
    """Names, in one line, the labels that a draw took all rows of, in which split.

    Nothing else tells: the model keeps an output for a class without training rows, and macro F1 leaves out a class
    that nobody evaluates.
    """
    said = []
    for split, rows in splits.items():
        # What is held out of train has its rows from there.
        before, now = kind.count(whole.get(split, whole["train"]), names), kind.count(rows, names)
        lost = [name for name, count in before.items() if count and not now[name]]
        if lost:
            more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            said.append(f"{split} ({len(rows)} rows): {', '.join(map(repr, lost[:SHOWN]))}{more}")
    if said:
        warnings.warn(f"the draw leaves no row of these classes in {'; in '.join(said)}", stacklevel=3)


def _describe_source(rows, files):
    if not files:
        return {"rows": len(rows), "reader": "datasets"}
    return {"rows": len(rows), "reader": "healbert", "files": [file.describe() for file in files]}


def _fingerprint(kind, splits):
    digest = hashlib.sha256()
    for split, rows in sorted(splits.items()):
        for column in kind.fingerprint_columns(rows):
            for batch in rows.select_columns([column]).with_format("arrow").iter(10_000):
                text = "".join(f"{split}\0{column}\0{value}\0" for value in batch.column(0).to_pylist())
                digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
