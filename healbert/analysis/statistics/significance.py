"""Tests of a paired difference and of a trend, and their correction for number."""

import dataclasses
import math

import numpy as np
import scipy

ALPHA = 0.05  # two-sided


PERMUTATIONS = 9999  # all of them are taken where there are no more (up to 13 pairs)


SMALLEST_PERMUTED = 6  # pairs; with fewer, no arrangement of signs reaches p < 0.05 (two-sided)


@dataclasses.dataclass(frozen=True)
class Test:
    """A two-sided test: its name, p-value (None if none can be had), direction (1, -1 or 0), smallest p possible.

    ``n`` is the size of its sample and ``unit`` of what: "pair" (a dataset and a seed), "seed" (the mean of its pairs),
    or "block" (the scores of a dataset and a seed at every level).
    """

    name: str
    p: float | None
    direction: int
    least_p: float | None = None
    n: int = 0
    unit: str = "pair"


def paired_test(strata, estimated, seed=0):
    """Tests whether the mean paired difference over strata is zero.

    With six pairs or more a permutation test that turns the signs of the pairs (all arrangements up to 13 pairs,
    else 9,999 drawn with ``seed``), which assumes no more than that, without an effect, a difference is as likely up
    as down, independently of the others. With fewer pairs no arrangement could reach p < 0.05, and Student's t test
    takes its place, on the same sample as the interval over seeds.

    Args:
        strata: list of `Stratum`.
        estimated: their `Estimate`.
        seed: of the permutations.

    Returns:
        Test: without a p-value where no seed is repeated, or where seeds do not differ: nothing is known of others.
    """
    values = np.concatenate([np.asarray(stratum.values, float) for stratum in strata])
    direction = int(np.sign(estimated.effect))
    if not estimated.error:
        same = estimated.error == 0 and not direction
        return Test("no test", 1.0 if same else None, direction, n=len(values))
    if len(values) >= SMALLEST_PERMUTED:
        weights = np.concatenate([np.full(len(s.values), 1 / (len(s.values) * len(strata))) for s in strata])
        found = scipy.stats.permutation_test(
            (weights * values,),
            lambda signed, axis=-1: signed.sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=PERMUTATIONS,
            rng=np.random.default_rng(seed),  # only above 13 pairs is anything drawn
        )
        least = 2 / min(2 ** len(values), PERMUTATIONS + 1)
        return Test("paired permutation test", float(found.pvalue), direction, least, len(values))
    p = float(2 * scipy.stats.t.sf(abs(estimated.effect) / estimated.error, estimated.df))
    if estimated.shared:
        return Test("paired t test", p, direction, n=estimated.seeds, unit="seed")
    return Test("paired t test", p, direction, n=len(values))


def trend_test(rows):
    """Page's trend test: do scores fall from left to right? Two-sided: twice the smaller of the one-sided p-values.

    Args:
        rows: (blocks, levels) scores, a block being a dataset and a seed, levels ascending.

    Returns:
        Test: ``direction`` is 1 if scores fall, -1 if they rise.
    """
    rows = np.asarray(rows, float)
    if rows.ndim != 2 or rows.shape[0] < 2 or rows.shape[1] < 3:
        return Test("Page's trend test", None, 0, n=len(rows), unit="block")
    falls, rises = (scipy.stats.page_trend_test(scores).pvalue for scores in (-rows, rows))
    direction = int(np.sign(rises - falls))
    p = float(min(1, 2 * min(falls, rises)))
    return Test("Page's trend test", p, direction, least_trend_p(*rows.shape), len(rows), "block")


def least_trend_p(blocks, levels):
    """Page's two-sided p-value of scores that fall at every step in every block."""
    return 2 / math.factorial(levels) ** blocks


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
    adjusted = iter(scipy.stats.false_discovery_control(known) if known else [])
    return [None if p is None else float(next(adjusted)) for p in p_values]
