"""The arithmetic of training steps by the lengths of their texts, and the bytes that their operations touch."""

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..healing.cost import flops_of_batch

LENGTHS = (8, 16, 32, 24)  # tokens; what the first three say is tried on the last


class FlopsOfLength:
    """FLOPs of one example in training, forward and backward, by its number of tokens.

    Counted at three lengths. Matrix products grow with the length and attention with its square, so that a parabola
    goes through all; where a fourth does not lie on it (attention to neighbours alone, experts), nothing is known.

    Args:
        trainer: a `transformers.Trainer`.
        collator: what pads rows of the task to the longest of a batch.
        row: a tokenized row, a dict.
        longest: the most tokens that texts may have.
    """

    def __init__(self, trainer, collator, row, longest):
        shrink = max(1, -(-max(LENGTHS) // longest))
        lengths = [max(1, length // shrink) for length in LENGTHS]
        counts = [self._count(trainer, collator, row, length) for length in lengths]
        self._factors = None
        if len(set(lengths)) == len(lengths):
            factors = np.polyfit(lengths[:3], np.array(counts[:3], dtype=float), 2)
            if np.isclose(np.polyval(factors, lengths[3]), counts[3], rtol=1e-6):
                self._factors = factors

    def __call__(self, lengths):
        """FLOPs of examples of these lengths in tokens, together: int, or None if they are not known."""
        return (
            None if self._factors is None else round(np.polyval(self._factors, np.asarray(lengths, dtype=float)).sum())
        )

    @staticmethod
    def _count(trainer, collator, row, length):
        row = {name: (value * length)[:length] if isinstance(value, list) else value for name, value in row.items()}
        return flops_of_batch(trainer, trainer._prepare_inputs(collator([row])))


class Traffic(TorchDispatchMode):
    """Adds up the bytes of what operations read and write, each of its tensors once; views touch nothing."""

    bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        found = operation(*args, **(kwargs or {}))
        if not _is_view(operation):
            read = {id(value): value for value in tree_leaves((args, kwargs)) if torch.is_tensor(value)}
            written = [value for value in tree_leaves(found) if torch.is_tensor(value)]
            self.bytes += sum(map(_size, [*read.values(), *written]))
        return found


def _is_view(operation):
    aliases = [found.alias_info for found in operation._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _size(tensor):
    # A tensor that was expanded is as large as what it shows.
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def bytes_of_step(trainer, inputs):
    """Bytes that the operations of a step read and write: forward, backward, clipping and optimizer.

    As if nothing stayed in a cache from one operation to the next; inside an operation each tensor counts once. Two
    steps are done, as the first makes the state of a new optimizer, and change the model.

    Args:
        trainer: a `transformers.Trainer` that has trained.
        inputs: a batch as `trainer.compute_loss` takes it.
    """
    trainer.model.train()
    _step(trainer, inputs)
    with Traffic() as traffic:
        _step(trainer, inputs)
    return traffic.bytes


def _step(trainer, inputs):
    model = trainer.model
    with trainer.compute_loss_context_manager():
        loss = trainer.compute_loss(model, inputs)
    loss.backward()
    if trainer.args.max_grad_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
    trainer.optimizer.step()
    model.zero_grad()
