"""Layers below a damage are not computed again: what they gave in the intact model is what they give now.

The same weights, inputs, batches and threads give the same bits, so an evaluation that takes the layers below the
damage from memory gives the same figures as a whole one, in about half the time of a scan over all layers.
"""

import contextlib

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from ..models.layers import find_layers

ROOM = 2**30  # bytes of kept outputs; of a larger evaluation split nothing is kept, and all is computed


class Skipping:
    """What the layers of an intact model give, and an evaluation that takes it from there.

    Args:
        model: the model, intact.
        side: as of `find_layers`.
        enabled: whether anything is kept.
    """

    def __init__(self, model, side, enabled=True):
        self.stack = find_layers(model, side)
        self._kept, self._bytes = [], 0  # for each batch: what each layer gave
        # "Below" is an index where a text passes once through one layer after the other.
        self.works = enabled and not self.stack.parts and list(self.stack.order) == list(range(len(self.stack.layers)))

    @contextlib.contextmanager
    def recording(self):
        """Inside, an evaluation of the intact model is kept."""
        if not self.works:
            yield
            return
        with self._forwards({index: self._recorder(index) for index in range(len(self.stack.layers))}):
            yield
        # Lists of parts (XLM) are not called as layers are.
        self.works = self.works and bool(self._kept) and {len(batch) for batch in self._kept} == {self.stack.depth}
        if not self.works:
            self._kept = []

    @contextlib.contextmanager
    def below(self, names):
        """Inside, an evaluation computes only from the first layer on that holds one of these tensors.

        Args:
            names: paths inside the base model, as in a receipt.
        """
        layers = [self.stack.layer_of(name.partition("[")[0]) for name in names]
        lowest = 0 if None in layers or not self.works else min(layers)
        with self._forwards(_replays(self._kept, lowest)):
            yield

    def _recorder(self, index):
        original = self.stack.layers[index].forward

        def record(*given, **named):
            output = original(*given, **named)
            if self.works and index == 0:
                self._kept.append([])
            if self.works:
                self._kept[-1].append(_copied(output))  # a later layer may write into its input
                self._bytes += sum(leaf.nbytes for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor))
                self.works = self._bytes <= ROOM
            return output

        return record

    @contextlib.contextmanager
    def _forwards(self, others):
        """Inside, layers have other functions as their forward: {index: function}."""
        for index, forward in others.items():
            self.stack.layers[index].forward = forward
        try:
            yield
        finally:
            for index in others:
                del self.stack.layers[index].forward


def _replays(kept, count):
    """{index: a forward that gives what layer ``index`` gave, batch by batch} of the lowest ``count`` layers."""

    def replay(index):
        outputs = iter([batch[index] for batch in kept])
        return lambda *given, **named: _copied(next(outputs))

    return {index: replay(index) for index in range(count)}


def _copied(output):
    return tree_map_only(torch.Tensor, torch.clone, output)
