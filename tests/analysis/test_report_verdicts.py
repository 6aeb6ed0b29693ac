"""Verdicts on the paper's claims, from runs with known effects."""

import itertools
import json
import shutil

import numpy as np
import pandas
import pytest
from helpers.report_runs import Maker, analysed, score_of, told, verdict_of
from scipy import stats

from healbert.analysis.claims import CLAIMS
from healbert.analysis.collect import collect
from healbert.analysis.contrasts import costs
from healbert.analysis.entries import Results
from healbert.analysis.predictions import Predictions
from healbert.analysis.runs import INTACT, Damage
from healbert.analysis.verdict import CONTRADICTED, OPPOSITE, SUPPORTED
from healbert.analysis.verdicts import judge
from healbert.analysis.views import CHOSEN, LAST, UNCOLLAPSED
from healbert.report.figures.levels import by_level
from healbert.report.sentences import first_line


class TestVerdicts:
    def test_known_effects_hold(self, tmp_path):
        maker = Maker(tmp_path, noise=0.003).sweep(rates=(5e-5,))
        results, predictions = analysed(maker.root)
        verdicts = judge([results], predictions)
        for letter in ("a", "b, bottom", "b, top", "c"):
            found = verdict_of(verdicts, letter, "all datasets")
            assert found.verdict == SUPPORTED and found.outcome.basis == "seeds and examples"
        # accuracy lost per quarter of the encoder is 0.3 / 4 from the bottom up to 75%, less at the shared end
        assert 0.03 < verdict_of(verdicts, "b, bottom", "all datasets").outcome.effect < 0.07
        assert verdict_of(verdicts, "c", "all datasets").outcome.effect == pytest.approx(0.075, abs=0.02)

    def test_the_opposite_does_not_hold(self, tmp_path):
        maker = Maker(tmp_path, noise=0.003, cost={"bottom": 0.1, "top": 0.3}).sweep(
            rates=(5e-5,), levels=(0, 0.5, 0.75)
        )
        results, predictions = analysed(maker.root)
        found = verdict_of(judge([results], predictions), "c", "all datasets")
        assert found.verdict == CONTRADICTED and found.outcome.effect < 0

    def test_effects_by_hand(self, full_sweep, full_content):
        (group,) = collect(full_sweep).groups
        results = Results(group)
        verdict = verdict_of([v for pair in full_content.groups[0].claims for v in (pair[0], *pair[1])], "c", "sst2")
        differences = []
        for seed in (0, 1, 2):
            pairs = [
                results.scores("sst2", Damage(level, "top"))[seed]
                - results.scores("sst2", Damage(level, "bottom"))[seed]
                for level in (0.25, 0.5, 0.75)
            ]
            differences.append(np.mean(pairs))
        assert verdict.outcome.effect == pytest.approx(np.mean(differences))
        low, high = verdict.outcome.interval
        half = stats.t.ppf(0.975, verdict.outcome.df) * verdict.outcome.error
        assert (low, high) == pytest.approx((np.mean(differences) - half, np.mean(differences) + half))
        assert verdict.outcome.p == pytest.approx(
            2 * stats.t.sf(np.mean(differences) / verdict.outcome.error, verdict.outcome.df)
        )

    def test_a_step_up_is_named(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 3000)}, noise=0.002, cost={"bottom": 0.5, "top": 0.1})
        maker.sweep(levels=(0, 0.75, 1), regions=("bottom",), rates=(5e-5,))  # all: 0.3 lost; three quarters: 0.375
        results, predictions = analysed(maker.root)
        found = verdict_of(judge([results], predictions), "b, bottom", "sst2")
        assert first_line(found).endswith("not monotone, the score rises from 75% to 100%.")
        assert found.verdict == CONTRADICTED and found.parts["75%", "100%"].sign == -1

    def test_damage_that_goes_against_the_claim_is_named(self, tmp_path):
        """A mean over kinds of damage hides the one after which models score above the intact one."""
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 3000)}, noise=0.002, cost={"bottom": 0.5, "top": -0.1})
        maker.sweep(levels=(0, 0.25, 0.5), rates=(5e-5,))
        results, predictions = analysed(maker.root)
        verdicts = judge([results], predictions)
        found = verdict_of(verdicts, "a", "sst2")
        assert found.verdict == SUPPORTED and found.exceptions == {"top 25%": OPPOSITE, "top 50%": OPPOSITE}
        intact, top = results.scores("sst2", INTACT), results.scores("sst2", Damage(0.5, "top"))
        above = np.mean([top[seed] - intact[seed] for seed in intact])
        assert found.parts["top 50%"].effect == pytest.approx(-above)
        assert first_line(found).endswith(", but the opposite at top 25%, top 50%.")
        assert f"top 50% −{above:.3f} (" in told(found) and "intervals hold for all 4 at once" in told(found)
        assert verdict_of(verdicts, "c", "sst2").exceptions == {}

    def test_the_opposite_has_no_exceptions(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 3000)}, noise=0.002, cost={"bottom": -0.2, "top": -0.1})
        maker.intact = 0.6
        maker.sweep(levels=(0, 0.25, 0.5), rates=(5e-5,))
        results, predictions = analysed(maker.root)
        verdicts = judge([results], predictions)
        assert {v.verdict for v in verdicts} == {CONTRADICTED} and not any(v.exceptions for v in verdicts)

    def test_a_trend_with_one_intact_run_is_of_the_damaged(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0, seed=5, corrupt_seed=0)
        for level, draw in itertools.product((0.25, 0.5, 0.75), range(3)):
            maker.run("sst2", level, "top", seed=5, corrupt_seed=draw)
        results, predictions = analysed(tmp_path)
        found = verdict_of(judge([results], predictions), "b, top", "sst2")
        assert list(found.means) == ["25%", "50%", "75%"] and found.first is None

    def test_copies_of_the_intact_run_stand_beside_every_draw(self, tmp_path):
        """Of a grid that crosses draws with levels: the draw changes nothing of the intact model."""
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        for draw in (7, 8):
            maker.run("sst2", 0, seed=5, corrupt_seed=draw)
        for level, draw in itertools.product((0.5, 0.75), range(3)):
            maker.run("sst2", level, "top", seed=5, corrupt_seed=draw)
        results, predictions = analysed(tmp_path)
        found = verdict_of(judge([results], predictions), "a", "sst2")
        intact = np.mean(list(results.scores("sst2", INTACT).values()))
        lost = {d: intact - np.array(list(results.scores("sst2", Damage(d, "top")).values())) for d in (0.5, 0.75)}
        assert len(set(results.scores("sst2", INTACT).values())) == 2
        assert found.outcome.effect == pytest.approx(np.mean(list(lost.values()))) and found.outcome.df == 2
        half = next(c for c in costs(results, predictions) if c.damage == Damage(0.5, "top"))
        assert half.lost.effect == pytest.approx(lost[0.5].mean()) and half.lost.pairs == 3
        assert half.recovery.value is not None

    def test_every_view_is_corrected_for_as_many_tests(self, tmp_path):
        """Else the verdict without collapsed runs would differ by their number alone."""
        maker = Maker(tmp_path, noise=0.003).sweep(rates=(5e-5,))
        for path in maker.root.glob("*/results.json"):  # every damaged bottom: (c) has nothing to compare without them
            results = json.loads(path.read_text())
            if results["config"]["corrupt_level"] and results["config"]["corrupt_region"] == "bottom":
                path.write_text(json.dumps(results | {"collapsed": True}))
        maker.datasets = {"mrpc": (["n", "p"], 100)}
        maker.sweep(rates=(5e-5,), levels=(0, 0.5), pooling="mean")
        groups = collect(maker.root).groups
        verdicts = judge([Results(group) for group in groups], Predictions(seed=0))
        tests = {v.rulings[CHOSEN].corrected for v in verdicts if not v.exploratory and v.outcome}
        there = [v for v in verdicts if not v.exploratory and UNCOLLAPSED in v.rulings]
        lacking = [v for v in verdicts if not v.exploratory and v.outcome and UNCOLLAPSED not in v.rulings]
        gone = [v for v in there if v.rulings[UNCOLLAPSED].outcome is None]
        assert there and lacking and gone and len(tests) == 1
        known = [r for v in there for view in (CHOSEN, LAST, UNCOLLAPSED) if (r := v.rulings[view]).outcome]
        assert {ruling.corrected for ruling in known} == tests

    def test_a_dataset_with_one_seed_counts_in_all(self, tmp_path):
        maker = Maker(tmp_path).sweep(rates=(5e-5,), levels=(0, 0.5))
        maker.datasets = {"mrpc": (["n", "p"], 100)}
        maker.sweep(rates=(5e-5,), levels=(0, 0.5), seeds=(0,))
        results, predictions = analysed(maker.root)
        found = verdict_of(judge([results], predictions), "c", "all datasets")
        assert (found.datasets, found.outcome.seeds, found.outcome.cells) == (3, 3, 2 * 2 * 3 + 2)

    def test_slopes_go_by_what_was_hit(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 200)})
        shares = {0: 0, 0.25: 2 / 6, 0.5: 3 / 6, 0.75: 5 / 6, 1: 1}
        scores = {level: [] for level in shares}
        for level, share in shares.items():
            for seed in range(3):
                hit = {"layers_hit": list(range(round(6 * share))), "num_layers": 6, "fraction_of_encoder": share}
                scores[level].append(score_of(maker.run("sst2", level, "bottom", seed=seed, _corruption=hit)))
        results, predictions = analysed(tmp_path)
        found = verdict_of(judge([results], predictions), "b, bottom", "sst2")
        slope = np.polyfit(list(shares.values())[1:], [np.mean(values) for values in scores.values()][1:], 1)[0]
        assert found.outcome.effect == pytest.approx(-slope / 4)
        assert found.detectable > 0 and found.check.name == "Page's trend test"

    def test_levels_that_hit_the_same_are_one_level(self, tmp_path):
        """Page's test would else take their order, which is that of nothing, for damage."""
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 200)})
        scores = {}
        for level, share in ((0, 0), (0.4, 2 / 6), (0.3, 2 / 6), (0.5, 0.5), (0.8, 5 / 6)):
            hit = {"fraction_of_encoder": share}
            folders = [maker.run("sst2", level, "top", seed=seed, _corruption=hit) for seed in range(3)]
            scores[level] = list(map(score_of, folders))
        results, predictions = analysed(tmp_path)
        found = verdict_of(judge([results], predictions), "b, top", "sst2")
        joined = np.mean([scores[0.3], scores[0.4]], axis=0)
        assert found.means == pytest.approx(
            {"intact": np.mean(scores[0]), "30% and 40%": joined.mean()}
            | {"50%": np.mean(scores[0.5]), "80%": np.mean(scores[0.8])}
        )
        falls = stats.page_trend_test(-np.array([joined, scores[0.5], scores[0.8]]).T)
        assert found.check.p == pytest.approx(min(1, 2 * falls.pvalue)) and found.check.n == 3

    def test_levels_that_hit_the_same_count_once(self, tmp_path):
        """25% and 30% of six layers are both two: in claims one kind of damage, in the figure one point, their mean."""
        maker, scores = Maker(tmp_path, {"sst2": (["n", "p"], 200)}), {}
        for region, (level, share) in itertools.product(
            ("bottom", "top"), ((0, 0), (0.3, 2 / 6), (0.25, 2 / 6), (1, 1))
        ):
            if 0 < level < 1 or region == "top":
                folder = maker.run("sst2", level, region, _corruption={"fraction_of_encoder": share})
                scores[region, level] = score_of(folder)
        results, predictions = analysed(tmp_path)
        verdicts = judge([results], predictions)
        two = {region: np.mean([scores[region, 0.25], scores[region, 0.3]]) for region in ("bottom", "top")}
        found = verdict_of(verdicts, "c", "sst2")
        assert found.outcome.effect == pytest.approx(two["top"] - two["bottom"])
        lost = [scores["top", 0] - score for score in (*two.values(), scores["top", 1])]
        assert verdict_of(verdicts, "a", "sst2").outcome.effect == pytest.approx(np.mean(lost))
        figure = by_level(results)
        (line,) = [line for line in figure.panels[0].content.series if line.name == "bottom"]
        assert line.x[1] == 33.3 and line.y[1] == pytest.approx(two["bottom"])

    def test_levels_that_hit_the_same_meet_across_datasets(self, tmp_path):
        """Emotion lacks 30%, which hits what 25% hits; 95% hits all six layers, as 100% does."""
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        shares = {0: 0, 0.25: 2 / 6, 0.3: 2 / 6, 0.5: 0.5, 0.95: 1, 1: 1}
        for dataset, seed, (level, share) in itertools.product(("sst2", "emotion"), range(2), shares.items()):
            maker.datasets = {"sst2": (["n", "p"], 60), "emotion": (list("abc"), 60)}
            for region in ("bottom", "top") if 0 < level < 1 else ("bottom",):
                if (dataset, level) != ("emotion", 0.3):
                    maker.run(dataset, level, region, seed=seed, _corruption={"fraction_of_encoder": share})
        results, predictions = analysed(tmp_path)
        verdicts = judge([results], predictions)
        pooled = {letter: verdict_of(verdicts, letter, "all datasets") for letter in ("a", "b, top", "c")}
        assert {(found.datasets, found.notes) for found in pooled.values()} == {(2, ())}
        assert list(pooled["b, top"].means) == ["intact", "25% and 30%", "50%", "95% and 100%"]
        columns = {claim.letter: list(claim.columns(results, "emotion")) for claim in CLAIMS}
        assert columns["c"] == ["25% and 30%", "50%"] and "all 95% and 100%" in columns["a"] and len(columns["a"]) == 5
        figure = by_level(results)
        assert figure.panels[-1].content.series[0].x == [0, 33.3, 50, 100]

    def test_levels_that_hit_the_same_are_no_trend(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        for level, share in ((0, 0), (0.5, 0.5), (0.55, 0.5)):
            for seed in range(2):
                maker.run("sst2", level, "bottom", seed=seed, _corruption={"fraction_of_encoder": share})
        maker.datasets["emotion"] = (list("abc"), 60)
        for level in (0, 0.5, 1):
            maker.run("emotion", level, "bottom", _corruption={"layers_hit": []})
        results, predictions = analysed(tmp_path)
        verdicts = judge([results], predictions)
        texts = [told(verdict_of(verdicts, "b, bottom", dataset)) for dataset in ("sst2", "emotion")]
        assert "damage of one extent; a trend needs two" in texts[0]
        assert "without corruption.fraction_of_encoder" in texts[1]

    def test_missing_predictions_leave_the_interval_over_seeds(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)}).sweep(rates=(5e-5,))
        for path in tmp_path.glob("*/predictions.parquet"):
            path.write_bytes(b"cut")
        results, predictions = analysed(maker.root)
        assert verdict_of(judge([results], predictions), "a", "sst2").outcome.basis == "seeds"
        assert len(predictions.problems) == 24 and "cannot be read" in predictions.problems[0][1]

    @pytest.mark.parametrize("change", [str, lambda value: value or None], ids=["text", "gaps"])
    def test_predictions_that_are_no_classes_are_refused(self, tmp_path, change):
        folder = Maker(tmp_path, {"sst2": (["n", "p"], 60)}).run("sst2", 0)
        table = pandas.read_parquet(folder / "predictions.parquet")
        table.assign(prediction=[change(int(v)) for v in table.prediction]).to_parquet(folder / "predictions.parquet")
        results, predictions = analysed(tmp_path)
        assert predictions.of(results.get("sst2", INTACT).runs[0][0]) is None
        assert "no whole number" in predictions.problems[0][1]

    def test_runs_of_other_classes_have_no_confusion_matrix(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0)
        maker.datasets = {"sst2": (["n", "p", "q"], 60)}
        maker.run("sst2", 0, seed=1)
        results, predictions = analysed(tmp_path)
        assert predictions.confusion([run for (run,) in results.get("sst2", INTACT).runs.values()]) is None

    def test_predictions_of_another_run_are_refused(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        first, second = maker.run("sst2", 0, seed=0), maker.run("sst2", 1, seed=0)
        shutil.copy(second / "predictions.parquet", first / "predictions.parquet")
        results, predictions = analysed(tmp_path)
        assert predictions.of(results.get("sst2", INTACT).runs[0][0]) is None
        assert "results.json" in predictions.problems[0][1]
