"""The mean paired difference over datasets, with intervals over seeds and examples."""

import dataclasses
import math

import numpy as np
import scipy  # whose parts load when they are used

CONFIDENCE = 0.95


ROUNDING = 1e-12  # scores that differ by less are equal: sums of the same figures in another order


@dataclasses.dataclass(frozen=True)
class Stratum:
    """One dataset's pairs.

    ``values`` (seeds,) are differences of scores, one per seed; ``resampled`` (resamples,), if known, is their
    mean on each resample of the evaluation examples; ``seeds`` names the seeds, if known: strata that share names share
    what those seeds decide, and strata without names are taken as independent.
    """

    values: np.ndarray
    resampled: np.ndarray | None = None
    seeds: tuple | None = None


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The mean difference, each stratum counting the same, with 95% intervals (low, high) or None where unknown.

    ``over_seeds``: other seeds, the same examples. ``over_examples``: other examples, the same seeds. ``over_both``:
    other seeds and other examples, never narrower than ``over_seeds``. ``error`` and ``df`` are the standard error over
    seeds and its degrees of freedom; ``seeds`` how many seeds it rests on in each dataset; ``shared`` says that
    datasets share seeds, so that each seed counts once. Where seeds do not differ (``equal``) there is no interval over
    them: that says nothing of others.
    """

    effect: float
    pairs: int
    over_seeds: tuple | None
    over_examples: tuple | None
    over_both: tuple | None
    error: float | None
    df: float | None
    seeds: int = 1
    shared: bool = False

    @property
    def equal(self):
        """Whether the difference is the same for every seed, of several."""
        return self.error == 0

    @property
    def interval(self):
        """The one over the most sources of chance that are known."""
        return self.over_both or self.over_seeds or self.over_examples

    @property
    def basis(self):
        """What ``interval`` is over: "seeds and examples", "seeds", "examples" or None."""
        known = {"seeds and examples": self.over_both, "seeds": self.over_seeds, "examples": self.over_examples}
        return next((name for name, interval in known.items() if interval), None)


def estimate(strata):
    """The mean difference over strata and its intervals.

    Over seeds: Student's t. Strata that share seeds are averaged seed by seed, and the averages of the seeds that all
    have are the sample; there is no interval with fewer than two, or where they do not differ. Else the variances of
    the strata are added, with Satterthwaite's degrees of freedom. Over examples: percentiles of the resampled means.
    Over both: the root of the summed squares of the half width over seeds and of the normal half width over examples;
    the interaction of seeds and examples is in both, so it errs on the wide side.

    Args:
        strata: list of `Stratum`, each with one value or more.

    Returns:
        Estimate.
    """
    effect = float(np.mean([np.mean(stratum.values) for stratum in strata]))
    effect = effect if abs(effect) >= ROUNDING else 0.0
    names = [stratum.seeds for stratum in strata]
    error, df = error_of_mean([np.asarray(stratum.values, float)[:, None] for stratum in strata], np.ones(1), names)
    over_seeds = t_interval(effect, error, df) if error else None
    resampled = _mean_resampled(strata)
    over_examples = over_both = None
    if resampled is not None:
        over_examples = tuple(np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist())
        if over_seeds:
            examples = scipy.stats.norm.ppf((1 + CONFIDENCE) / 2) * resampled.std(ddof=1)
            half = math.hypot(over_seeds[1] - effect, examples)
            over_both = float(effect - half), float(effect + half)
    return Estimate(
        effect=effect,
        pairs=sum(len(stratum.values) for stratum in strata),
        over_seeds=over_seeds,
        over_examples=over_examples,
        over_both=over_both,
        error=error,
        df=df,
        seeds=seeds_behind(names, [len(stratum.values) for stratum in strata]),
        shared=shared_seeds(names) is not None,
    )


def t_interval(effect, error, df):
    """95% interval of Student's t around an effect: (low, high)."""
    half = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, df) * error
    return float(effect - half), float(effect + half)


def _mean_resampled(strata):
    if any(stratum.resampled is None for stratum in strata):
        return None
    return np.mean([stratum.resampled for stratum in strata], axis=0)


def shared_seeds(names):
    """The seeds that all datasets have (a list), or None where no two datasets have a seed in common.

    Args:
        names: list over datasets of tuples of seeds, or of None where they are unknown.
    """
    if None in names or sum(map(len, names)) == len(set().union(*names)):
        return None
    return sorted(set.intersection(*map(set, names)), key=str)


def seeds_behind(names, sizes):
    """How many seeds an interval rests on in each dataset.

    Args:
        names: as in `shared_seeds`; sizes: list over datasets of the number of seeds.
    """
    shared = shared_seeds(names)
    return min((size for size in sizes if size > 1), default=1) if shared is None else len(shared)


def error_of_mean(samples, weights, names):
    """Standard error and degrees of freedom of the mean over strata of ``weights @ mean``.

    Args:
        samples: list of (seeds, quantities), one per stratum.
        weights: (quantities,).
        names: list of the strata's seeds, or of None, as in `shared_seeds`.

    Returns:
        tuple: both None where no seed is repeated. Of independent strata, one with one seed is given the average
        variance of the others.
    """
    combined = [sample @ weights for sample in samples]
    shared = shared_seeds(names)
    if shared is not None:
        by_seed = [dict(zip(seeds, values, strict=True)) for seeds, values in zip(names, combined, strict=True)]
        combined = [np.array([np.mean([values[seed] for values in by_seed]) for seed in shared])]
    known = [values for values in combined if len(values) > 1]
    if not known:
        return None, None
    lent = (len(combined) - len(known)) / len(known)  # what each known variance stands for beside its own stratum
    parts = np.array([_variance(values) * (1 / len(values) + lent) for values in known])
    dfs = np.array([len(values) - 1 for values in known])
    total, spread = parts.sum(), (parts**2 / dfs).sum()
    return float(np.sqrt(total) / len(combined)), float(total**2 / spread if spread else dfs.sum())


def _variance(values):
    return 0.0 if np.ptp(values) < ROUNDING else np.var(values, ddof=1)
