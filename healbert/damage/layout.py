"""How a map is laid out: which of its dimensions are inputs, outputs, or separate maps."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Layout:
    """The layout of a map's tensor.

    Args:
        inputs: the dimensions that the inputs of one output run along.
        groups: of a transposed convolution, the groups whose inputs one row holds.
    """

    inputs: tuple
    groups: int = 1

    def fan_in(self, values):
        """The number of inputs of one output; of several experts or heads in one tensor, of one of them."""
        return math.prod(values.shape[dimension] for dimension in self.inputs) // self.groups

    def matrices(self, values):
        """The map as matrices: a copy of shape (maps, outputs, inputs)."""
        return values.permute(self._order(values)).reshape(self._shape(values)).clone()

    def back(self, matrices, values):
        """Matrices in the layout of the tensor ``values``."""
        order = self._order(values)
        sizes = [values.shape[dimension] for dimension in order]
        return matrices.reshape(sizes).permute([order.index(dimension) for dimension in range(len(order))]).contiguous()

    def _order(self, values):
        outputs = [dimension for dimension in range(values.ndim) if dimension not in self.inputs]
        return [*outputs, *self.inputs]

    def _shape(self, values):
        outputs = [values.shape[dimension] for dimension in range(values.ndim) if dimension not in self.inputs]
        # A tensor whose first dimension is neither its inputs nor its only outputs holds several maps (experts).
        maps = outputs[0] if 0 not in self.inputs and len(outputs) > 1 else 1
        return (maps, math.prod(outputs) // maps, -1)
