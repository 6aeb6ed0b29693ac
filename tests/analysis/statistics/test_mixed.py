"""The mixed model of a study: against other tests and libraries; holes, and what cannot be fitted."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers.statistics import study_cells, study_scores
from scipy import stats

from healbert.analysis.statistics import mixed
from healbert.analysis.statistics.mixed import Cell, NotFitted

# Yates 1935: yield of oats, three varieties (Victory, Golden Rain, Marvellous) by four doses of nitrogen, six blocks.
OATS = """
    111 130 157 174  117 114 161 141  105 140 118 156    61  91  97 100   70 108 126 149   96 124 121 144
     68  64 112  86   60 102  89  96   89 129 132 124    74  89  81 122   64 103 132 133   70  89 104 117
     62  90 100 116   80  82  94 126   63  70 109  99    53  74 118 113   89  82  86 104   97  99 119 121
"""


def variances(model):
    return {component.name: component.variance for component in model.components}


def mean_squares(scores):
    """Of a complete (datasets, damages, seeds) table: residual, seed:damage, dataset:seed and seed."""
    datasets, damages, seeds = scores.shape
    left = scores - scores.mean(axis=2, keepdims=True)
    seed = left.mean(axis=(0, 1))
    by_damage, by_dataset = left.mean(axis=0) - seed, left.mean(axis=1) - seed
    rest = left - by_damage[None] - by_dataset[:, None] - seed
    return (
        np.sum(rest**2) / ((datasets - 1) * (damages - 1) * (seeds - 1)),
        datasets * np.sum(by_damage**2) / ((damages - 1) * (seeds - 1)),
        damages * np.sum(by_dataset**2) / ((datasets - 1) * (seeds - 1)),
        datasets * damages * np.sum(seed**2) / (seeds - 1),
    )


class TestBalanced:
    """Without holes all is in closed form, as long as no mean square is below the one it is to exceed."""

    SCORES = study_scores(np.random.default_rng(3), 3, 5, 6, seed_sd=2, seed_damage_sd=1, dataset_seed_sd=1.5)

    def test_components_are_those_of_the_analysis_of_variance(self):
        rest, by_damage, by_dataset, seed = mean_squares(self.SCORES)
        found = variances(mixed.fit(study_cells(self.SCORES)))
        assert found["residual"] == pytest.approx(rest)
        assert found["seed:damage"] == pytest.approx((by_damage - rest) / 3)
        assert found["dataset:seed"] == pytest.approx((by_dataset - rest) / 5)
        assert found["seed"] == pytest.approx((seed - by_damage - by_dataset + rest) / 15)

    def test_difference_of_damages_over_datasets_is_the_exact_t_test(self):
        """Its variance is one mean square, with that one's degrees of freedom."""
        found = mixed.fit(study_cells(self.SCORES)).contrast(
            {(d, m): w for d in range(3) for m, w in ((0, 1), (4, -1))}
        )
        means = self.SCORES.mean(axis=(0, 2))
        assert found.effect == pytest.approx(3 * (means[0] - means[4]))
        assert found.error == pytest.approx(3 * math.sqrt(2 * mean_squares(self.SCORES)[1] / (3 * 6)))
        assert found.df == pytest.approx(4 * 5)
        assert found.p == pytest.approx(2 * stats.t.sf(abs(found.effect) / found.error, 20))
        assert found.interval == pytest.approx(stats.t.interval(0.95, 20, found.effect, found.error))

    def test_difference_of_damages_of_one_of_the_datasets(self):
        """Satterthwaite's df of a sum of mean squares: (MS_residual * 2/3 + MS_seed:damage / 3) twice over seeds."""
        found = mixed.fit(study_cells(self.SCORES)).contrast({(0, 0): 1, (0, 4): -1})
        rest, by_damage, *_ = mean_squares(self.SCORES)
        parts = np.array([rest * 2 / 3, by_damage / 3])
        assert found.error == pytest.approx(math.sqrt(2 * parts.sum() / 6))
        assert found.df == pytest.approx(parts.sum() ** 2 / (parts[0] ** 2 / 40 + parts[1] ** 2 / 20))

    def test_two_damages_of_one_dataset_are_the_paired_t_test(self):
        """Where seeds, as here, differ more than their scores do: else the seeds' variance is 0, and nothing paired."""
        first, second = scores = np.array([[0.31, 0.52, 0.20, 0.61, 0.43], [0.33, 0.46, 0.19, 0.66, 0.37]])
        found = mixed.fit(study_cells(scores[None])).contrast({(0, 0): 1, (0, 1): -1})
        expected = stats.ttest_rel(first, second)
        assert (found.p, found.df) == (pytest.approx(expected.pvalue), pytest.approx(expected.df))

    def test_oats(self):
        """Pinheiro and Bates 2000, 1.6, without blocks by nitrogen, whose variance is 0 here."""
        scores = np.array(OATS.split(), float).reshape(6, 3, 4).transpose(1, 2, 0)
        model = mixed.fit(study_cells(scores))
        found = variances(model)
        assert found["seed"] == pytest.approx(214.48, abs=0.01) and found["dataset:seed"] == pytest.approx(
            106.06, abs=0.01
        )
        assert found["residual"] == pytest.approx(177.08, abs=0.01) and found["seed:damage"] == 0
        nitrogen = model.contrast({(0, 0): -1, (0, 3): 1})
        assert nitrogen.error == pytest.approx(7.6830, abs=1e-4) and nitrogen.df == pytest.approx(45)


class TestOtherLibraries:
    @pytest.mark.parametrize(("seed", "holes"), [(0, 0), (1, 7), (2, 12)])
    def test_statsmodels(self, seed, holes):
        """Crossed effects and one residual variance: what statsmodels' MixedLM can do, where it converges."""
        import statsmodels.formula.api as formulas

        rng = np.random.default_rng(seed)
        cells = study_cells(study_scores(rng, 2, 4, 5, seed_sd=1.5, seed_damage_sd=1, dataset_seed_sd=1))
        kept = sorted(rng.permutation(len(cells))[holes:])
        table = pd.DataFrame([cells[i] for i in kept]).assign(all=1)
        terms = {
            "seed": "0 + C(seed)",
            "seed:damage": "0 + C(seed):C(damage)",
            "dataset:seed": "0 + C(dataset):C(seed)",
        }
        theirs = formulas.mixedlm("score ~ 0 + C(dataset):C(damage)", table, groups="all", vc_formula=terms)
        theirs = theirs.fit(reml=True, method=["lbfgs", "bfgs"])
        ours = mixed.fit([cells[i] for i in kept])
        assert ours.holes == holes and theirs.converged
        assert theirs.scale == pytest.approx(variances(ours)["residual"], rel=2e-3)
        for name, value in zip(theirs.model.exog_vc.names, theirs.vcomp, strict=True):
            assert value == pytest.approx(variances(ours)[name], rel=5e-3, abs=1e-3)
        for (dataset, damage), mean in ours.means.items():
            name = f"C(dataset)[{dataset}]:C(damage)[{damage}]"
            assert theirs.fe_params[name] == pytest.approx(mean, abs=1e-3)
            error = ours.contrast({(dataset, damage): 1}).error
            if not holes:  # with holes theirs are another thing: of a Hessian of means and variances together
                assert theirs.bse_fe[name] == pytest.approx(error, rel=2e-3)

    def test_seeds_of_their_own_and_two_variances_are_welchs_test(self):
        first, second = [0.3, 0.35, 0.31, 0.36, 0.32], [0.1, 0.3, 0.6, 0.2, 0.5, 0.4]
        cells = [Cell("d", "intact", i, value) for i, value in enumerate(first)]
        cells += [Cell("d", "half", 10 + i, value) for i, value in enumerate(second)]
        model = mixed.fit(cells, {"intact": "intact"})
        found = model.contrast({("d", "intact"): 1, ("d", "half"): -1})
        assert model.noise == mixed.BY_GROUP
        expected = stats.ttest_ind(first, second, equal_var=False)
        assert (found.p, found.df) == (pytest.approx(expected.pvalue), pytest.approx(expected.df))


class TestInvariance:
    @pytest.fixture
    def cells(self):
        rng = np.random.default_rng(8)
        cells = study_cells(study_scores(rng, 2, 4, 4, seed_sd=1, seed_damage_sd=0.5, dataset_seed_sd=1))
        return [cells[i] for i in sorted(rng.permutation(len(cells))[3:])]

    WEIGHTS = {(0, 0): 1, (1, 0): 1, (0, 2): -1, (1, 2): -1}

    def same(self, found, expected, scale=1.0):
        one, other = found.contrast(self.WEIGHTS), expected.contrast(self.WEIGHTS)
        assert one.effect == pytest.approx(scale * other.effect, rel=1e-6)
        assert one.error == pytest.approx(scale * other.error, rel=1e-6) and one.df == pytest.approx(other.df, rel=1e-5)

    def test_order_of_the_scores(self, cells):
        assert mixed.fit(reversed(cells)).contrast(self.WEIGHTS) == mixed.fit(cells).contrast(self.WEIGHTS)

    def test_shift_and_scale(self, cells):
        self.same(mixed.fit([cell._replace(score=cell.score + 1000) for cell in cells]), mixed.fit(cells))
        self.same(mixed.fit([cell._replace(score=cell.score / 1e4) for cell in cells]), mixed.fit(cells), 1e-4)

    def test_names_of_seeds(self, cells):
        names = ["zeta", ("a", 1), 7, None]
        self.same(mixed.fit([cell._replace(seed=names[cell.seed]) for cell in cells]), mixed.fit(cells))

    def test_a_score_more_or_less_of_one_seed_alone_changes_no_contrast(self, cells):
        """A mean seen once, and tied to no other by its seed, is fitted exactly."""
        alone = Cell("another dataset", "another damage", "another seed", 5.0)
        self.same(mixed.fit([*cells, alone]), mixed.fit(cells))


class TestHoles:
    SCORES = study_scores(np.random.default_rng(4), 3, 4, 5, seed_sd=1, seed_damage_sd=0.5, dataset_seed_sd=0.5)

    def test_a_hole_costs_little(self):
        """Not the level, nor the seed: the error grows by less than one of the five scores would cost alone."""
        weights = {(d, m): w for d in range(3) for m, w in ((0, 1), (3, -1))}
        whole = mixed.fit(study_cells(self.SCORES)).contrast(weights)
        cells = [cell for cell in study_cells(self.SCORES) if cell[:3] != (0, 3, 4)]
        model = mixed.fit(cells)
        assert model.holes == 1 and len(model.means) == 12
        assert model.contrast(weights).df == pytest.approx(whole.df, rel=0.2)
        assert model.contrast(weights).error < whole.error * math.sqrt(5 / 4)

    def test_mean_seen_once_has_an_error(self):
        cells = [cell for cell in study_cells(self.SCORES) if cell[:2] != (0, 3) or cell.seed == 0]
        model = mixed.fit(cells)
        once, all_seeds = (model.contrast({(dataset, 3): 1, (dataset, 0): -1}).error for dataset in (0, 1))
        assert all_seeds < once < 3 * all_seeds

    def test_damage_that_a_dataset_lacks(self):
        model = mixed.fit([cell for cell in study_cells(self.SCORES) if cell[:2] != (0, 3)])
        assert (0, 3) not in model.means and len(model.means) == 11 and model.holes == 0
        with pytest.raises(KeyError):
            model.contrast({(0, 3): 1, (0, 0): -1})

    @pytest.mark.parametrize("seed", range(4))
    def test_fit_is_that_of_dense_matrices(self, seed):
        """Means, errors and the restricted likelihood of all scores as one vector, at these variances and near them."""
        rng = np.random.default_rng(seed)
        cells = study_cells(study_scores(rng, 2, 3, 4, seed_sd=1, seed_damage_sd=1, dataset_seed_sd=1))
        cells = [cells[i] for i in sorted(rng.permutation(len(cells))[:18])]
        model = mixed.fit(cells)
        names = [(cell.dataset, cell.damage) for cell in cells]
        design = np.array([[float(name == key) for key in model.means] for name in names])
        shared = {"seed": (2,), "seed:damage": (2, 1), "dataset:seed": (2, 0), "residual": (0, 1, 2)}
        parts = [
            np.array(
                [[all(a[i] == b[i] for i in shared[c.name]) and c.group in (None, a[1]) for b in cells] for a in cells]
            )
            for c in model.components
        ]

        def evaluate(variances):
            covariance = np.tensordot(variances, parts, 1)
            half = np.linalg.solve(covariance, design)
            precision = design.T @ half
            scores = np.array([cell.score for cell in cells])
            means = np.linalg.solve(precision, half.T @ scores)
            left = scores - design @ means
            value = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(precision)[1]
            return value + left @ np.linalg.solve(covariance, left), means, np.linalg.inv(precision)

        found = np.array([component.variance for component in model.components])
        value, means, covariance = evaluate(found)
        assert list(model.means.values()) == pytest.approx(means)
        assert model.contrast({next(iter(model.means)): 1}).error == pytest.approx(math.sqrt(covariance[0, 0]))
        for i, factor in itertools.product(range(len(found)), (0.9, 1.1)):
            moved = found.copy()
            moved[i] = found[i] * factor if found[i] else 0.01 * found.max()
            assert evaluate(moved)[0] > value, "REML is at its best"


class TestNoise:
    """Shared by all damages unless the scores say otherwise, and are enough to say it."""

    def study(self, seeds, residual_sd):
        scores = study_scores(np.random.default_rng(1), 3, 5, seeds, seed_sd=0.5, residual_sd=residual_sd)
        return mixed.fit(study_cells(scores), {0: "intact"})

    @pytest.mark.parametrize(
        ("seeds", "residual_sd", "expected"),
        [
            (6, [1, 1, 1, 1, 1], mixed.ONE_NOISE),
            (6, [0.1, 1, 1, 1, 1], mixed.BY_GROUP),
            (6, [0.1, 0.3, 0.1, 1, 3], mixed.BY_DAMAGE),
            (2, [0.1, 0.3, 0.1, 1, 3], mixed.ONE_NOISE),  # two seeds
        ],
    )
    def test_how_it_is_shared(self, seeds, residual_sd, expected):
        assert self.study(seeds, residual_sd).noise == expected

    def test_variances_are_told_apart(self):
        found = self.study(6, [0.1, 0.3, 0.1, 1, 3])
        residuals = {c.group: c.variance for c in found.components if c.name == "residual"}
        for damage, sd in enumerate([0.1, 0.3, 0.1, 1, 3]):
            assert residuals[damage] == pytest.approx(sd**2, rel=0.8)
        quiet, loud = (found.contrast({(0, one): 1, (0, other): -1}).error for one, other in ((0, 2), (3, 4)))
        assert loud > 5 * quiet


class TestWhatCannotBeFitted:
    SCORES = study_scores(np.random.default_rng(5), 2, 3, 3)

    def reason(self, cells):
        with pytest.raises(NotFitted) as refused:
            mixed.fit(cells)
        return refused.value.reason

    def test_reasons(self):
        assert self.reason([]) == mixed.NO_SCORES
        assert self.reason(study_cells(self.SCORES[:, :, :1])) == mixed.ONE_SEED
        different = [Cell(d, m, (d, m), 0.5 + d + m) for d in range(2) for m in range(3)]
        assert self.reason(different) == mixed.NOTHING_REPEATED
        same = np.broadcast_to(self.SCORES[:, :, :1], (2, 3, 3))
        assert self.reason(study_cells(same)) == mixed.EQUAL_SEEDS

    @pytest.mark.parametrize("datasets", [1, 2])
    def test_seeds_that_move_all_scores_alike(self, datasets):
        """Means differ by what is known to the last digit, whatever seeds there were."""
        means, seeds = self.SCORES[:datasets, :, :1], np.array([0.0, 0.3, -0.2, 0.1])
        assert self.reason(study_cells(means + seeds)) == mixed.EQUAL_SEEDS
        almost = study_cells(means + seeds + np.random.default_rng(0).normal(0, 0.01, (datasets, 3, 4)))
        assert mixed.fit(almost).contrast({(0, 0): 1, (0, 1): -1}).error > 0.002

    def test_two_datasets_with_a_seed_each(self):
        """Every mean is seen once: nothing is left of which to learn how seeds differ."""
        cells = [Cell(d, m, d, float(self.SCORES[d, m, 0])) for d in range(2) for m in range(3)]
        assert self.reason(cells) == mixed.NOTHING_REPEATED

    def test_not_converged(self, monkeypatch):
        monkeypatch.setattr(mixed.reml, "STEPS", 1)
        assert self.reason(study_cells(self.SCORES)) == mixed.NOT_CONVERGED

    def test_refused(self):
        cells = study_cells(self.SCORES)
        with pytest.raises(ValueError, match="two scores"):
            mixed.fit([*cells, cells[0]])
        with pytest.raises(ValueError, match="finite"):
            mixed.fit([cells[0]._replace(score=math.nan), *cells[1:]])
        with pytest.raises(ValueError, match="weight"):
            mixed.fit(cells).contrast({(0, 0): 0})


class TestTermsThatFallTogether:
    SCORES = study_scores(np.random.default_rng(6), 2, 3, 4, seed_sd=1)

    @pytest.mark.parametrize(
        ("scores", "left"),
        [
            (SCORES, {"residual", "seed", "seed:damage", "dataset:seed"}),
            (SCORES[:1], {"residual", "seed"}),  # one dataset: what a seed does to a damage is residual
            (SCORES[:, :1], {"residual", "seed"}),  # one damage
            (SCORES[:1, :1], {"residual"}),
        ],
    )
    def test_components(self, scores, left):
        model = mixed.fit(study_cells(scores))
        assert {name for name, variance in variances(model).items() if variance is not None} == left

    def test_at_the_boundary(self):
        """Scores of a seed that pull in opposite directions: the seeds' own variance is 0, and said to be."""
        scores = np.array([[[1.0, -1.1, 0.2], [-1.0, 1.2, -0.3]]])
        model = mixed.fit(study_cells(scores))
        assert [c.name for c in model.components if c.variance == 0] == ["seed"]
        assert model.contrast({(0, 0): 1, (0, 1): -1}).df == pytest.approx(4), "as if seeds were known not to differ"
