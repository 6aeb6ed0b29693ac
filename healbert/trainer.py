"""HealingTrainer: transformers.Trainer with sorted evaluation, seeded batch order and a stop at divergence."""

import json
import pathlib

import numpy as np
import pyarrow.compute as pc
import torch
from torch.utils.data import Sampler
from transformers import DataCollatorWithPadding, Trainer
from transformers.trainer_pt_utils import get_length_grouped_indices

from .machine import keep_freed_memory
from .metrics import compute_metrics


class Diverged(Exception):
    """The loss became NaN or infinite."""


class FixedOrder(Sampler):
    """Yields the given positions, in that order, every time."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


class GroupedByLength(Sampler):
    """Batches of similar length, in a random order that depends on nothing but the seed and the epoch.

    The grouping is transformers' (`get_length_grouped_indices`). There it draws from the global generator, which
    dropout also uses, so that a resumed run could see another order; and it goes from long texts to short ones
    over and over. Here whole batches are shuffled as well.

    Args:
        lengths: tokens of every example.
        batch_size: examples in one step, over all processes.
        seed: seed of the order.
    """

    def __init__(self, lengths, batch_size, seed):
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        indices = get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)
        batches = [indices[i : i + self.batch_size] for i in range(0, len(indices), self.batch_size)]
        whole = len(indices) // self.batch_size  # a short batch stays last
        order = torch.randperm(whole, generator=generator).tolist() + list(range(whole, len(batches)))
        return iter([index for position in order for index in batches[position]])

    def __len__(self):
        return len(self.lengths)


class HealingTrainer(Trainer):
    """A `transformers.Trainer` for healing a damaged classifier.

    Takes Trainer's arguments; datasets are tokenized `datasets.Dataset`. Unless others are given, metrics are
    weighted F1, accuracy and macro F1, and batches are padded to their longest member. Predictions and labels
    come back in the order of the dataset, each example once, however many processes there are. On a CPU, training has
    the whole process keep freed memory (`machine.keep_freed_memory`).

    Raises:
        Diverged: from `train`, on every process, once the loss is NaN or infinite.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("compute_metrics", compute_metrics)
        if kwargs.get("data_collator") is None and kwargs.get("processing_class") is not None:
            kwargs["data_collator"] = DataCollatorWithPadding(kwargs["processing_class"])
        super().__init__(*args, **kwargs)
        # Encoders take **kwargs and yet ignore num_items_in_batch: without this, the loss would not be averaged over
        # accumulated steps and would be multiplied by the number of processes.
        self.model_accepts_loss_kwargs = False

    def train(self, *args, **kwargs):
        if self.args.device.type == "cpu":
            keep_freed_memory()
        return super().train(*args, **kwargs)

    def _get_train_sampler(self, train_dataset=None):
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        lengths = token_lengths(self.train_dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupedByLength(lengths.tolist(), step, seed)

    def _get_eval_sampler(self, eval_dataset):
        return FixedOrder(longest_first(eval_dataset))

    def evaluation_loop(self, dataloader, *args, **kwargs):
        output = super().evaluation_loop(dataloader, *args, **kwargs)
        if self.is_in_train and not np.isfinite(output.metrics.get("eval_loss", 0.0)):
            raise Diverged
        if output.predictions is None:
            return output
        original = np.argsort(longest_first(dataloader.dataset))
        return output._replace(
            predictions=_reorder(output.predictions, original),
            label_ids=None if output.label_ids is None else output.label_ids[original],
        )

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        bad = ~torch.isfinite(loss)
        if self.args.world_size > 1:
            bad = self.accelerator.gather(bad)
        if bad.any():
            raise Diverged
        return loss


def token_lengths(rows):
    """The number of tokens of every example of a tokenized `datasets.Dataset`: numpy.ndarray (examples,)."""
    ids = rows.select_columns("input_ids").with_format("arrow")[:]["input_ids"]
    return pc.list_value_length(ids).to_numpy()


def longest_first(rows):
    """Positions from the longest example to the shortest; of rows without token ids, as they come."""
    if "input_ids" not in rows.column_names:
        return list(range(len(rows)))
    return np.argsort(-token_lengths(rows), kind="stable").tolist()


def _reorder(predictions, order):
    if isinstance(predictions, (tuple, list)):
        return tuple(_reorder(part, order) for part in predictions)
    return predictions[order]


def last_complete_checkpoint(output_dir, world_size=1):
    """The newest checkpoint that was written to its end, or None.

    Trainer writes ``trainer_state.json`` last; a process killed before that leaves none, or one cut short.
    """
    folders = pathlib.Path(output_dir).glob("checkpoint-*")
    for folder in sorted(folders, key=lambda p: int(p.name.rpartition("-")[2]), reverse=True):
        if _is_complete(folder, world_size):
            return str(folder)
    return None


def _is_complete(folder, world_size):
    try:
        json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return len(list(folder.glob("rng_state*.pth"))) == world_size
