"""HealingTrainer: transformers.Trainer with sorted evaluation, seeded batch order and a stop at divergence."""

import math
import pathlib
import shutil

import numpy as np
import torch
from transformers import DataCollatorWithPadding

from ..tasks.types import task_type
from ..utils.errors import UserError
from ..utils.machine import keep_freed_memory
from .checkpoints import LEAST, prune, write_manifest
from .evaluated import LastEvaluation, evaluation_in
from .generating import GeneratingTrainer
from .hooks import Hooks
from .predicted import PredictedClasses
from .samplers import FixedOrder, GroupedByLength, longest_first, reorder, token_lengths
from .strategies.full import Full


class Diverged(Exception):
    """The loss became NaN or infinite."""


class HealingTrainer(GeneratingTrainer):
    """A `transformers.Trainer` for healing a damaged classifier.

    Takes Trainer's arguments; datasets are tokenized `datasets.Dataset`. Unless others are given, metrics are
    weighted F1, accuracy and macro F1, and batches are padded to their longest member. Predictions and labels
    come back in the order of the dataset, each example once, however many processes there are. On a CPU, training has
    the whole process keep freed memory (`machine.keep_freed_memory`).

    Args:
        strategy: a `Strategy`, whose `prepare` has seen the model; default: `Full`, which trains what requires a
            gradient.
        scored_dataset: rows that every evaluation of `train` scores as well, without a say in which is the best; the
            scores stand in the log, under "scored_" and the metric's name.
        predictions: function from the model's outputs to predicted classes, which ``predicted`` then keeps of every
            evaluation of `train`: of "eval", and of "scored".
        training_inputs: function(inputs, epoch) -> inputs that a training batch goes through before the model.
        model_inputs: function(inputs) -> inputs that every batch goes through, of types whose ``labels`` are not those
            of the model.
        generates: what a model writes of a batch in an evaluation, as `GeneratingTrainer` has it.
        row_columns: columns beside the model's own that batches are to have.

    Raises:
        Diverged: from `train`, on every process, once the loss is NaN or infinite.
    """

    def __init__(
        self,
        *args,
        strategy=None,
        scored_dataset=None,
        predictions=None,
        training_inputs=None,
        model_inputs=None,
        generates=None,
        row_columns=(),
        **kwargs,
    ):
        if "compute_metrics" not in kwargs:
            kwargs["compute_metrics"] = task_type().compute_metrics
        if kwargs.get("data_collator") is None and kwargs.get("processing_class") is not None:
            kwargs["data_collator"] = DataCollatorWithPadding(kwargs["processing_class"])
        self.strategy = Full() if strategy is None else strategy
        self.scored_dataset, self.predicted = scored_dataset, PredictedClasses(predictions)
        self.evaluated, self.training_inputs = LastEvaluation(), training_inputs
        self.model_inputs = model_inputs
        self.clip = None  # function(model) -> norm of the gradients, in place of Trainer's clipping
        self.row_columns, self.generates = set(row_columns), generates
        super().__init__(*args, **kwargs)
        self.add_callback(Hooks(self))
        if model_inputs:
            self.label_names = ["labels"]  # and not what the model calls its own
        # Encoders take **kwargs and yet ignore num_items_in_batch: without this, the loss would not be averaged over
        # accumulated steps and would be multiplied by the number of processes.
        self.model_accepts_loss_kwargs = False

    def train(self, resume_from_checkpoint=None, **kwargs):
        self.taken_up = pathlib.Path(resume_from_checkpoint).resolve() if resume_from_checkpoint else None
        if resume_from_checkpoint:
            self.predicted.read(resume_from_checkpoint)
        # On a CPU every step would hand its memory back to the kernel and fault it in again.
        if self.args.device.type == "cpu":
            keep_freed_memory()
        # Trainer's own pruning deletes whatever is called checkpoint-*, and keeps none to fall back on: see `prune`.
        self._limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            return super().train(resume_from_checkpoint, **kwargs)
        finally:
            self.args.save_total_limit = self._limit

    def _save_checkpoint(self, model, trial):
        folder = pathlib.Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(folder, ignore_errors=True)  # of a kill, perhaps of another number of processes
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self.predicted.write(folder)
            self.evaluated.write(folder, self.state.global_step)
            write_manifest(folder)
            limit = self._limit and max(self._limit, LEAST)
            prune(folder.parent, limit, [folder, self.state.best_model_checkpoint])

    def _run_epoch(self, *args, **kwargs):
        # Before an epoch and not after one: a run that is taken up after its last epoch must not train another.
        if self.strategy.stops(self):
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*args, **kwargs)

    def create_optimizer(self, model=None):
        # A strategy's groups take the way of GaLore's: as "params" among the optimizer's own options.
        trained = self.model if model is None else model
        groups = self.strategy.optimizer_groups(trained, self.args)
        if groups is not None and self.optimizer is None:
            optimizer, options = self.get_optimizer_cls_and_kwargs(self.args, trained)
            _refuse_own_groups(self.args.optim, optimizer, options)
            self.optimizer_cls_and_kwargs = (optimizer, options | {"params": groups})
        return super().create_optimizer(model)

    def _load_optimizer_and_scheduler(self, checkpoint):
        super()._load_optimizer_and_scheduler(checkpoint)
        kept = getattr(self.optimizer, "state", {}) if checkpoint else {}
        if any("exp_avg" in of and of["exp_avg"].shape != parameter.shape for parameter, of in kept.items()):
            raise UserError(f"checkpoint {checkpoint} was written with other --fast_paths; give those, or another one")

    def _clip_grad_norm(self, model):
        return super()._clip_grad_norm(model) if self.clip is None else self.clip(model)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        # What a strategy adds is for training; the loss of an evaluation stays the task's. A copy goes on, because
        # label smoothing takes the labels out of what it is given.
        asked = {key: value for key, value in inputs.items() if key != "row"} | (
            self.strategy.asks if model.training else {}
        )
        if model.training and self.training_inputs:
            asked = self.training_inputs(asked, math.floor((self.state.epoch or 0) + 1e-6))
        if self.model_inputs:
            asked = self.model_inputs(asked)
        loss, outputs = super().compute_loss(model, asked, True, num_items_in_batch=num_items_in_batch)
        if model.training:
            loss = self.strategy.loss(self, model, inputs, outputs, loss)
        return (loss, outputs) if return_outputs else loss

    def _set_signature_columns_if_needed(self):
        # Taken off a batch before the model sees it: which example it is.
        super()._set_signature_columns_if_needed()
        needed = {"row"} if self.strategy.needs_row else set()
        self._signature_columns += sorted((needed | self.row_columns) - set(self._signature_columns))

    def _get_train_sampler(self, train_dataset=None):
        # transformers' own grouping draws from the generator that dropout uses (see GroupedByLength).
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        lengths = token_lengths(self.train_dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupedByLength(lengths.tolist(), step, seed)

    def _get_eval_sampler(self, eval_dataset):
        # Neighbours of one length need the least padding; the longest first, so that memory runs out at once or never.
        return FixedOrder(longest_first(eval_dataset))

    def evaluate(self, *args, **kwargs):
        # A loader of data draws its seed from the generator that dropout uses. The evaluation at an epoch's end has
        # always done so; any other leaves training as it is without it.
        if not self.is_in_train or float(self.state.epoch).is_integer():
            found = super().evaluate(*args, **kwargs)
        else:
            with self._draws_apart():
                found = super().evaluate(*args, **kwargs)
        if self.is_in_train and self.scored_dataset is not None:
            with self._draws_apart():
                self._score()
        return found

    def _draws_apart(self):
        return torch.random.fork_rng([self.args.device] if self.args.device.type == "cuda" else [])

    def _score(self):
        # In the log, as a checkpoint keeps that: a run that goes on after its last epoch knows the scores of it.
        scores = self.predict(self.scored_dataset, metric_key_prefix="scored").metrics
        self.state.log_history.append({"epoch": self.state.epoch, "step": self.state.global_step, **scores})

    def evaluation_loop(self, dataloader, *args, metric_key_prefix="eval", **kwargs):
        # Undoes the order of `_get_eval_sampler`, and sees a last step whose loss was finite and whose weights are not.
        output = super().evaluation_loop(dataloader, *args, metric_key_prefix=metric_key_prefix, **kwargs)
        if self.is_in_train and not np.isfinite(output.metrics.get(f"{metric_key_prefix}_loss", 0.0)):
            raise Diverged
        if output.predictions is None:
            return output
        original = np.argsort(longest_first(dataloader.dataset))
        output = output._replace(
            predictions=reorder(output.predictions, original),
            label_ids=None if output.label_ids is None else output.label_ids[original],
        )
        if self.is_in_train:
            self.predicted.keep(metric_key_prefix, self.state.global_step, output.predictions)
            self.evaluated.keep(metric_key_prefix, self.state.global_step, output)
        return output

    def chosen_evaluation(self, split):
        """What the evaluation of the chosen epoch gave in training: of "eval", or of "scored".

        Returns:
            PredictionOutput: its metrics begin with the name of the split. None where it has to be evaluated once
            more: the strategy changes the model at the end, the checkpoint is of an earlier version, or there are
            processes that might not all see its folder.
        """
        if self.strategy.changes_at_end or self.args.world_size > 1:
            return None
        return evaluation_in(self.state.best_model_checkpoint, split)

    def training_step(self, *args, **kwargs):
        # Every process stops at the same step: one that went on alone would wait for the others for ever.
        loss = super().training_step(*args, **kwargs)
        bad = ~torch.isfinite(loss)
        if self.args.world_size > 1:
            bad = self.accelerator.gather(bad)
        if bad.any():
            raise Diverged
        return loss


def _refuse_own_groups(name, optimizer, options):
    if {"params", "model", "optimizer_dict"} & set(options) or not issubclass(optimizer, torch.optim.Optimizer):
        raise UserError(
            f"--optim {name.value} arranges the parameters itself, and so does this --healing; use --optim adamw_torch"
        )
