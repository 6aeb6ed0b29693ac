"""What runs say of one contrast: an effect, its intervals, and the tests that go with them."""

import dataclasses
import math

import numpy as np
import scipy

from .statistics.intervals import CONFIDENCE

MIXED, PAIRED, SPREADS = "mixed model", "paired analysis", "comparison of variances"  # what an effect is worked out by


@dataclasses.dataclass(frozen=True)
class Outcome:
    """An effect, positive in the claim's direction, and how sure it is.

    Args:
        effect: a difference of scores; of a claim on spreads a ratio.
        by: `MIXED`, `PAIRED` or `SPREADS`.
        interval: 95%, (low, high), over all sources of chance that are known (``basis``); None where nothing is known.
        over_seeds, over_examples: the same, over other seeds and over other evaluation examples alone.
        error, df: standard error of Student's t whose interval over seeds and examples is ``interval``, and its degrees
            of freedom; None where no interval over seeds is known. ``p`` is its two-sided test against ``null``.
        cells, seeds: how many scores (dataset, damage, seed) it rests on, and of how many seeds.
        lack: why there is no interval over seeds, one of the reasons of `verdict`.
        not_fitted: why the mixed model could not be used, in words; "" where it was.
        null: the effect where there is none.
    """

    effect: float
    by: str
    interval: tuple | None = None
    over_seeds: tuple | None = None
    over_examples: tuple | None = None
    error: float | None = None
    df: float | None = None
    p: float | None = None
    cells: int = 0
    seeds: int = 0
    lack: str | None = None
    not_fitted: str = ""
    null: float = 0.0

    @property
    def basis(self):
        """What ``interval`` is over: "seeds and examples", "seeds", "examples" or None."""
        if self.over_seeds and self.over_examples:
            return "seeds and examples"
        return "seeds" if self.over_seeds else "examples" if self.over_examples else None

    @property
    def direction(self):
        """1 where the effect is in the claim's direction, -1 where it is in the other, 0 where there is none."""
        return int(np.sign(self.effect - self.null))

    @property
    def sign(self):
        """The direction that the whole interval lies in; 0 where it includes no effect, or is none over seeds."""
        if not self.over_seeds:
            return 0
        low, high = self.interval
        return 1 if low > self.null else -1 if high < self.null else 0

    def p_equal(self, margin):
        """p of two one-sided tests that the effect lies between -margin and margin; None where none can be had."""
        if not margin or not self.error:
            return None
        far = abs(self.effect) - margin
        return float(scipy.stats.t.cdf(far / self.error, self.df))


def outcome_of(effect, error, df, resampled=None, many=1, over_seeds=None, p=None, **rest):
    """An `Outcome` of an effect with a standard error over seeds and resamples of the evaluation examples.

    Half widths over seeds and over examples add as the root of their squares. Their interaction is in both, so that
    this errs on the wide side.

    Args:
        effect: the difference.
        error, df: over seeds, or None.
        resampled: (resamples,), the difference on resamples of the examples, or None.
        many: how many intervals shall hold at once, by Bonferroni.
        over_seeds, p: an interval that holds at once with others in place of Bonferroni's, and the p that goes with it
            (over seeds alone).
        rest: further fields.
    """
    tail = (1 - CONFIDENCE) / 2 / many
    examples = None if resampled is None else tuple(np.quantile(resampled, [tail, 1 - tail]).tolist())
    if not error:
        return Outcome(effect, interval=examples, over_examples=examples, **rest)
    half = float(scipy.stats.t.isf(tail, df)) * error
    over_seeds = over_seeds or (effect - half, effect + half)
    normal = float(scipy.stats.norm.isf(tail))
    spread = 0.0 if resampled is None else normal * float(np.std(resampled, ddof=1))
    half = math.hypot(over_seeds[1] - effect, spread)
    # What makes p and interval agree: they tell the same of an effect of 0.
    total = half / float(scipy.stats.t.isf(tail, df))
    p = min(1.0, many * float(2 * scipy.stats.t.sf(abs(effect) / total, df))) if p is None else p
    found = {"interval": (effect - half, effect + half), "over_seeds": over_seeds, "over_examples": examples}
    return Outcome(effect, **found, error=total, df=df, p=p, **rest)
