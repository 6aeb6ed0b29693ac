"""The primary metric of a group of runs: its name, its title, and which way is better."""

import dataclasses

from ..results.schema import primary_of

SMALLEST = 0.01  # the least difference that counts between scores from 0 to 1: one point in a hundred


@dataclasses.dataclass(frozen=True)
class Metric:
    """What the results say of their primary metric; ``name`` is None where no run says what it is.

    ``task_type`` is that of the runs; ``limits`` are the ends of the metric's range, (low, high) or None.
    """

    task_type: str | None
    name: str | None
    title: str = "score"
    greater_is_better: bool = True
    limits: tuple | None = None

    @property
    def sign(self):
        """The factor that turns a score into one of which more is better: the one place where directions are told.

        All that is compared (contrasts, chosen learning rates, resamples) is multiplied by it; all that is shown as a
        score is not. So what is lost stays positive where the healed model is worse, whatever the metric.
        """
        return 1 if self.greater_is_better else -1

    @property
    def smallest_difference(self):
        """The least difference that counts: `SMALLEST` for scores from 0 to 1. Of others it is not known: 0."""
        return SMALLEST if self.limits == (0, 1) else 0.0

    @property
    def capital(self):
        """The title at the start of a sentence."""
        return self.title[:1].upper() + self.title[1:]


UNKNOWN = Metric(None, None)


def metric_of(results):
    """The `Metric` of what a run's results.json holds; `UNKNOWN` of a run that failed before its task was known."""
    name, about = primary_of(results)
    if name is None:
        return UNKNOWN
    return Metric(
        task_type=(results.get("task") or {}).get("type"),
        name=name,
        title=about.get("title") or name,
        greater_is_better=about.get("greater_is_better", True),
        limits=_limits(about.get("range")),
    )


def _limits(ends):
    """(low, high) of a range, which names the worst value first; None where it is not two numbers."""
    numbers = isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, (int, float)) for end in ends)
    return tuple(sorted(ends)) if numbers else None
