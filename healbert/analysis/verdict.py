"""A verdict on one claim: what the interval and the test say, and why it is open where it is."""

import dataclasses

from . import statistics
from .claims import MEASURES, Claim
from .evidence import EQUAL_SEEDS, NO_COMMON_SEED, NO_PAIR, ONE_COMMON_SEED, ONE_SEED  # noqa: F401 - reasons, too
from .outcome import Outcome
from .views import CHOSEN, LAST, UNCOLLAPSED

SUPPORTED, CONTRADICTED, EQUIVALENT, INCONCLUSIVE = "supported", "contradicted", "equivalent", "inconclusive"


# Why a verdict is inconclusive, beside the reasons of `evidence`; report/sentences.py puts them into words.
NOTHING_TO_COMPARE = "nothing to compare"
P_CORRECTED = "p not below the limit after correction"
EQUAL_CORRECTED = "p of the tests against the margin not below the limit after correction"
BELOW_MARGIN = "an effect of the margin or more is ruled out, its opposite is not"
CHANCE = "chance"


POOLED = "all datasets"


SHARED_INTACT = "one intact run stands beside all draws of the damage; its own chance is not in the interval"


# How a part of a claim (one damage, one level, one step) goes against one that is supported as a whole, ...
OPPOSITE, NOT_THERE, NOT_SHOWN = "opposite", "not there", "not shown"
BEYOND, BORNE_OUT = "beyond the margin", "borne out"  # ... one that is equivalent, and one that is contradicted


@dataclasses.dataclass
class Ruling:
    """The verdict on one claim in one view of the runs.

    Args:
        outcome: `Outcome`, or None where there is nothing to compare.
        margin: the effect below which a difference does not count; None where that is not known.
        p_difference: p of the outcome, corrected where the claim is one of those that are corrected together.
        p_equal: p of the two one-sided tests against the margin, likewise; None without a margin.
        corrected: how many tests each was corrected for; 0 where it was not.
        left_out: damages and datasets that the view has no scores of (texts).
    """

    outcome: Outcome | None
    margin: float | None = None
    p_difference: float | None = None
    p_equal: float | None = None
    corrected: int = 0
    left_out: tuple = ()

    @property
    def verdict(self):
        """One of the four. Only an interval over seeds says anything of other seeds: without one it is inconclusive."""
        if self.outcome is None or not self.outcome.over_seeds:
            return INCONCLUSIVE
        if _below(self.p_equal):
            return EQUIVALENT
        if _below(self.p_difference):
            return SUPPORTED if self.outcome.direction > 0 else CONTRADICTED
        return INCONCLUSIVE

    @property
    def p(self):
        """That of the test which the verdict is given by."""
        return self.p_equal if self.verdict == EQUIVALENT else self.p_difference

    @property
    def reason(self):
        """Why the verdict is inconclusive, one of the constants of this module and of `evidence`; else None."""
        if self.verdict != INCONCLUSIVE:
            return None
        if self.outcome is None:
            return NOTHING_TO_COMPARE
        if not self.outcome.over_seeds:
            return self.outcome.lack
        if _below(self.outcome.p):
            return P_CORRECTED
        if _below(self.outcome.p_equal(self.margin)):
            return EQUAL_CORRECTED
        if self.margin and self.outcome.interval[1] < self.margin:
            return BELOW_MARGIN
        return CHANCE


def _below(p):
    return p is not None and p < statistics.ALPHA


@dataclasses.dataclass
class Verdict:
    """One claim on one dataset or on all of them.

    Effects are positive in the claim's direction; ``means`` are scores as they are.

    Args:
        group: the `Group` of the runs.
        claim: the `Claim`.
        scope: a dataset, or `POOLED`.
        datasets: how many say something of the claim.
        exploratory: a row on one of several datasets: its p is not corrected.
        rulings: {name of a view: `Ruling`}: `CHOSEN` always; `LAST` where every run has the last epoch's score;
            `UNCOLLAPSED` where some run collapsed.
        without_last: how many runs lack the last epoch's score.
        collapsed, runs: how many of the scope's runs (at the chosen learning rates) collapsed, and how many there are.
        parts: {label: `Outcome`}: each damage against intact, each level, or each step ("from", "to") between damaged
            levels, with intervals that hold for all of them together.
        first: of a trend, `Outcome` of the step from intact to the least damage, or None.
        shape: of a trend, one of the constants of `shape`, or None.
        means: of a trend, {label: mean score}, intact first.
        check: `statistics.Test` that assumes less than the verdict's, or None.
        notes: what was left out (texts).
        paper: the paper's own figure (a text), where a user has given it.
    """

    group: object
    claim: Claim
    scope: str
    datasets: int = 0
    exploratory: bool = False
    rulings: dict = dataclasses.field(default_factory=dict)
    without_last: int = 0
    collapsed: int = 0
    runs: int = 0
    parts: dict = dataclasses.field(default_factory=dict)
    first: Outcome | None = None
    shape: str | None = None
    means: dict = dataclasses.field(default_factory=dict)
    check: object = None
    notes: tuple = ()
    paper: str = ""

    @property
    def ruling(self):
        """The `Ruling` that counts: on the chosen epoch's scores."""
        return self.rulings[CHOSEN]

    @property
    def outcome(self):
        """The `Outcome` that the verdict is given by, or None: effect, interval, p before correction, how it came."""
        return self.ruling.outcome

    @property
    def verdict(self):
        """`SUPPORTED`, `CONTRADICTED`, `EQUIVALENT` or `INCONCLUSIVE`."""
        return self.ruling.verdict

    @property
    def reason(self):
        """Why the verdict is inconclusive, else None."""
        return self.ruling.reason

    @property
    def margin(self):
        """The effect below which a difference does not count, in the effect's unit; None where that is not known."""
        return self.ruling.margin

    @property
    def metric(self):
        """The `Metric` of the scores, or of what stands in their place."""
        return MEASURES.get(self.claim.measure, self.group.metric)

    @property
    def depends_on_epoch(self):
        """Whether the last epoch's scores give another verdict."""
        return self._differs(LAST)

    @property
    def depends_on_collapse(self):
        """Whether the runs that did not collapse give another verdict, and not merely nothing to compare."""
        return self._differs(UNCOLLAPSED)

    def _differs(self, view):
        ruling = self.rulings.get(view)
        return ruling is not None and ruling.outcome is not None and ruling.verdict != self.verdict

    @property
    def exceptions(self):
        """What goes against the verdict on the whole: {label of a part: `OPPOSITE`, ...}, in order.

        Of a trend that is supported only steps that rise, those that are not shown being in its shape; of others none.
        """
        if len(self.parts) < 2 or self.verdict == INCONCLUSIVE or self.claim.trend and self.verdict != SUPPORTED:
            return {}
        found = {label: _against(self.verdict, part, self.margin) for label, part in self.parts.items()}
        kept = (OPPOSITE,) if self.claim.trend else (OPPOSITE, NOT_THERE, NOT_SHOWN, BEYOND, BORNE_OUT)
        return {label: how for label, how in found.items() if how in kept}

    @property
    def detectable(self):
        """The smallest true effect found in four studies of five like this one, before correction; None if unknown."""
        outcome = self.outcome
        if not outcome or not outcome.error or outcome.df < 1:  # so few know nothing of their own spread
            return None
        return statistics.detectable_difference(outcome.error, outcome.df)

    @property
    def check_disagrees(self):
        """Whether the check finds what the verdict's test does not, or the other way round, both before correction."""
        if not self.check or self.check.p is None or self.outcome is None or self.outcome.p is None:
            return False
        found, checked = (_below(test.p) * test.direction for test in (self.outcome, self.check))
        unable = self.check.least_p is not None and self.check.least_p >= statistics.ALPHA
        return found != checked and not (unable and not checked)


def _against(verdict, part, margin):
    """How a part goes against the verdict on the whole, or None if it does not."""
    if verdict == EQUIVALENT:
        low, high = part.interval if part.over_seeds else (0, 0)
        return BEYOND if low > margin or high < -margin else None
    if verdict == CONTRADICTED:
        return BORNE_OUT if part.sign > 0 else None
    if part.sign > 0:
        return None
    if part.sign < 0:
        return OPPOSITE
    interval = part.interval
    return NOT_THERE if part.over_seeds and margin and interval[1] < margin else NOT_SHOWN
