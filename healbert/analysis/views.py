"""The views of the same runs that a verdict is worked out in: other scores, or fewer runs."""

import dataclasses

import numpy as np

CHOSEN, LAST, UNCOLLAPSED = "chosen epoch", "last epoch", "without collapsed runs"


@dataclasses.dataclass(frozen=True)
class View:
    """One view: ``stage`` of the metrics that is the score, which runs count, what is ``measured`` in its place."""

    name: str
    stage: str
    counts: object = lambda run: True
    measured: object = None

    def value(self, run):
        """The score of a run, or None."""
        return self.measured(run) if self.measured else run.score(self.stage)


def collapsed(run):
    """Whether a run's healed model answers one class only, or no better than the commonest answer."""
    return run.results.get("collapsed") is True


VIEWS = (
    View(CHOSEN, "healed"),
    View(LAST, "last"),
    View(UNCOLLAPSED, "healed", lambda run: not collapsed(run)),
)


class Seen:
    """A `Results` in one view: scores are those of the view, all else is the same.

    Args:
        results: `Results`.
        found: what `scores` gives for the view.
    """

    def __init__(self, results, found):
        self._results, self._found = results, found

    def __getattr__(self, name):
        return getattr(self._results, name)

    def scores(self, dataset, damage):
        """{repetition: score}, more being better; empty where there is none."""
        return self._found.get((dataset, damage), {})


def scores(results, view):
    """{(dataset, damage): {repetition: score}} of a view, at the chosen learning rate, more being better.

    Several runs of a repetition (crossed seeds) count as their mean.
    """
    found = {}
    for key, entry in results.entries.items():
        runs = {name: [run for run in members if view.counts(run)] for name, members in entry.runs.items()}
        values = {name: [view.value(run) for run in members] for name, members in runs.items() if members}
        sign = 1 if view.measured else results.metric.sign
        means = {name: sign * float(np.mean(v)) for name, v in values.items() if None not in v}
        if means:
            found[key] = means
    return found
