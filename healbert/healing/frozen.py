"""Frozen layers at the bottom, passed once: what comes out of them is kept, and every epoch takes it from there."""

import os
import pathlib
import tempfile
import time

import numpy as np
import torch

from ..models.layers import find_layers
from ..utils.errors import UserError
from .samplers import token_lengths

ROW = "frozen_row"  # the column that says where an example's states are

FLAG = "--reuse_frozen"


def check_settings(training):
    """Refuses the settings under which what frozen layers give cannot be kept.

    Args:
        training: `transformers.TrainingArguments`.

    Raises:
        UserError: for more than one process, and for --torch_compile.
    """
    for name in ("fsdp", "deepspeed", "torch_compile"):
        if getattr(training, name):
            raise UserError(f"{FLAG} does not go with --{name}; leave one out")
    if training.world_size > 1:
        raise UserError(f"{FLAG} works in one process; leave it out")


class FrozenLayers:
    """The layers of a model that come before the first one that trains, and what they make of every example.

    Reading takes one pass over each split in evaluation mode. From then on a batch that says which examples it has
    (`ROW`) goes past these layers: dropout is off in them, whatever the rest does. A batch that does not say so goes
    through them as ever.

    Args:
        trainer: a `HealingTrainer` that has not trained yet, in which everything is marked that will train.

    Attributes:
        count: how many layers that are; 0 where the first one trains, or something before it does.
        bytes: what is kept takes this much of the disk; None before `read`.
        seconds: what reading took; None before `read`.

    Raises:
        UserError: if the model's layers cannot be passed over.
    """

    def __init__(self, trainer):
        self.trainer, self.model = trainer, trainer.model
        self.stack = find_layers(self.model)
        self.bytes = self.seconds = self._states = self._starts = self._now = None
        if self.stack.depth != len(self.stack.layers):
            raise self._refusal("applies its layers several times")
        self.count = self._find_frozen()

    def read(self, splits, folder):
        """Computes the states of all examples and has the model use them.

        Args:
            splits: {name: tokenized `datasets.Dataset`}.
            folder: where the states are kept while this process lives; the file has no name, so that nothing stays.

        Returns:
            dict: the splits, with the column `ROW`; unchanged where no layer is frozen.

        Raises:
            UserError: if passing the layers over gives other logits than the model.
            OSError: if the disk has no room for the states.
        """
        if not self.count:
            return splits
        began, first, numbered = time.perf_counter(), 0, {}
        self.trainer.row_columns.add(ROW)
        for name, rows in splits.items():
            numbered[name] = rows.add_column(ROW, np.arange(first, first + len(rows)))
            first += len(rows)
        lengths = np.concatenate([token_lengths(rows) for rows in splits.values()])
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        for rows in numbered.values():
            self._read_split(rows, folder)
        self._pass_over()
        self._require_same(max(numbered.values(), key=lambda rows: token_lengths(rows).max()))
        self.seconds = round(time.perf_counter() - began, 3)
        return numbered

    def describe(self):
        """What results.json says of it: a dict."""
        return {"frozen_layers": self.count, "frozen_bytes": self.bytes, "frozen_seconds": self.seconds}

    def _batches(self, rows):
        """Batches as an evaluation sees them, the longest texts first, on the model's device."""
        for batch in self.trainer.get_eval_dataloader(rows):
            yield self.trainer._prepare_inputs(dict(batch))

    def _run(self, batch):
        was_training = self.model.training
        self.model.eval()
        try:
            with self.trainer.accelerator.autocast():
                return self.model(**batch).logits.detach().float()
        finally:
            self.model.train(was_training)

    def _find_frozen(self):
        # A state that needs no gradient has nothing below it that trains, wherever in the model that may be.
        frozen = []
        hooks = [
            layer.register_forward_hook(lambda _, given, output: frozen.append(not self._hidden(output).requires_grad))
            for layer in self.stack.layers
        ]
        rows = self.trainer.eval_dataset
        try:
            with torch.enable_grad():
                self._run(next(self._batches(rows.select(range(min(2, len(rows)))))))
        finally:
            for hook in hooks:
                hook.remove()
        return frozen.index(False) if False in frozen else len(frozen)

    def _read_split(self, rows, folder):
        caught = []
        last = self.stack.layers[self.count - 1]
        hook = last.register_forward_hook(lambda _, given, output: caught.append(self._hidden(output)))
        try:
            for batch in self._batches(rows):
                with torch.no_grad():
                    self._run({name: value for name, value in batch.items() if name != ROW})
                self._keep(batch[ROW].tolist(), caught.pop(), batch["attention_mask"].bool(), folder)
        finally:
            hook.remove()

    def _keep(self, rows, hidden, mask, folder):
        if hidden.shape[:2] != mask.shape:
            raise self._refusal("gives hidden states of other positions than the text has")
        if self._states is None:
            self._states = _nameless(folder, (int(self._starts[-1]), hidden.shape[-1]), hidden.dtype)
            self.bytes = self._states.numel() * self._states.element_size()
        for row, states, real in zip(rows, hidden.cpu(), mask.cpu(), strict=True):
            self._states[self._starts[row] : self._starts[row + 1]] = states[real]

    def _pass_over(self):
        self.model.register_forward_pre_hook(self._take, with_kwargs=True)
        self.model.register_forward_hook(self._leave, always_call=True)
        for layer in self.stack.layers[: self.count]:
            layer.forward = self._instead_of(layer.forward)

    def _take(self, _, given, named):
        rows = named.pop(ROW, None)
        self._now = None if rows is None else self._padded(rows.tolist(), named["attention_mask"].bool())
        return given, named

    def _leave(self, *_):
        self._now = None  # who passes texts through the base model alone says nothing of rows

    def _padded(self, rows, mask):
        found = torch.cat([self._states[self._starts[row] : self._starts[row + 1]] for row in rows])
        states = torch.zeros(*mask.shape, found.shape[-1], dtype=found.dtype, device=mask.device)
        states[mask] = found.to(mask.device)
        return states

    def _instead_of(self, forward):
        def layer(*given, **named):
            if self._now is None:
                return forward(*given, **named)
            return (self._now, *[None] * (self._width - 1)) if self._width else self._now

        return layer

    def _hidden(self, output):
        """The hidden states in what a layer returns: themselves, or the first of several of which the rest are None."""
        self._width = len(output) if isinstance(output, tuple) else 0
        hidden, *more = output if self._width else (output,)
        if not isinstance(hidden, torch.Tensor) or any(value is not None for value in more):
            raise self._refusal("hands more than hidden states from layer to layer")
        return hidden

    def _require_same(self, rows):
        batch = next(self._batches(rows))
        with torch.no_grad():
            fast, slow = self._run(batch), self._run({name: value for name, value in batch.items() if name != ROW})
        if fast.ndim == 3 and fast.shape[:2] == batch["attention_mask"].shape:  # what padding gives is of no account
            real = batch["attention_mask"].bool()
            fast, slow = fast[real], slow[real]
        rounding = 5e-2 if self.trainer.args.mixed_precision != "no" else 1e-4  # as for fixed features
        if not torch.allclose(fast, slow, rtol=rounding, atol=rounding):
            raise self._refusal("needs more of its frozen layers than their hidden states")

    def _refusal(self, why):
        return UserError(f"{FLAG} cannot be used with {type(self.model).__name__}, which {why}; leave it out")


def _nameless(folder, shape, dtype):
    """A memory-mapped tensor in a file that is gone when the process is, however that ends."""
    size = shape[0] * shape[1]
    with tempfile.NamedTemporaryFile(dir=pathlib.Path(folder), prefix=".frozen-") as file:
        if hasattr(os, "posix_fallocate"):  # writing into a map that the disk has no room for ends the process
            os.posix_fallocate(file.fileno(), 0, max(1, size * dtype.itemsize))
        return torch.from_file(file.name, shared=True, size=size, dtype=dtype).view(shape)
