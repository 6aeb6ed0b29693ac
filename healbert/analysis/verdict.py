"""A verdict on one claim: what the interval and the test say, and why it is open where it is."""

import dataclasses

from . import statistics
from .claims import Claim

HOLDS, FAILS, OPEN = "holds", "does not hold", "not enough data"


# Why a verdict is open, the first that applies; report/sentences.py puts them into words.
NOTHING_TO_COMPARE = "nothing to compare"
NO_COMMON_SEED = "no seed on every dataset"
ONE_COMMON_SEED = "one seed on every dataset"
ONE_SEED = "one seed"
EQUAL_SEEDS = "seeds do not differ"
TOO_FEW_RUNS = "too few runs for any p below the limit"
TEST_AGAINST_INTERVAL = "test and interval disagree"
SMALLEST_P_CORRECTED = "the smallest p possible, not below the limit after correction"
P_CORRECTED = "p not below the limit after correction"
CHANCE = "chance"
UNSTEADY = "falls over all levels, not steadily from level to level"
INTERVAL_ALONE = "interval above zero, test open"


LEAST_P = 1.001  # p up to this many times the smallest one possible is that one: both are rounded


POOLED = "all datasets"


SHARED_INTACT = "one intact run stands beside all draws of the damage; its own chance is not in the interval"


SEEDS_FOR_SENSITIVITY = 3  # two say too little of how much seeds differ


@dataclasses.dataclass
class Verdict:
    """One claim on one dataset or on all of them.

    ``estimated`` is a `statistics.Estimate` or None, ``test`` a `statistics.Test`, ``p_corrected`` its p-value after
    correction for the ``tests`` of the report; ``detectable`` the smallest true effect that the test named by
    ``detectable_by`` would have found in four cases of five, before correction (None if it is not known, or the verdict
    is open in spite of a larger effect: it asks for more than that test); ``means`` mean scores by level of a trend;
    ``exceptions`` what goes against a claim that otherwise seems true, as (what, `statistics.Estimate`): of a trend the
    steps (from, to) that rise with an interval above zero, else the columns whose mean is on the other side by the
    smallest difference that counts, or more; ``notes`` what was left out (texts). Effects are positive in the claim's
    direction; ``means`` are scores as they are.
    """

    group: object
    claim: Claim
    scope: str
    datasets: int
    estimated: object = None
    test: object = None
    p_corrected: float | None = None
    tests: int = 0
    detectable: float | None = None
    detectable_by: str = ""
    means: dict = dataclasses.field(default_factory=dict)
    exceptions: tuple = ()
    notes: tuple = ()

    @property
    def verdict(self):
        """Only an interval over seeds says anything of other seeds: without one the claim stays open."""
        if self.estimated is None or not self.estimated.error:
            return OPEN
        low, high = self.estimated.interval
        significant = self.p_corrected is not None and self.p_corrected < statistics.ALPHA
        if significant and self.test.direction > 0 and low > 0:
            return HOLDS
        return FAILS if high < self.claim.negligible(self.metric) else OPEN

    @property
    def metric(self):
        return self.group.metric

    @property
    def reason(self):
        """Why the verdict is open, one of the constants of this module; None of others."""
        if self.verdict != OPEN:
            return None
        return self._lacking() or self._undecided()

    def _lacking(self):
        """What is missing for a verdict of any kind, or None."""
        estimated = self.estimated
        if estimated is None:
            return NOTHING_TO_COMPARE
        if estimated.error == 0:
            return EQUAL_SEEDS
        if estimated.error is None and estimated.seeds == 0:
            return NO_COMMON_SEED
        if estimated.error is None:
            return ONE_COMMON_SEED if estimated.shared else ONE_SEED
        if self.test.least_p is not None and self.test.least_p >= statistics.ALPHA:
            return TOO_FEW_RUNS
        return None

    def _undecided(self):
        """What the test and the interval say where both are known."""
        test = self.test
        if self.p_corrected < statistics.ALPHA:
            return TEST_AGAINST_INTERVAL
        if test.p < statistics.ALPHA:
            least = test.least_p is not None and test.p < LEAST_P * test.least_p
            return SMALLEST_P_CORRECTED if least else P_CORRECTED
        if self.estimated.interval[0] <= 0:
            return CHANCE
        return UNSTEADY if self.claim.trend else INTERVAL_ALONE
