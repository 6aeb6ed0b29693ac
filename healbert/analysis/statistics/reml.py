"""Restricted maximum likelihood (REML) of a normal model whose covariance is a sum of known matrices.

Observations come in *units* that are independent of each other (here: the runs of one seed). Within a unit they have
mean ``design @ means`` and covariance ``sum of variance_i * structure_i``. Units of the same design are one `Block`, so
that the cost does not grow with their number.

Sources: Harville 1977 (J. Am. Stat. Assoc. 72) for the likelihood and its derivatives; Fai and Cornelius 1996 (J. Stat.
Comput. Simul. 54) for Satterthwaite's degrees of freedom of a contrast; Kuznetsova et al. 2017 (J. Stat. Softw. 82) for
variances at the boundary, which are left out of them.
"""

import dataclasses
import math
import operator

import numpy as np
import scipy

SMALLEST = 1e-6  # lower bound of variances that must be above 0; the mean square residual is 1
AT_BOUNDARY = 2e-6  # smaller variances are 0, in the same unit
ARRIVED = 1e-9  # decrease of the criterion that a further step promises, below which the search has arrived
STEPS = 200  # of a search
SHORTEST = 1e-6  # part of a step
STARTS = (1.0, 0.1)  # variances that may be 0, each as a multiple of those that may not
DISTINCT = 1e-9  # part of a structure that no others make up, below which there is none


@dataclasses.dataclass(frozen=True)
class Block:
    """Units of one design.

    ``design`` (rows, means), ``structures`` (variances, rows, rows) and ``values`` (units, rows).
    """

    design: np.ndarray
    structures: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Fit:
    """``variances`` that maximise the restricted likelihood, and what follows from them.

    ``criterion`` is minus twice the restricted log-likelihood, in lme4's convention; ``means`` are by generalised least
    squares with covariance ``means_covariance``, whose derivatives by the variances are ``derivatives`` (variances,
    means, means); ``information`` (variances, variances) is the expected one; ``free`` says which variances are not at
    the boundary; ``converged`` whether the search arrived.
    """

    variances: np.ndarray
    criterion: float
    means: np.ndarray
    means_covariance: np.ndarray
    derivatives: np.ndarray
    information: np.ndarray
    free: np.ndarray
    converged: bool

    def degrees(self, weights):
        """Satterthwaite's degrees of freedom of the variance of ``weights @ means``; weights (means,), not all 0."""
        variance = weights @ self.means_covariance @ weights
        gradient = np.einsum("m,vmn,n->v", weights, self.derivatives, weights)[self.free]
        spread = gradient @ scipy.linalg.pinvh(self.information[np.ix_(self.free, self.free)]) @ gradient
        return float(2 * variance**2 / spread) if spread > 0 else math.inf


def mean_square(blocks):
    """Mean square of what least squares leaves of the values, and its degrees of freedom."""
    state = _State(blocks, [np.eye(len(block.design)) for block in blocks])
    freedom = sum(block.values.size for block in blocks) - len(state.means)
    return (state.squares / freedom if freedom else 0.0), freedom


def identifiable(blocks):
    """Which variances can be told from those before them: a boolean array.

    A variance is not if its structure, as far as the fitted means leave it, is a sum of multiples of earlier ones.
    """
    overlaps = _State(blocks, [np.eye(len(block.design)) for block in blocks]).overlaps()
    kept = []
    for i, own in enumerate(np.diag(overlaps)):
        inverse = scipy.linalg.pinvh(overlaps[np.ix_(kept, kept)]) if kept else None
        shared = overlaps[i, kept] @ inverse @ overlaps[kept, i] if kept else 0.0
        if own - shared > DISTINCT * max(1.0, own):
            kept.append(i)
    return np.isin(np.arange(len(overlaps)), kept)


def fit(blocks, positive):
    """The REML fit, by Fisher scoring from several starts; the best of them counts.

    Args:
        blocks: list of `Block`; together they leave degrees of freedom, and the residuals are not all 0.
        positive: (variances,) booleans, of the variances that must not be 0 for the covariance to have an inverse.

    Returns:
        Fit: see there.
    """
    unit, freedom = mean_square(blocks)
    scaled = [dataclasses.replace(block, values=block.values / math.sqrt(unit)) for block in blocks]
    lowest = np.where(positive, SMALLEST, 0.0)
    starts = (np.where(positive, 1.0, ratio) / (1 + ratio) for ratio in STARTS)
    criterion, found, converged = min((_search(scaled, start, lowest) for start in starts), key=operator.itemgetter(0))
    free = found > AT_BOUNDARY
    state = _state(blocks, np.where(free, found, lowest) * unit)
    return Fit(
        variances=np.where(free, found, 0.0) * unit,
        criterion=criterion + freedom * math.log(2 * math.pi * unit),
        means=state.means,
        means_covariance=state.covariance,
        derivatives=np.array([state.covariance @ moved @ state.covariance for moved in state.moved()]),
        information=state.overlaps() / 2,
        free=free,
        converged=converged,
    )


def _search(blocks, variances, lowest):
    """Fisher scoring: every step goes to the least of a quadratic within the bounds, or part of the way to it.

    The quadratic has the criterion's slopes and the expected curvature. Returns the criterion, the variances and
    whether the search arrived.
    """
    state = _state(blocks, variances)
    for _ in range(STEPS):
        slopes = state.gradient()
        try:
            root = np.linalg.cholesky(state.overlaps())
        except np.linalg.LinAlgError:  # variances so unequal that rounding hides some
            break
        target = root.T @ (variances - lowest) - scipy.linalg.solve_triangular(root, slopes, lower=True)
        step = scipy.optimize.nnls(root.T, target)[0] + lowest - variances
        expected = float(slopes @ step)
        if -expected < ARRIVED:
            return state.criterion, variances, True
        part = 1.0
        while part > SHORTEST:
            trial = _state(blocks, variances + part * step)
            if trial.criterion < state.criterion + 0.1 * part * expected:
                break
            part /= 2
        else:
            return state.criterion, variances, False
        variances, state = variances + part * step, trial
    return state.criterion, variances, False


def _state(blocks, variances):
    return _State(blocks, [np.tensordot(variances, block.structures, 1) for block in blocks])


class _State:
    """Generalised least squares with given covariances, one of each block's units; criterion and derivatives."""

    def __init__(self, blocks, covariances):
        self.blocks = blocks
        self.inverses = [np.linalg.inv(covariance) for covariance in covariances]
        pairs = list(zip(blocks, self.inverses, strict=True))
        precision = sum(len(block.values) * block.design.T @ inverse @ block.design for block, inverse in pairs)
        sums = sum(block.design.T @ inverse @ block.values.sum(axis=0) for block, inverse in pairs)
        self.covariance = np.linalg.inv(precision)
        self.means = self.covariance @ sums
        residuals = [block.values - block.design @ self.means for block in blocks]
        self.scatter = [left.T @ left for left in residuals]
        self.squares = float(sum(np.vdot(*both) for both in zip(self.scatter, self.inverses, strict=True)))
        logs = sum(len(block.values) * _logdet(part) for block, part in zip(blocks, covariances, strict=True))
        self.criterion = self.squares + logs + _logdet(precision)  # minus twice the log-likelihood, without constant

    def gradient(self):
        """Derivatives of the criterion by the variances: (variances,)."""
        total = 0
        for block, inverse, scatter in zip(self.blocks, self.inverses, self.scatter, strict=True):
            units = len(block.values)
            fitted = units * block.design @ self.covariance @ block.design.T
            middle = units * inverse - inverse @ (fitted + scatter) @ inverse
            total = total + np.tensordot(block.structures, middle, 2)
        return total

    def moved(self):
        """``X' V^-1 structure_i V^-1 X`` over all units: (variances, means, means)."""
        total = 0
        for block, inverse in zip(self.blocks, self.inverses, strict=True):
            half = inverse @ block.design
            total = total + len(block.values) * (half.T @ block.structures @ half)
        return total

    def overlaps(self):
        """``trace(P structure_i P structure_j)``, where P takes the fitted means out: (variances, variances).

        It is the expected second derivative of the criterion, and twice the expected information.
        """
        total = _traces(self.covariance @ self.moved())
        for block, inverse in zip(self.blocks, self.inverses, strict=True):
            weighted = inverse @ block.structures
            fitted = inverse @ block.design @ self.covariance @ block.design.T
            once, twice = _traces(weighted), _traces(fitted @ weighted, weighted)
            total = total + len(block.values) * (once - twice - twice.T)
        return total


def _traces(left, right=None):
    """``trace(left_i right_j)`` of two stacks of matrices: (n, n)."""
    right = left if right is None else right
    return left.reshape(len(left), -1) @ right.transpose(0, 2, 1).reshape(len(right), -1).T


def _logdet(matrix):
    sign, logarithm = np.linalg.slogdet(matrix)
    return logarithm if sign > 0 else math.inf
