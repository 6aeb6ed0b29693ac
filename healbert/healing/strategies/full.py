"""Full fine-tuning, the paper's main experiment."""

from ...utils.registry import register
from .base import Strategy


@register("strategy", "full")
class Full(Strategy):
    """Every parameter trains."""

    says = "All of its parameters were fine-tuned"

    def prepare(self, model, receipt):
        model.requires_grad_(True)
