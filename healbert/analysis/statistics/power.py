"""The smallest true effect that a test would find in four experiments of five."""

import bisect
import functools

import numpy as np
from scipy import optimize, stats

from .significance import ALPHA, least_trend_p, trend_test

POWER = 0.8  # the usual one (Cohen 1988): four experiments of five


SIMULATED = 2000  # experiments, drawn with a fixed seed


STEEPEST = 1000.0  # fall per quarter, in standard deviations, that every test that can reach p < 0.05 finds


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

    # Four critical values are wide enough for one degree of freedom too, where the critical value is 12.7.
    return float(error * optimize.brentq(lack, 0, 4 * critical + 4))


def detectable_fall(tables, levels):
    """The steady fall per quarter of the encoder that Page's test at 5% (two-sided) finds in 80% of experiments.

    Experiments are simulated: normal noise, independent between levels and blocks, as large as found here beside the
    levels' and the blocks' means.

    Args:
        tables: list over datasets of (seeds, levels) scores, levels ascending.
        levels: fractions of the encoder, 0 to 1.

    Returns:
        float: or None where no seed is repeated, scores do not vary, or even a perfect trend gives p of 0.05 or more.
    """
    tables = [np.asarray(table, float) for table in tables]
    squares = sum(np.sum(_noise(table) ** 2) for table in tables)
    freedom = sum((len(table) - 1) * (len(levels) - 1) for table in tables)
    blocks = sum(map(len, tables))
    if not freedom or not squares or least_trend_p(blocks, len(levels)) >= ALPHA:
        return None
    return float(np.sqrt(squares / freedom) * _standard_fall(blocks, tuple(levels)))


def _noise(table):
    return table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()


@functools.cache
def _standard_fall(blocks, levels):
    """`detectable_fall` for noise of standard deviation 1."""
    # Always the same experiments: the seed of a report is for its data, and this depends on the design alone.
    noise = np.random.default_rng(0).normal(size=(SIMULATED, blocks, len(levels)))
    slope = -4 * np.asarray(levels)
    critical = _critical_sum(noise)

    def lack(fall):
        return POWER - np.mean(_page_sums(noise + fall * slope) >= critical)

    # Bisection, because the share found moves in steps of 1/2000; finer than 1e-4 would resolve these steps alone.
    return optimize.bisect(lack, 0, STEEPEST, xtol=1e-4)


def _page_sums(scores):
    """Page's L of every experiment: sum over levels of their number times the sum of ranks, the highest score first."""
    ranks = (-scores).argsort(axis=2).argsort(axis=2) + 1
    return ranks.sum(axis=1) @ np.arange(1, scores.shape[2] + 1)


def _critical_sum(noise):
    """The smallest L that Page's test takes for a fall at 5%, two-sided, among those of experiments without one."""
    perfect = np.broadcast_to(-np.arange(noise.shape[2], dtype=float), (1, *noise.shape[1:]))
    experiments = np.concatenate([noise, perfect])
    sums, first = np.unique(_page_sums(experiments), return_index=True)
    upper = len(sums) // 2  # below the middle scores rise
    found = bisect.bisect_left(first[upper:], True, key=lambda i: trend_test(experiments[i]).p < ALPHA)
    return sums[upper:][found]
