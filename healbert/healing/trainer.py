"""HealingTrainer: transformers.Trainer with sorted evaluation, seeded batch order and a stop at divergence."""

import numpy as np
import torch
from transformers import DataCollatorWithPadding, Trainer

from ..tasks.metrics import compute_metrics
from ..utils.machine import keep_freed_memory
from .samplers import FixedOrder, GroupedByLength, longest_first, reorder, token_lengths


class Diverged(Exception):
    """The loss became NaN or infinite."""


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
            predictions=reorder(output.predictions, original),
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
