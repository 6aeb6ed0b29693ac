"""Studies of known truth: their verdicts, and the first lines that tell them."""

import dataclasses

import numpy as np
import pytest
from helpers.report_runs import analysed, told, verdict_of
from helpers.simulated import Truth, collapse, none, simulate, slope, step

from healbert.analysis import evidence
from healbert.analysis import verdict as reasons
from healbert.analysis.outcome import MIXED, PAIRED
from healbert.analysis.shape import ONE_STEP, STEP
from healbert.analysis.verdict import CONTRADICTED, EQUIVALENT, INCONCLUSIVE, SUPPORTED
from healbert.analysis.verdicts import judge
from healbert.report.sentences import first_line

STUDY = Truth()
QUIET = dataclasses.replace(STUDY, lost=none, noise=(0.002, 0.002))


def harmless_top_quarter(level, region):
    return 0.0 if (level, region) == (0.25, "top") else slope(level, region)


def harmful_healing(level, region):
    """Damaged models end up above the intact one."""
    return -slope(level, region)


def rising(level, region):
    """The least damage costs most; a quarter more gives a third of it back."""
    return {0: 0.0, 0.25: 0.15, 0.5: 0.1, 0.75: 0.2}.get(level, 0.3)


def judged(root, truth, draw=0, change=None, margin=None):
    simulate(root, truth, draw, change)
    results, predictions = analysed(root)
    return judge([results], predictions, margin=margin)


def pooled(verdicts, letter):
    return verdict_of(verdicts, letter, "all datasets")


def change(**settings):
    """A study with other settings."""
    return dataclasses.replace(STUDY, **settings)


def holes(results):
    """Lacks a seed here, a level there, and a seed of one dataset's intact model."""
    config = results["config"]
    place = config["task_name"], config["corrupt_level"], config["seed"]
    return place not in (("sst2", 0.5, 1), ("emotion", 0, 2)) and place[:2] != ("emotion", 0.75)


def one_collapsed(results):
    config = results["config"]
    if (config["corrupt_level"], config["corrupt_region"], config["seed"]) == (0.75, "bottom", 1):
        collapse(results)


def all_alike(results):
    for stage in ("healed", "last"):
        results["metrics"][stage] = {"f1_weighted": 0.8}


def exactly_additive(results):
    """What a seed adds is the same under all damage."""
    config = results["config"]
    for stage in ("healed", "last"):
        results["metrics"][stage] = {"f1_weighted": 0.8 + 0.05 * config["seed"] - 0.1 * config["corrupt_level"]}


TRUTHS = {  # name: (truth, change of runs, {claim: (verdict, what its first line says, and what it does not)})
    "a slope": (
        STUDY,
        None,
        {
            "a": (SUPPORTED, "the healed models stay 0.07", "but"),
            "b, bottom": (SUPPORTED, "each further quarter of damage costs 0.03", "plateau"),
            "b, top": (SUPPORTED, ": a steady fall.", "plateau"),
            "c": (SUPPORTED, "bottom damage costs 0.04", "but"),
        },
    ),
    "a step": (
        change(lost=step),
        None,
        {
            "a": (SUPPORTED, "stay 0.20", "but"),
            "b, bottom": (EQUIVALENT, ": a step of 0.20", "Supported"),
            "b, top": (EQUIVALENT, " with the least damage, then a plateau.", "Supported"),
            "c": (EQUIVALENT, "less than 0.01 either way", "Supported"),
        },
    ),
    "no effect": (
        QUIET,
        None,
        dict.fromkeys(("a", "b, bottom", "b, top", "c"), (EQUIVALENT, "either way.", "step")),
    ),
    "the opposite": (
        change(lost=harmful_healing),
        None,
        {
            "a": (CONTRADICTED, "above the intact ones", "below"),
            "b, top": (CONTRADICTED, "each further quarter of damage adds 0.0", "costs"),
            "c": (CONTRADICTED, "less than top damage", "more"),
        },
    ),
    "one damage is harmless": (
        change(lost=harmless_top_quarter),
        None,
        {"a": (SUPPORTED, ", but not at top 25%.", "shown"), "c": (SUPPORTED, "0.04", "but")},
    ),
    "a rise on the way down": (
        change(lost=rising),
        None,
        {"b, bottom": (SUPPORTED, ": not monotone, the score rises from 25% to 50%.", "steady")},
    ),
    "equal scores": (
        STUDY,
        all_alike,
        dict.fromkeys(("a", "b, bottom", "b, top", "c"), (INCONCLUSIVE, "0.000 weighted F1", "interval")),
    ),
    "holes": (
        STUDY,
        holes,
        {
            "a": (SUPPORTED, "0.07", "but"),
            "b, bottom": (SUPPORTED, "a steady fall", "but"),
            "c": (SUPPORTED, "0.03", "but"),
        },
    ),
    "one seed": (
        change(seeds=(0,)),
        None,
        dict.fromkeys(("a", "b, top", "c"), (INCONCLUSIVE, "; one seed says nothing of others.", "interval")),
    ),
    "a collapsed run": (
        QUIET,
        one_collapsed,
        dict.fromkeys(("a", "b, bottom", "c"), (INCONCLUSIVE, "; depends on runs that collapsed.", "epoch")),
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_and_its_first_lines(tmp_path, name):
    truth, edit, expected = TRUTHS[name]
    verdicts = judged(tmp_path, truth, change=edit)
    for letter, (verdict, says, says_not) in expected.items():
        found = pooled(verdicts, letter)
        line = first_line(found)
        assert found.verdict == verdict, line
        assert says in line and says_not not in line
        assert line.count(".") - line.count("0.") == 1, "one sentence"


class TestChoiceOfEpoch:
    """True loss 0.010; the damaged models' epochs scatter three times as much as those of the intact ones."""

    NOISY = change(
        lost=lambda level, region: 0.01 * (level > 0),
        noise=(0.001, 0.001),
        epoch_noise=(0.003, 0.009),
        epochs=10,
        seeds=tuple(range(8)),
        datasets=("sst2",),
        levels=(0, 0.5),
    )

    def of_studies(self, root, truth, studies=8):
        return [verdict_of(judged(root / str(i), truth, draw=i), "a", "sst2") for i in range(studies)]

    def test_the_best_epoch_hides_it_and_the_line_says_so(self, tmp_path):
        found = self.of_studies(tmp_path, self.NOISY)
        assert SUPPORTED not in {verdict.verdict for verdict in found}
        assert sum("depends on the epoch that is chosen" in first_line(verdict) for verdict in found) >= 6
        dependent = next(verdict for verdict in found if verdict.depends_on_epoch)
        assert "On the last epoch's scores: supported, +0.0" in told(dependent)

    def test_an_epoch_that_other_examples_choose_does_not(self, tmp_path):
        found = self.of_studies(tmp_path, dataclasses.replace(self.NOISY, selection="dev"))
        assert sum(verdict.verdict == SUPPORTED for verdict in found) >= 7
        assert CONTRADICTED not in {verdict.verdict for verdict in found}

    def test_what_runs_do_not_say_is_not_made_up(self, tmp_path):
        found = pooled(judged(tmp_path, STUDY, change=lambda results: results["metrics"].pop("last") and None), "a")
        assert list(found.rulings) == ["chosen epoch"] and not found.depends_on_epoch
        assert found.without_last == found.runs == 48 and "last epoch" not in told(found)


class TestTrend:
    def test_it_is_of_damaged_levels(self, tmp_path):
        found = pooled(judged(tmp_path, change(lost=step)), "b, bottom")
        assert found.shape == STEP and abs(found.outcome.effect) < 0.0025
        assert list(found.parts) == [("25%", "50%"), ("50%", "75%"), ("75%", "100%")]
        assert found.first.effect == pytest.approx(0.2, abs=0.01) and list(found.means)[0] == "intact"

    def test_two_damaged_levels_are_enough_for_a_slope(self, tmp_path):
        found = pooled(judged(tmp_path, change(levels=(0, 0.25, 0.5))), "b, bottom")
        assert found.verdict == SUPPORTED and found.shape == ONE_STEP and found.check.name == "paired permutation test"

    def test_one_level_is_none(self, tmp_path):
        found = pooled(judged(tmp_path, change(levels=(0, 0.5))), "b, bottom")
        assert (
            found.reason == reasons.NOTHING_TO_COMPARE and first_line(found) == "Inconclusive: nothing to compare yet."
        )
        assert "sst2 has damage of one extent; a trend needs two" in told(found)


class TestHoles:
    def test_every_score_counts(self, tmp_path):
        found = pooled(judged(tmp_path, STUDY, change=holes), "a")
        assert found.outcome.by == MIXED and found.datasets == 2
        # sst2: eight damages of three seeds, two of them without a seed; emotion: six, intact without a seed
        assert found.outcome.cells == (8 * 3 - 2) + (6 * 3 - 1)
        assert found.notes == ("emotion without bottom 75%, top 75%",)

    def test_a_hole_hides_no_level(self, tmp_path):
        found = pooled(judged(tmp_path, STUDY, change=holes), "a")
        assert {"bottom 75%", "top 75%", "bottom 50%"} <= set(found.parts)

    def test_a_dataset_of_its_own_is_exploratory(self, tmp_path):
        verdicts = judged(tmp_path, STUDY)
        alone = verdict_of(verdicts, "a", "sst2")
        assert alone.exploratory and alone.ruling.p_difference == alone.outcome.p and not alone.ruling.corrected
        assert "exploratory, not corrected" in told(alone)
        whole = pooled(verdicts, "a")
        assert not whole.exploratory and whole.ruling.corrected == 4 and whole.ruling.p >= whole.outcome.p

    def test_one_dataset_is_told_to_be_the_only_one(self, tmp_path):
        def lacking(results):
            return not (results["config"]["task_name"] == "sst2" and results["config"]["corrupt_level"])

        found = pooled(judged(tmp_path, STUDY, change=lacking), "c")
        assert (found.datasets, found.verdict) == (1, SUPPORTED)
        assert "only emotion has what this needs" in found.notes


class TestPaired:
    def one_intact(self, root):
        """One intact run beside three draws of the damage."""

        def edit(results):
            config = results["config"]
            draw, config["seed"] = config["seed"], 5
            return config["corrupt_level"] > 0 or draw == 0

        return judged(root, change(datasets=("sst2",)), change=edit)

    def test_one_intact_run_is_paired_with_each_draw(self, tmp_path):
        verdicts = self.one_intact(tmp_path)
        lost, bottom = verdict_of(verdicts, "a", "sst2"), verdict_of(verdicts, "c", "sst2")
        assert lost.outcome.by == PAIRED and lost.outcome.not_fitted == evidence.INTACT_SHARED
        assert "The analysis is paired by seed: the mixed model cannot be fitted" in told(lost)
        assert bottom.outcome.by == MIXED, "without the intact model nothing keeps it from being fitted"

    def test_two_seeds_of_one_damage_are_enough(self, tmp_path):
        found = verdict_of(judged(tmp_path, change(datasets=("sst2",), seeds=(0, 1), levels=(0, 1))), "a", "sst2")
        assert found.outcome.over_seeds and found.verdict in (SUPPORTED, INCONCLUSIVE)


class TestMargin:
    def test_a_wider_one_takes_more_for_nothing(self, tmp_path):
        found = pooled(judged(tmp_path, STUDY, margin=0.2), "a")
        assert found.verdict == EQUIVALENT and "less than 0.2 either way" in first_line(found)
        assert found.ruling.p == found.ruling.p_equal

    def test_none_of_it_leaves_the_difference(self, tmp_path):
        verdicts = judged(tmp_path, QUIET, margin=0)
        assert {pooled(verdicts, letter).verdict for letter in ("a", "c")} <= {INCONCLUSIVE, SUPPORTED, CONTRADICTED}
        assert pooled(verdicts, "a").ruling.p_equal is None

    def test_a_trend_may_fall_by_it_over_all_its_levels(self, tmp_path):
        found = pooled(judged(tmp_path, STUDY), "b, bottom")
        assert found.margin == pytest.approx(0.01 / 3), "from 25% to 100% are three quarters"


class TestCollapse:
    def test_with_and_without(self, tmp_path):
        found = pooled(judged(tmp_path, QUIET, change=one_collapsed), "a")
        assert (found.collapsed, found.runs, found.depends_on_collapse) == (2, 48, True)
        assert "2 of 48 runs collapsed; without them: equivalent" in told(found)

    def test_a_damage_that_collapsed_takes_no_dataset_with_it(self, tmp_path):
        """100% damage of emotion is left out; its other damage, and sst2, stay."""

        def change(results):
            if (results["config"]["task_name"], results["config"]["corrupt_level"]) == ("emotion", 1):
                collapse(results)

        verdicts = judged(tmp_path, STUDY, change=change)
        found = pooled(verdicts, "a").rulings["without collapsed runs"]
        three_quarters = np.mean([slope(level, region) for level in (0.25, 0.5, 0.75) for region in ("bottom", "top")])
        all_of_it = np.mean([three_quarters] * 6 + [slope(1, "")])
        assert found.outcome.effect == pytest.approx((three_quarters + all_of_it) / 2, abs=0.005)
        assert found.left_out == ("emotion without all 100%",) and not pooled(verdicts, "a").depends_on_collapse
        assert "; emotion without all 100%." in told(pooled(verdicts, "a"))
        trend = verdict_of(verdicts, "b, bottom", "emotion")
        assert trend.rulings["without collapsed runs"].outcome.effect == pytest.approx(slope(0.25, "bottom"), abs=0.005)
        assert trend.rulings["without collapsed runs"].margin == pytest.approx(0.01 / 2) != trend.margin
        assert "; no scored runs of 100%." in told(trend)

    def test_nothing_left_is_no_other_verdict(self, tmp_path):
        def change(results):
            if results["config"]["corrupt_level"]:
                collapse(results)

        found = pooled(judged(tmp_path, STUDY, change=change), "a")
        assert found.verdict == SUPPORTED and not found.depends_on_collapse
        assert "without them: inconclusive, nothing to compare" in told(found)

    def test_none_is_not_spoken_of(self, tmp_path):
        found = pooled(judged(tmp_path, QUIET), "a")
        assert "without collapsed runs" not in found.rulings and "collapsed" not in told(found)


def test_equal_seeds_are_no_certainty(tmp_path):
    found = pooled(judged(tmp_path, STUDY, change=all_alike), "a")
    assert found.reason == reasons.EQUAL_SEEDS and found.ruling.p is None


def test_differences_that_all_seeds_share_are_no_certainty(tmp_path):
    verdicts = judged(tmp_path, STUDY, change=exactly_additive)
    assert {verdict.verdict for verdict in verdicts} == {INCONCLUSIVE}
    found = pooled(verdicts, "a")
    assert (found.reason, found.ruling.p, found.outcome.interval) == (reasons.EQUAL_SEEDS, None, None)
    assert found.outcome.effect == pytest.approx(0.4 / 7)


def test_no_effect_is_seldom_taken_for_one(tmp_path):
    """Twelve studies of equal models, four claims each: of 48 tests about two would err without correction."""
    truth = dataclasses.replace(QUIET, noise=(0.02, 0.02), levels=(0, 0.25, 0.5), datasets=("sst2",))
    verdicts = [verdict for i in range(12) for verdict in judged(tmp_path / str(i), truth, draw=i)]
    assert len(verdicts) == 48
    assert sum(verdict.verdict in (SUPPORTED, CONTRADICTED) for verdict in verdicts) <= 3
