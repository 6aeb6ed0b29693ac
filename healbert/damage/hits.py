"""What a damage hits: whole parameters, or some of their outputs."""

import dataclasses

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from .spans import spans


@dataclasses.dataclass(frozen=True, eq=False)
class Hit:
    """A parameter that is hit, whole or in part.

    Args:
        path: inside the base model.
        parameter: the parameter.
        rows: indices of the outputs that are hit, ascending; None: all of them.
        dimension: the dimension of ``parameter`` that its outputs run along.
    """

    path: str
    parameter: nn.Parameter
    rows: tuple | None = None
    dimension: int = 0

    @property
    def name(self):
        """The path, and which outputs: "attn.Wqkv.weight[0-31]"."""
        return self.path if self.rows is None else f"{self.path}[{spans(self.rows)}]"

    @property
    def shape(self):
        """The shape of the part that is hit: a list of int."""
        found = list(self.parameter.shape)
        if self.rows is not None:
            found[self.dimension] = len(self.rows)
        return found

    @property
    def count(self):
        """How many values are hit."""
        return torch.Size(self.shape).numel()

    def read(self):
        """A copy of the values that are hit, on the CPU, in the parameter's type."""
        return self.of(self.parameter.detach()).to("cpu", copy=True)

    def of(self, values):
        """The part that is hit, of a tensor of the parameter's shape."""
        return values if self.rows is None else values.index_select(self.dimension, self._index(values.device))

    @torch.no_grad()
    def write(self, values):
        """Puts values of `shape` in their place."""
        if self.rows is None:
            self.parameter.copy_(values)
        else:
            device = self.parameter.device
            values = values.to(device, self.parameter.dtype)
            self.parameter.index_copy_(self.dimension, self._index(device), values)

    def _index(self, device):
        return torch.tensor(self.rows, device=device)

    def rest(self):
        """The outputs that are not hit, as a `Hit`; None where all are."""
        if self.rows is None:
            return None
        chosen = set(self.rows)
        rows = tuple(row for row in range(self.parameter.shape[self.dimension]) if row not in chosen)
        return dataclasses.replace(self, rows=rows) if rows else None


def output_dimension(parameter, owner):
    """The dimension of a weight or bias that its outputs run along: GPT-2's ``Conv1D`` stores (inputs, outputs)."""
    return parameter.ndim - 1 if isinstance(owner, Conv1D) else 0


def part(path, parameter, owner, rows):
    """A `Hit` of some outputs: of all of them where ``rows`` names each."""
    dimension = output_dimension(parameter, owner)
    rows = tuple(sorted(set(rows)))
    whole = len(rows) == parameter.shape[dimension]
    return Hit(path, parameter, None if whole else rows, dimension)


def as_hit(found):
    """What a component gives as a `Hit`: a plugin's may give pairs of a path and a parameter."""
    return found if isinstance(found, Hit) else Hit(*found)


def join(first, second):
    """Both parts of one parameter as one `Hit`; ``first`` may be None."""
    if first is None or second.rows is None:
        return second
    if first.rows is None:
        return first
    rows = sorted({*first.rows, *second.rows})
    whole = len(rows) == first.parameter.shape[first.dimension]
    return dataclasses.replace(first, rows=None if whole else tuple(rows))
