"""A task ready for the trainer."""

import dataclasses
import hashlib
import pathlib

import numpy as np

from ..utils.errors import UserError
from .columns import encode_labels, find_columns, label_names, text_columns, with_text_and_label
from .reading import load_raw
from .sampling import draw_samples, hold_out


@dataclasses.dataclass
class TaskData:
    """A task ready for the trainer.

    ``train``, ``evaluation`` and, where they exist, ``dev`` and ``test`` are `datasets.Dataset` with columns
    ``id`` (row number in its source), ``label`` (class index), and the texts or, once tokenized, the model's inputs.
    ``evaluation_split`` is the source's name of the evaluated split; ``commit`` that of a dataset on the Hub.
    """

    name: str
    source: str
    label_names: list
    text_columns: list
    splits: dict
    fingerprint: str
    evaluation_split: str
    commit: str | None = None

    def describe(self):
        """What ``results.json`` says of the task."""
        return {
            "name": self.name,
            "source": self.source,
            "commit": self.commit,
            "evaluation_split": self.evaluation_split,
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
    task, raw, source, commit = load_raw(data, model)
    columns = find_columns(raw, task, data)
    raw = {split: with_text_and_label(rows, split, *columns) for split, rows in raw.items()}
    names = label_names(raw["train"], task)
    indexed = hasattr(raw["train"].features["label"], "names") or names == list(task.label_names)
    splits = {split: encode_labels(rows, split, names, indexed) for split, rows in raw.items()}
    splits = draw_samples(splits, data)
    if selection == "dev":
        splits |= hold_out(splits["train"], dev_fraction, data.sample_seed)
    if len(set(splits["train"]["label"])) < 2:
        raise UserError(f"train holds a single class, '{names[splits['train']['label'][0]]}'; two or more are needed")
    return TaskData(
        name=data.task_name or data.dataset_name or pathlib.Path(data.train_file).stem,
        source=source,
        label_names=names,
        text_columns=columns[0],
        splits=splits,
        fingerprint=_fingerprint(splits),
        evaluation_split=task.evaluation,
        commit=commit,
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

    columns = text_columns(task.splits["train"])

    def encode(batch):
        texts = [batch[column] for column in columns]
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
            remove_columns=columns,
            num_proc=data.preprocessing_num_workers,
            load_from_cache_file=not data.overwrite_cache,
            desc=f"Tokenizing {split}",
        )


def _majority_f1(labels, train_labels):
    from sklearn.metrics import f1_score

    majority = np.bincount(train_labels).argmax()
    return float(f1_score(labels, np.full(len(labels), majority), average="weighted", zero_division=0))


def _fingerprint(splits):
    digest = hashlib.sha256()
    for split, rows in sorted(splits.items()):
        for column in (*text_columns(rows), "label"):
            for value in rows[column]:
                digest.update(f"{split}\0{column}\0{value}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
