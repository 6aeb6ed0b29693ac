"""Dropout from a cheaper draw."""

from torch import nn

from .attention import CHEAP, set_attention, why_own_attention
from .base import FastPath, why_no_cpu, why_not_whole
from .draw import dropout


class CheapDropout(nn.Dropout):
    """`torch.nn.Dropout` with the draw of `draw.kept`."""

    def forward(self, values):
        """Drops elements in training; in evaluation it does nothing."""
        return dropout(values, self.p) if self.training else values


class FastDropout(FastPath):
    """Every dropout layer draws 16 bits an element, and so does attention where that can be told how to attend."""

    def why_not(self, scene):
        return why_not_whole(scene.training) or why_no_cpu(scene.training)

    def start(self, scene):
        self.model = scene.model
        # The class, not the module: what else holds the module, such as a strategy that sets p, holds the same one.
        self.layers = [m for m in self.model.modules() if type(m) is nn.Dropout and not m.inplace]
        for layer in self.layers:
            layer.__class__ = CheapDropout
        self.before = None if why_own_attention(self.model) else set_attention(self.model, CHEAP)

    def stop(self):
        for layer in self.layers:
            layer.__class__ = nn.Dropout
        if self.before:
            set_attention(self.model, self.before)
