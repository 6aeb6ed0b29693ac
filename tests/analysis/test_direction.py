"""Metrics of which less is better, metrics without limits, and groups that are not scored alike."""

import json

import numpy as np
import pytest
from helpers.report_runs import Maker, analysed, told, verdict_of
from scipy import stats

import healbert
from healbert.analysis.analysis import analyse
from healbert.analysis.collect import collect
from healbert.analysis.contrasts import costs
from healbert.analysis.metric import SMALLEST, Metric
from healbert.analysis.runs import INTACT, Damage
from healbert.analysis.verdict import CONTRADICTED, EQUIVALENT, SUPPORTED
from healbert.analysis.verdicts import judge
from healbert.report.content import content_of
from healbert.report.formats.terminal import terminal_text
from healbert.tasks.types.classification import Classification


def mistakes_of(predictions, labels):
    return float(100 * np.mean(np.asarray(predictions) != np.asarray(labels)))


class MadeUp(Classification):
    """Scored by mistakes in a hundred; resampled by the loop that any type has."""

    name = "made_up"
    resampled = Classification.__base__.resampled


@pytest.fixture(autouse=True, scope="module")
def registered(plugins_stay_in_their_module):
    about = {"task_types": ("made_up",), "title": "mistakes", "greater_is_better": False, "primary": True}
    healbert.register("metric", "mistakes", **about)(mistakes_of)
    healbert.register("task_type", "made_up")(MadeUp)


def described(greater_is_better, kind="made_up", name="mistakes", limits=None):
    about = {"title": name, "greater_is_better": greater_is_better, "range": limits, "chance": None}
    return {"type": kind, "primary_metric": name, "metrics": {name: about}}


MISTAKES = described(greater_is_better=False)


def mistakes(labels, predictions):
    return mistakes_of(predictions, labels)


def loss_maker(root, **settings):
    return Maker(root, {"sst2": (["n", "p"], 80)}, metric=MISTAKES, score=mistakes, **settings)


def set_scores(folder, **values):
    """Gives a run other scores: healed=12.5."""
    path = folder / "results.json"
    results = json.loads(path.read_text())
    for stage, value in values.items():
        results["metrics"].setdefault(stage, {})["mistakes"] = value
    path.write_text(json.dumps(results))


def given(root, scores):
    """Runs of top damage with the mistakes of {level: [(damaged, healed) of each seed]}."""
    maker = loss_maker(root)
    for level, of_seeds in scores.items():
        for seed, (damaged, healed) in enumerate(of_seeds):
            set_scores(maker.run("sst2", level, "top", seed=seed), damaged=damaged, healed=healed)
    return maker


BY_SEED = {0: [(50, 10), (52, 12), (48, 11)], 0.5: [(60, 15), (58, 18), (62, 19)], 1: [(61, 30), (64, 31), (60, 35)]}


class TestLoss:
    def test_lost_is_positive_where_the_healed_model_is_worse(self, tmp_path):
        given(tmp_path, BY_SEED)
        found = {cost.damage: cost for cost in costs(*analysed(tmp_path))}
        cost, differences = found[Damage(0.5, "top")], np.array([5, 6, 8])
        assert cost.lost.effect == pytest.approx(differences.mean())
        assert cost.lost.over_seeds == pytest.approx(tuple(stats.ttest_1samp(differences, 0).confidence_interval()))
        assert cost.recovery.value == pytest.approx((45 + 40 + 43) / (50 + 46 + 51))
        assert cost.above_scratch.effect == pytest.approx(np.mean([15, 13, 16]))
        assert cost.retained.value == pytest.approx((15 + 13 + 16) / (20 + 19 + 24))
        assert (cost.healed, cost.intact, cost.damaged) == pytest.approx((52 / 3, 11, 60)), "scores stay as they are"

    def test_the_smallest_mean_chooses_the_learning_rate(self, tmp_path):
        maker = loss_maker(tmp_path)
        for rate, healed in ((1e-5, 20), (2e-5, 10), (5e-5, 30)):
            set_scores(maker.run("sst2", 0.5, "top", rate), healed=healed)
        results, _ = analysed(tmp_path)
        assert results.get("sst2", Damage(0.5, "top")).rate == 2e-5

    def test_verdicts_and_their_words(self, tmp_path):
        given(tmp_path, BY_SEED)
        verdicts = judge(*wrapped(tmp_path))
        lost = verdict_of(verdicts, "a", "sst2")
        by_hand = np.array([(5 + 20) / 2, (6 + 19) / 2, (8 + 24) / 2])
        assert lost.outcome.effect == pytest.approx(by_hand.mean()) and lost.verdict == SUPPORTED
        assert "the healed models stay 13.667 mistakes above the intact ones" in told(lost)
        trend = verdict_of(verdicts, "b, top", "sst2")
        slope = np.polyfit([0.5, 1], [52 / 3, 32], 1)[0]
        assert trend.outcome.effect == pytest.approx(slope / 4) and trend.outcome.direction == 1
        assert trend.means == pytest.approx({"intact": 11, "50%": 52 / 3, "100%": 32}), "means stay as they are"
        assert f"each further quarter of damage adds {slope / 4:.3f} mistakes" in told(trend)

    def test_the_opposite_does_not_hold(self, tmp_path):
        """Healed models with fewer mistakes than the intact one."""
        given(tmp_path, {0: [(50, 20), (52, 21), (48, 22)], 0.5: [(60, 10), (58, 11.5), (62, 12)]})
        lost = verdict_of(judge(*wrapped(tmp_path)), "a", "sst2")
        assert lost.verdict == CONTRADICTED and lost.outcome.effect < 0
        assert "the healed models stay 9.833 mistakes below the intact ones" in told(lost)

    def test_a_step_the_other_way_is_named(self, tmp_path):
        given(tmp_path, {0: [(50, 10), (50, 11)], 0.5: [(50, 30), (50, 31.5)], 1: [(50, 20), (50, 21)]})
        trend = verdict_of(judge(*wrapped(tmp_path)), "b, top", "sst2")
        assert "each further quarter of damage takes away 5.125 mistakes" in told(trend)
        assert "not monotone, the score falls from 50% to 100%" in told(trend)

    def test_turned_scores_give_the_same_effects(self, tmp_path):
        """A score of which more is better, minus the mistakes: all that is compared is the same."""
        given(tmp_path / "less", BY_SEED)
        for path in given(tmp_path / "more", BY_SEED).root.glob("*/results.json"):
            results = json.loads(path.read_text())
            for stage in ("damaged", "healed"):
                results["metrics"][stage]["mistakes"] *= -1
            results["task"] |= described(greater_is_better=True)
            path.write_text(json.dumps(results))
            (path.parent / "predictions.parquet").unlink()
        less, more = (judge(*wrapped(tmp_path / name)) for name in ("less", "more"))
        for ours, theirs in zip(less, more, strict=True):
            assert (ours.outcome is None) == (theirs.outcome is None)
            if ours.outcome:
                assert ours.outcome.effect == pytest.approx(theirs.outcome.effect)
                assert ours.outcome.over_seeds == pytest.approx(theirs.outcome.over_seeds)
                assert (ours.check, ours.verdict) == (theirs.check, theirs.verdict)

    def test_resamples_are_of_the_task_type_and_turned(self, tmp_path):
        maker = loss_maker(tmp_path, noise=0.01).sweep(levels=(0, 0.5), regions=("top",), rates=(2e-5,), seeds=(0, 1))
        results, predictions = analysed(maker.root)
        (cost,) = [cost for cost in costs(results, predictions) if cost.damage != INTACT]
        assert predictions.problems == [] and cost.lost.basis == "seeds and examples"
        low, high = cost.lost.over_examples
        assert low < cost.lost.effect < high

    def test_report_says_which_way(self, tmp_path):
        given(tmp_path, BY_SEED)
        content = content_of(analyse(tmp_path))
        assert "Smaller values of mistakes are better" in content.groups[0].table("recovery").caption
        assert content.groups[0].table("main").title.startswith("Mistakes by damage")
        assert "+6.333, n 3" in content.groups[0].table("main").rows[0].cells[3].note, "as scores are read"
        assert "with the sign turned" in content.table("verdicts").records[0]["measures"]
        assert "F1" not in terminal_text(content)
        assert not any("F1" in figure.caption for figure in content.figures)


def wrapped(root):
    """What `judge` takes."""
    results, predictions = analysed(root)
    return [results], predictions


class TestLimits:
    def test_only_scores_from_0_to_1_have_a_least_difference(self):
        assert Metric("c", "f1", limits=(0, 1)).smallest_difference == SMALLEST == 0.01
        assert Metric("c", "mistakes", limits=(0, 100)).smallest_difference == 0
        assert Metric("c", "loss").smallest_difference == 0

    def test_a_small_effect_of_a_score_without_limits_is_not_called_equal(self, tmp_path):
        """0.003 mistakes: of weighted F1 that would be too little to count."""
        given(tmp_path, {0: [(50, 10), (52, 10), (48, 10)], 0.5: [(60, 10.003), (58, 9.999), (62, 10.004)]})
        found = verdict_of(judge(*wrapped(tmp_path)), "a", "sst2")
        assert found.outcome.interval[1] < SMALLEST and found.verdict != EQUIVALENT and found.margin is None

    @pytest.mark.parametrize("limits", [[0, 1], [1, 0], [0.0, 1.0]], ids=str)
    def test_scores_from_0_to_1_have_it_whichever_end_is_best(self, tmp_path, limits):
        """A share of mistakes has the range [1, 0]: the worst value stands first."""
        about = described(greater_is_better=False, limits=limits)
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 80)}, metric=about, score=lambda *args: mistakes(*args) / 100)
        maker.run("sst2", 0.5)
        (group,) = collect(tmp_path).groups
        assert group.metric.smallest_difference == SMALLEST

    @pytest.mark.parametrize("limits", [5, [0], [0, None], "ab", [[0], [1]], [-1, 1]], ids=str)
    def test_what_is_no_range_from_0_to_1_gives_none(self, tmp_path, limits):
        maker = Maker(
            tmp_path, {"sst2": (["n", "p"], 80)}, metric=described(False, limits=limits), score=lambda *_: 0.5
        )
        maker.run("sst2", 0.5)
        (group,) = collect(tmp_path).groups
        assert group.metric.smallest_difference == 0


class TestGroups:
    def test_runs_of_other_metrics_are_kept_apart(self, tmp_path):
        Maker(tmp_path / "f1", {"sst2": (["n", "p"], 60)}).sweep(levels=(0, 0.5), seeds=(0,), rates=(2e-5,))
        loss_maker(tmp_path / "loss").sweep(levels=(0, 0.5), seeds=(0,), rates=(2e-5,))
        groups = collect(tmp_path).groups
        assert [group.metric.name for group in groups] == ["mistakes", "f1_weighted"]
        assert [group.label.split(", ")[-1] for group in groups] == ["scored by mistakes", "scored by weighted F1"]
        assert all(run.metric == group.metric for group in groups for run in group.runs)
        text = terminal_text(content_of(analyse(tmp_path)))
        assert "Mistakes by damage" in text and "Weighted F1 by damage" in text

    def test_a_run_that_failed_too_soon_stands_with_its_dataset(self, tmp_path):
        maker = loss_maker(tmp_path)
        maker.run("sst2", 0.5)
        maker.run("sst2", 0.5, seed=1, status="failed")
        (group,) = collect(tmp_path).groups
        assert len(group.runs) == 2 and {run.metric.name for run in group.runs} == {"mistakes"}

    def test_predictions_of_a_type_that_is_not_there_are_refused(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)}, metric=described(False, kind="unknown"), score=mistakes)
        maker.run("sst2", 0)
        results, predictions = analysed(tmp_path)
        assert predictions.of(results.get("sst2", INTACT).runs[0][0]) is None
        assert "task type unknown" in predictions.problems[0][1] and "--plugin" in predictions.problems[0][1]
