"""Full fine-tuning, the paper's main experiment."""

from ...utils.registry import register
from .base import Strategy


class TrainsAll(Strategy):
    """Every parameter trains; how, the strategies that derive from it say."""

    def prepare(self, model, receipt):
        model.requires_grad_(True)


@register("strategy", "full")
class Full(TrainsAll):
    """Every parameter trains, the whole time and at one rate."""

    says = "All of its parameters were fine-tuned"

    def contradiction(self, name, other):
        return "full trains everything as it is, from which the others begin anyway"
