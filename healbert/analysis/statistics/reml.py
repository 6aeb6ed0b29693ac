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

import numpy as np
from scipy import linalg, optimize

SMALLEST = 1e-8  # lower bound of variances that must be above 0; the mean square residual is 1
AT_BOUNDARY = 1e-6  # smaller variances are 0, in the same unit
STEEPEST = 1e-3  # change of the criterion per relative change of a variance at which the search has arrived
STARTS = (1.0, 0.1, 10.0)  # variances that may be 0, each as a multiple of those that may not
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
        spread = gradient @ linalg.pinvh(self.information[np.ix_(self.free, self.free)]) @ gradient
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
        shared = overlaps[i, kept] @ linalg.pinvh(overlaps[np.ix_(kept, kept)]) @ overlaps[kept, i] if kept else 0.0
        if own - shared > DISTINCT * max(1.0, own):
            kept.append(i)
    return np.isin(np.arange(len(overlaps)), kept)


def fit(blocks, positive):
    """The REML fit, by L-BFGS-B from several starts; the best of them counts.

    Args:
        blocks: list of `Block`; together they leave degrees of freedom, and the residuals are not all 0.
        positive: (variances,) booleans, of the variances that must not be 0 for the covariance to have an inverse.

    Returns:
        Fit: see there.
    """
    unit, freedom = mean_square(blocks)
    scaled = [dataclasses.replace(block, values=block.values / math.sqrt(unit)) for block in blocks]
    bounds = [(SMALLEST if must else 0.0, None) for must in positive]
    found = [
        optimize.minimize(
            _criterion,
            np.where(positive, 1.0, ratio) / (1 + ratio),
            (scaled,),
            "L-BFGS-B",
            jac=True,
            bounds=bounds,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxls": 50},
        )
        for ratio in STARTS
    ]
    best = min(found, key=lambda search: search.fun)
    free = best.x > AT_BOUNDARY
    slopes = np.where(free, best.jac * best.x, np.minimum(best.jac * AT_BOUNDARY, 0))
    state = _State(blocks, _inverses(blocks, best.x * unit))
    return Fit(
        variances=np.where(free, best.x, 0.0) * unit,
        criterion=float(best.fun + freedom * math.log(2 * math.pi * unit)),
        means=state.means,
        means_covariance=state.covariance,
        derivatives=np.array([state.covariance @ moved @ state.covariance for moved in state.moved()]),
        information=state.overlaps() / 2,
        free=free,
        converged=bool(np.isfinite(best.fun) and np.abs(slopes).max() < STEEPEST),
    )


def _inverses(blocks, variances):
    return [linalg.inv(np.tensordot(variances, block.structures, 1)) for block in blocks]


def _criterion(variances, blocks):
    """Minus twice the restricted log-likelihood without its constant, and its gradient by the variances."""
    try:
        inverses = _inverses(blocks, variances)
    except linalg.LinAlgError:
        return math.inf, np.zeros(len(variances))
    state = _State(blocks, inverses)
    value = state.squares - np.linalg.slogdet(state.covariance)[1]
    gradient = np.zeros(len(variances))
    for block, inverse, residuals in zip(blocks, inverses, state.residuals, strict=True):
        units = len(block.values)
        value -= units * np.linalg.slogdet(inverse)[1]
        fitted = units * block.design @ state.covariance @ block.design.T
        middle = units * inverse - inverse @ (fitted + residuals.T @ residuals) @ inverse
        gradient += np.tensordot(block.structures, middle, 2)
    return value, gradient


class _State:
    """Generalised least squares with given inverse covariances of the blocks, and the traces that REML needs."""

    def __init__(self, blocks, inverses):
        self.blocks, self.inverses = blocks, inverses
        pairs = list(zip(blocks, inverses, strict=True))
        precision = sum(len(block.values) * block.design.T @ inverse @ block.design for block, inverse in pairs)
        self.covariance = linalg.inv(precision)
        self.means = self.covariance @ sum(
            block.design.T @ inverse @ block.values.sum(axis=0) for block, inverse in pairs
        )
        self.residuals = [block.values - block.design @ self.means for block in blocks]
        self.squares = float(
            sum(np.sum(left @ inverse * left) for left, inverse in zip(self.residuals, inverses, strict=True))
        )

    def moved(self):
        """``X' V^-1 structure_i V^-1 X`` over all units: (variances, means, means)."""
        total = 0
        for block, inverse in zip(self.blocks, self.inverses, strict=True):
            half = inverse @ block.design
            total = total + len(block.values) * (half.T @ block.structures @ half)
        return total

    def overlaps(self):
        """``trace(P structure_i P structure_j)``, where P takes the fitted means out: (variances, variances)."""
        moved = self.covariance @ self.moved()
        total = np.einsum("iab,jba->ij", moved, moved)
        for block, inverse in zip(self.blocks, self.inverses, strict=True):
            weighted = inverse @ block.structures
            fitted = block.design @ self.covariance @ block.design.T @ inverse
            once = np.einsum("iab,jba->ij", weighted, weighted)
            twice = np.einsum("iab,jba->ij", weighted @ fitted.T, weighted)
            total = total + len(block.values) * (once - twice - twice.T)
        return total
