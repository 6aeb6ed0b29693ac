"""The table of metrics: what a run's predictions are scored by."""

import dataclasses
from collections.abc import Callable

from ..utils.registry import table


@dataclasses.dataclass(frozen=True)
class Metric:
    """One figure that tells how good predictions are.

    Args:
        function: ``function(predictions, labels) -> float``; what the two hold, the task type says (class indices for
            classification).
        task_types: names of the task types that report it.
        title: what tables and pages call it.
        greater_is_better: its direction.
        range: (worst, best) possible value, or None if it has no limits.
        chance: what guessing gives, where that is a constant.
        hub: what a model card's metadata calls it: {"metric_type": ..., "metric_name": ..., ...}; None to leave it out.
        primary: whether the type chooses the best epoch by it; one metric of a type is.
    """

    function: Callable
    task_types: tuple = ("classification",)
    title: str = ""
    greater_is_better: bool = True
    range: tuple | None = (0, 1)
    chance: float | None = None
    hub: dict | None = None
    primary: bool = False

    def describe(self, name):
        """What ``results.json`` says of it, under ``task.metrics``."""
        return {
            "title": self.title or name.replace("_", " "),
            "greater_is_better": self.greater_is_better,
            "range": self.range and list(self.range),
            "chance": self.chance,
        }


METRICS = table("metric", Metric)
LOSS = {"title": "loss", "greater_is_better": False, "range": None, "chance": None}  # Trainer's own, of every type
