"""How long the parts of a training step take, by the hooks that every `transformers.Trainer` has."""

import contextlib
import time

import torch
from transformers import TrainerCallback

STEP_PHASES = ("data", "forward", "backward", "clipping", "optimizer", "other")


class Clock(TrainerCallback):
    """Times the parts of training with a trainer that has not trained yet, by wrapping its hooks.

    The parts of a step are ``data`` (batches are read and padded), ``forward`` (to the loss), ``backward``,
    ``clipping`` (from there to the optimizer: the gradients' norm, and Trainer's notes of the loss), ``optimizer``, and
    ``other``. Outside the steps are ``evaluation`` and ``saving``. A part within another belongs to that one.

    Args:
        trainer: a `transformers.Trainer`.
        warm_up: steps that do not count.
        wait: wait for the GPU at the ends of each part. What it does is known by part then, and takes longer in all.

    Attributes:
        seconds: {part: seconds in all}, after training.
        shapes: (texts, tokens of each with padding) of every batch that counts.
        wall, cpu: seconds of the steps that count, and seconds of processors in them.
    """

    def __init__(self, trainer, warm_up, wait=False):
        self.trainer, self.warm_up, self.wait = trainer, warm_up, wait
        self.device = trainer.args.device
        self.seconds = dict.fromkeys((*STEP_PHASES, "evaluation", "saving"), 0.0)
        self.shapes, self.wall, self.cpu = [], 0.0, 0.0
        self._steps, self._within, self._mark = 0, False, None
        trainer.get_batch_samples = self._counting(self._timed("data", trainer.get_batch_samples))
        trainer.compute_loss = self._timed("forward", trainer.compute_loss)
        trainer.accelerator.backward = self._timed("backward", trainer.accelerator.backward)
        trainer.training_step = self._marked(trainer.training_step)
        trainer.evaluate = self._timed("evaluation", trainer.evaluate)
        trainer._save_checkpoint = self._timed("saving", trainer._save_checkpoint)
        trainer.add_callback(self)

    def now(self, wait=True):
        """Seconds of a clock, once the GPU has done what it was told, where that is waited for."""
        if wait and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def on_train_begin(self, *_, **__):
        if self.warm_up == 0:
            self._begin()

    def on_pre_optimizer_step(self, *_, **__):
        self._mark = self._since("clipping")

    def on_optimizer_step(self, *_, **__):
        self._since("optimizer")

    def on_step_end(self, args, state, control, **_):
        self._steps += 1
        if self._steps == self.warm_up:
            self._begin()
        if state.global_step == state.max_steps:  # evaluation and saving come later
            self._ends = self.now(), time.process_time()

    def on_train_end(self, *_, **__):
        self.wall, self.cpu = (end - began for end, began in zip(self._ends, self._began, strict=True))
        self.seconds["other"] = self.wall - sum(self.seconds[name] for name in STEP_PHASES if name != "other")

    def _begin(self):
        self.seconds, self.shapes = dict.fromkeys(self.seconds, 0.0), []
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._began = self.now(), time.process_time()

    def _since(self, name):
        now = self.now(self.wait)
        self.seconds[name] += now - self._mark
        return now

    @contextlib.contextmanager
    def _part(self, name):
        if self._within:
            yield
            return
        self._within, began = True, self.now(self.wait)
        try:
            yield
        finally:
            self.seconds[name] += self.now(self.wait) - began
            self._within = False

    def _timed(self, name, function):
        def timed(*args, **kwargs):
            with self._part(name):
                return function(*args, **kwargs)

        return timed

    def _marked(self, function):
        def marked(*args, **kwargs):
            found = function(*args, **kwargs)
            self._mark = self.now(self.wait)
            return found

        return marked

    def _counting(self, function):
        def counting(*args, **kwargs):
            batches, items = function(*args, **kwargs)
            self.shapes += [tuple(batch["input_ids"].shape) for batch in batches]
            return batches, items

        return counting
