"""Intervals and tests for paired designs with few seeds; on scipy.stats, no input or output.

Scores are compared in pairs: the same dataset and the same seed, two kinds of damage. A *stratum* is one dataset's
pairs. Datasets are taken as they are (the result speaks of these datasets); seeds and evaluation examples are taken as
samples of those that might have been drawn.

Intervals over seeds use Student's t: a bootstrap over three seeds covers 75% where it promises 95%. Intervals over
examples are bootstrapped, with the same resampled examples for every model of a dataset, which keeps the pairs.
"""

import dataclasses
import math

import numpy as np
from scipy import optimize, sparse, stats

CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.8
RESAMPLES = 1000  # of the evaluation examples
ROUNDING = 1e-12  # scores that differ by less are equal
PERMUTATIONS = 9999  # all of them are taken where there are no more (up to 13 pairs)
SMALLEST_PERMUTED = 6  # pairs; with fewer, no arrangement of signs reaches p < 0.05 (two-sided)


@dataclasses.dataclass(frozen=True)
class Stratum:
    """One dataset's pairs.

    ``values`` (seeds,) are differences of weighted F1, one per seed; ``resampled`` (resamples,), if known, is their
    mean on each resample of the evaluation examples.
    """

    values: np.ndarray
    resampled: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The mean difference, each stratum counting the same, with 95% intervals (low, high) or None where unknown.

    ``over_seeds``: other seeds, the same examples. ``over_examples``: other examples, the same seeds. ``over_both``:
    other seeds and other examples. ``error`` and ``df`` are the standard error over seeds and its degrees of freedom.
    """

    effect: float
    pairs: int
    over_seeds: tuple | None
    over_examples: tuple | None
    over_both: tuple | None
    error: float | None
    df: float | None

    @property
    def interval(self):
        """The widest in scope that the data allow."""
        return self.over_both or self.over_seeds or self.over_examples

    @property
    def basis(self):
        """What ``interval`` is over: "seeds and examples", "seeds", "examples" or None."""
        known = {"seeds and examples": self.over_both, "seeds": self.over_seeds, "examples": self.over_examples}
        return next((name for name, interval in known.items() if interval), None)


def estimate(strata):
    """The mean difference over strata and its intervals.

    Over seeds: Student's t; with several strata their variances are added and the degrees of freedom are
    Satterthwaite's. Over examples: percentiles of the resampled means. Over both: the two variances added (their
    interaction is in both, so the interval errs on the wide side), t with Satterthwaite's degrees of freedom.

    Args:
        strata: list of `Stratum`, each with one value or more.

    Returns:
        Estimate.
    """
    effect = float(np.mean([np.mean(stratum.values) for stratum in strata]))
    error, df = _error_of_mean([np.asarray(stratum.values, float)[:, None] for stratum in strata], np.ones(1))
    resampled = _mean_resampled(strata)
    over_examples = over_both = None
    if resampled is not None:
        over_examples = tuple(np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist())
        if error is not None:
            both = math.hypot(error, resampled.std(ddof=1))
            over_both = _t_interval(effect, both, df * (both / error) ** 4 if error else math.inf)
    return Estimate(
        effect=effect,
        pairs=sum(len(stratum.values) for stratum in strata),
        over_seeds=None if error is None else _t_interval(effect, error, df),
        over_examples=over_examples,
        over_both=over_both,
        error=error,
        df=df,
    )


def _t_interval(effect, error, df):
    half = stats.t.ppf((1 + CONFIDENCE) / 2, df) * error
    return float(effect - half), float(effect + half)


def _mean_resampled(strata):
    if any(stratum.resampled is None for stratum in strata):
        return None
    return np.mean([stratum.resampled for stratum in strata], axis=0)


def _error_of_mean(samples, weights):
    """Standard error and Satterthwaite's degrees of freedom of the mean over strata of ``weights @ mean``.

    Args:
        samples: list of (seeds, quantities), one per stratum.
        weights: (quantities,).

    Returns:
        tuple: both None if no stratum has two seeds. A stratum with one seed is given the average variance of others.
    """
    combined = [sample @ weights for sample in samples]
    known = [values for values in combined if len(values) > 1]
    if not known:
        return None, None
    lent = (len(combined) - len(known)) / len(known)  # what each known variance stands for beside its own stratum
    parts = np.array([_variance(values) * (1 / len(values) + lent) for values in known])
    dfs = np.array([len(values) - 1 for values in known])
    total, lost = parts.sum(), (parts**2 / dfs).sum()
    return float(np.sqrt(total) / len(samples)), float(total**2 / lost if lost else dfs.sum())


def _variance(values):
    return 0.0 if np.ptp(values) < ROUNDING else np.var(values, ddof=1)


@dataclasses.dataclass(frozen=True)
class Test:
    """A two-sided test: its name, p-value (None if none can be had), direction (1, -1 or 0), smallest p possible."""

    name: str
    p: float | None
    direction: int
    least_p: float | None = None


def paired_test(strata, estimated, seed=0):
    """Tests whether the mean paired difference over strata is zero.

    With six pairs or more a permutation test that turns the signs of the pairs (all arrangements up to 13 pairs,
    else 9,999 drawn with ``seed``), which assumes no more than that, without an effect, a difference is as likely up
    as down. With fewer pairs no arrangement could reach p < 0.05, and Student's t test takes its place.

    Args:
        strata: list of `Stratum`.
        estimated: their `Estimate`.
        seed: of the permutations.
    """
    values = np.concatenate([np.asarray(stratum.values, float) for stratum in strata])
    direction = int(np.sign(estimated.effect))
    if estimated.error == 0:  # seeds that do not differ at all say nothing of others
        return Test("no test", None if direction else 1.0, direction)
    if len(values) >= SMALLEST_PERMUTED:
        weights = np.concatenate([np.full(len(s.values), 1 / (len(s.values) * len(strata))) for s in strata])
        found = stats.permutation_test(
            (weights * values,),
            lambda signed, axis=-1: signed.sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=PERMUTATIONS,
            rng=np.random.default_rng(seed),
        )
        least = 2 / min(2 ** len(values), PERMUTATIONS + 1)
        return Test("paired permutation test", float(found.pvalue), direction, least)
    if estimated.error is None:
        return Test("no test", None, direction)
    p = 2 * stats.t.sf(abs(estimated.effect) / estimated.error, estimated.df)
    return Test("paired t test", float(p), direction)


def trend_test(rows):
    """Page's trend test: do scores fall from left to right? Two-sided: twice the smaller of the one-sided p-values.

    Args:
        rows: (dataset and seed, levels) scores, levels ascending.

    Returns:
        Test: ``direction`` is 1 if scores fall, -1 if they rise.
    """
    rows = np.asarray(rows, float)
    if rows.ndim != 2 or rows.shape[0] < 2 or rows.shape[1] < 3:
        return Test("Page's trend test", None, 0)
    falls, rises = (stats.page_trend_test(scores).pvalue for scores in (-rows, rows))
    least = 2 / math.factorial(rows.shape[1]) ** rows.shape[0]
    direction = int(np.sign(rises - falls))
    return Test("Page's trend test", float(min(1, 2 * min(falls, rises))), direction, least)


def slopes(rows, levels):
    """Fall in score per quarter of the encoder damaged: least-squares slope of each row.

    Args:
        rows: (n, levels) scores; levels: fractions, 0 to 1.
    """
    centred = np.asarray(levels, float) - np.mean(levels)
    return -0.25 * (np.asarray(rows, float) @ centred) / (centred @ centred)


def corrected(p_values):
    """Benjamini and Hochberg's adjusted p-values (`scipy.stats.false_discovery_control`); None stays None."""
    known = [p for p in p_values if p is not None]
    adjusted = iter(stats.false_discovery_control(known) if known else [])
    return [None if p is None else float(next(adjusted)) for p in p_values]


def detectable_difference(error, df):
    """The true difference that a two-sided t test at 5% finds in 80% of experiments like this one.

    Args:
        error: standard error of the mean difference; df: its degrees of freedom. None gives None.
    """
    if not error:
        return None
    critical = stats.t.ppf(1 - ALPHA / 2, df)

    def lack(shift):
        return POWER - stats.nct.sf(critical, df, shift)  # the far side adds nothing here

    return float(error * optimize.brentq(lack, 0, 4 * critical + 4))


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A ratio of means with its 95% interval; ``value`` is None where the denominator may be zero.

    ``denominator`` is its mean, ``denominator_interval`` that mean's own interval (None with one seed).
    """

    value: float | None
    interval: tuple | None
    numerator: float
    denominator: float
    denominator_interval: tuple | None
    pairs: int


def ratio(samples, smallest=0.0):
    """Mean numerator over mean denominator, with Fieller's interval, which is right however uncertain the denominator.

    The ratio is undefined where the denominator is not above ``smallest``, or its 95% interval reaches zero: Fieller's
    interval is then unbounded, and any share could be true.

    Args:
        samples: list over strata of (seeds, 2): numerator and denominator of each seed.
        smallest: the denominator must be above it.

    Returns:
        Ratio: with one seed per stratum, a value without an interval.
    """
    samples = [np.asarray(sample, float) for sample in samples]
    top, bottom = np.mean([sample.mean(axis=0) for sample in samples], axis=0)
    error, df = _error_of_mean(samples, np.array([0.0, 1.0]))
    spread = None if error is None else _t_interval(bottom, error, df)
    value = interval = None
    if bottom > max(smallest, 0) and (spread is None or spread[0] > 0):
        value = float(top / bottom)
        interval = _fieller(samples, top, bottom)
    return Ratio(value, interval, float(top), float(bottom), spread, sum(map(len, samples)))


def _fieller(samples, top, bottom):
    error, df = _error_of_mean(samples, np.array([1.0, -top / bottom]))
    if error is None:
        return None
    squares = stats.t.ppf((1 + CONFIDENCE) / 2, df) ** 2
    vtop, vbottom, vsum = (_error_of_mean(samples, np.array(w, float))[0] ** 2 for w in ((1, 0), (0, 1), (1, 1)))
    shared = (vsum - vtop - vbottom) / 2
    a, b, c = bottom**2 - squares * vbottom, top * bottom - squares * shared, top**2 - squares * vtop
    if a <= 0:
        return None
    root = math.sqrt(max(b**2 - a * c, 0))
    return float((b - root) / a), float((b + root) / a)


def example_counts(examples, seed=0, resamples=RESAMPLES):
    """How often each evaluation example is drawn in each resample with replacement: (examples, resamples) int32."""
    rng = np.random.default_rng(seed)
    counts = np.empty((examples, resamples), np.int32)
    for column in range(resamples):
        counts[:, column] = np.bincount(rng.integers(examples, size=examples), minlength=examples)
    return counts


def resampled_f1(labels, predictions, classes, counts):
    """Weighted F1 (as scikit-learn's, 0 for a class never predicted) on each resample.

    Args:
        labels, predictions: class indices (examples,); classes: their number.
        counts: (examples, resamples), from `example_counts`.

    Returns:
        numpy (resamples,).
    """
    examples = len(labels)
    cells = np.asarray(labels) * classes + np.asarray(predictions)
    indicator = sparse.csr_array((np.ones(examples, np.int32), (cells, np.arange(examples))), (classes**2, examples))
    matrices = (indicator @ counts).reshape(classes, classes, -1)  # (label, prediction, resamples)
    support, predicted = matrices.sum(axis=1), matrices.sum(axis=0)  # (classes, resamples)
    hits = matrices[np.arange(classes), np.arange(classes)]
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return (f1 * support).sum(axis=0) / support.sum(axis=0)
