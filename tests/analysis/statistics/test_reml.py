"""Restricted maximum likelihood against published examples, and its derivatives against finite differences."""

import math

import numpy as np
import pytest

from healbert.analysis.statistics import reml

# Davies 1947, table 6.1 (p. 134): yield of dyestuff, six batches of five preparations.
DYESTUFF = [
    [1545, 1440, 1440, 1520, 1580],
    [1540, 1555, 1490, 1560, 1495],
    [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545],
    [1595, 1630, 1515, 1635, 1625],
    [1520, 1455, 1450, 1480, 1445],
]
# Box and Tiao 1973, table 5.1.4: made-up data of the same shape, in which batches differ less than chance has it.
BOX_TIAO = [
    [7.298, 3.846, 2.434, 9.566, 7.990],
    [5.220, 6.556, 0.608, 11.788, -0.892],
    [0.110, 10.386, 13.434, 5.510, 8.166],
    [2.212, 4.852, 7.092, 9.288, 4.980],
    [0.282, 9.014, 4.458, 9.446, 7.198],
    [1.722, 4.782, 8.106, 0.758, 3.758],
]
# Davies and Goldsmith 1972, section 6.6: zones of inhibition, 24 plates by six samples of penicillin.
PENICILLIN = """
    27 23 26 23 23 21  27 23 26 23 23 21  25 21 25 24 24 20  26 23 25 23 23 20  25 22 26 22 23 20  24 22 25 23 22 19
    24 20 23 21 22 19  26 22 26 24 24 21  24 21 24 22 22 20  24 21 24 23 22 19  26 23 26 24 24 21  25 22 26 24 24 20
    26 24 26 24 25 22  26 23 26 23 23 20  26 23 25 24 24 22  25 22 25 23 23 20  25 21 24 23 23 20  25 22 24 23 23 19
    24 21 23 21 21 19  26 23 26 24 24 21  25 21 24 22 22 18  25 22 25 22 22 20  24 21 24 22 24 19  24 21 24 22 21 18
"""
# Box, Hunter and Hunter 1978, table 7.1: five blends by four treatments.
BLENDS = [[89, 88, 97, 94], [84, 77, 92, 79], [81, 87, 87, 85], [87, 92, 89, 84], [79, 81, 80, 88]]


def one_way(values):
    """Groups of equal size that share one mean."""
    rows = len(values[0])
    structures = np.stack([np.eye(rows), np.ones((rows, rows))])
    return [reml.Block(np.ones((rows, 1)), structures, np.array(values, float))]


class TestPublished:
    """Figures as printed by lme4 (Bates et al. 2015, J. Stat. Softw. 67, and its documentation), unless said else."""

    def test_dyestuff(self):
        found = reml.fit(one_way(DYESTUFF), [True, False])
        assert found.converged and found.criterion == pytest.approx(319.6543, abs=1e-4)
        assert found.variances == pytest.approx([2451.25, 1764.05], rel=1e-5)
        assert found.means == pytest.approx([1527.5])
        assert found.means_covariance[0, 0] == pytest.approx(19.383**2, rel=1e-4)
        assert found.degrees(np.ones(1)) == pytest.approx(5), "batches less one"

    def test_variance_at_the_boundary(self):
        found = reml.fit(one_way(BOX_TIAO), [True, False])
        assert found.converged and found.variances[1] == 0 and found.free.tolist() == [True, False]
        assert found.criterion == pytest.approx(161.8283, abs=1e-4)
        assert math.sqrt(found.variances[0]) == pytest.approx(3.716, abs=5e-4)
        assert found.means == pytest.approx([5.6656])
        assert found.degrees(np.ones(1)) == pytest.approx(29), "as if batches were known not to differ"

    def test_crossed(self):
        values = np.array(PENICILLIN.split(), float)
        plate, sample = np.repeat(np.arange(24), 6), np.tile(np.arange(6), 24)
        structures = np.stack([np.eye(144), *(np.equal.outer(name, name).astype(float) for name in (plate, sample))])
        found = reml.fit([reml.Block(np.ones((144, 1)), structures, values[None])], [True, False, False])
        assert found.variances == pytest.approx([0.302415, 0.716908, 3.73092], rel=1e-4)
        assert found.criterion == pytest.approx(330.860589, abs=1e-5)
        assert math.sqrt(found.means_covariance[0, 0]) == pytest.approx(0.8085723, abs=1e-5)

    def test_blocks(self):
        """Faraway, Extending the linear model with R, 10.6 (fitted by lmer and by the analysis of variance)."""
        block = reml.Block(np.eye(4), np.stack([np.eye(4), np.ones((4, 4))]), np.array(BLENDS, float))
        found = reml.fit([block], [True, False])
        assert found.criterion == pytest.approx(103.8, abs=0.05)
        assert found.variances == pytest.approx([18.83, 11.79], abs=0.01)
        difference = np.array([-1, 1, 0, 0])
        assert math.sqrt(difference @ found.means_covariance @ difference) == pytest.approx(2.745, abs=1e-3)
        assert found.degrees(difference) == pytest.approx(12)


class TestDerivatives:
    @pytest.fixture
    def blocks(self):
        """Units of three designs, and variances at which nothing is special."""
        rng = np.random.default_rng(3)
        found = []
        for rows, units in ((5, 3), (4, 2), (3, 1)):
            groups = np.arange(rows) % 2
            structures = np.stack([np.eye(rows), np.ones((rows, rows)), np.equal.outer(groups, groups).astype(float)])
            found.append(reml.Block(rng.normal(size=(rows, 2)), structures, rng.normal(size=(units, rows))))
        return found, np.array([1.3, 0.4, 0.7])

    def test_criterion_is_that_of_error_contrasts(self, blocks):
        """The density of K'y with K orthonormal and K'X = 0, less the logarithm of |X'X|."""
        blocks, variances = blocks
        design, covariance, values = dense(blocks, variances)
        space = np.linalg.svd(design)[0][:, design.shape[1] :]
        left, inner = space.T @ values, space.T @ covariance @ space
        expected = np.linalg.slogdet(inner)[1] + left @ np.linalg.solve(inner, left)
        expected += np.linalg.slogdet(design.T @ design)[1]
        assert reml._state(blocks, variances).criterion == pytest.approx(expected)

    def test_gradient(self, blocks):
        blocks, variances = blocks
        for i, slope in enumerate(reml._state(blocks, variances).gradient()):
            step = np.eye(3)[i] * 1e-5
            up, down = (reml._state(blocks, variances + sign * step).criterion for sign in (1, -1))
            assert slope == pytest.approx((up - down) / 2e-5, rel=1e-6)

    def test_information_is_the_variance_of_the_gradient(self, blocks):
        """tr(P V_i P V_j), of dense matrices."""
        blocks, variances = blocks
        design, covariance, _ = dense(blocks, variances)
        inverse = np.linalg.inv(covariance)
        half = inverse @ design
        project = inverse - half @ np.linalg.solve(design.T @ half, half.T)
        parts = [project @ dense(blocks, unit)[1] for unit in np.eye(3)]
        expected = [[np.trace(one @ other) for other in parts] for one in parts]
        assert reml._state(blocks, variances).overlaps() == pytest.approx(np.array(expected))

    def test_covariance_of_the_means_moves_as_its_derivatives_say(self, blocks):
        blocks, _ = blocks
        found = reml.fit(blocks, [True, False, False])
        covariances = []
        for sign in (1, -1):
            moved = found.variances + sign * 1e-5 * np.eye(3)[0]
            covariances.append(reml._state(blocks, moved).covariance)
        assert found.derivatives[0] == pytest.approx((covariances[0] - covariances[1]) / 2e-5, rel=1e-5)


def dense(blocks, variances):
    """Design, covariance and values of all units as one."""
    designs, covariances, values = [], [], []
    for block in blocks:
        for unit in block.values:
            designs.append(block.design)
            covariances.append(np.tensordot(variances, block.structures, 1))
            values.append(unit)
    whole, ends = np.zeros((sum(map(len, values)),) * 2), np.cumsum([0, *map(len, values)])
    for start, end, part in zip(ends, ends[1:], covariances, strict=False):
        whole[start:end, start:end] = part
    return np.concatenate(designs), whole, np.concatenate(values)
