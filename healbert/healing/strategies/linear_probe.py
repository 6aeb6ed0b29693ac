"""Linear probing: how much of the task can be read off the damaged encoder as it is."""

from ...utils.registry import register
from .base import Strategy


@register("strategy", "linear_probe")
class LinearProbe(Strategy):
    """The last linear layer trains; the damaged encoder is frozen, and so is the rest of the head."""

    says = "Only its last linear layer was trained, on the frozen, damaged encoder"
    fixed_features = True

    def contradiction(self, name, other):
        return None if name == "longer" else "a linear probe trains one layer, on features that are computed once"

    def prepare(self, model, receipt):
        from ..head import classification_layer

        model.requires_grad_(False)
        classification_layer(model).requires_grad_(True)
