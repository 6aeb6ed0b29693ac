"""Scans of random damage: several draws of each point, strengths, bits, and intervals."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.scans import damaged_by_a_run, save_classifier, scan_with

from healbert import UserError
from healbert.analysis.statistics import clustered_wilson, mean_interval, wilson
from healbert.experiment.scan_summary import summarise_point


@pytest.fixture(scope="module")
def settings(tiny_bert, csv_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    return {
        "model_name_or_path": save_classifier(tiny_bert, folder / "saved"),
        **csv_files,
        "use_cpu": True,
        "torch_num_threads": 1,
        "output_dir": str(folder / "scan"),
        "corrupt_method": "bit_flip",
    }


@pytest.fixture(scope="module")
def flips(settings):
    """Six draws at two rates, in two layers."""
    return scan_with(settings, over="layers", corrupt_layers="1,3", strengths="1e-7,1e-3", repeats=6)


def test_points_are_layers_times_strengths(flips):
    assert [(point["layer"], point["strength"]) for point in flips["points"]] == [
        (1, 1e-7), (1, 1e-3), (3, 1e-7), (3, 1e-3)
    ]  # fmt: skip
    assert all([draw["seed"] for draw in point["draws"]] == list(range(6)) for point in flips["points"])


def test_each_draw_is_that_of_a_run(settings, flips, tmp_path):
    point = flips["points"][1]
    for draw in point["draws"][:2]:
        one = point | {"draws": [draw]}
        flags = {name: value for name, value in settings.items() if name != "corrupt_layers"}
        assert damaged_by_a_run(flags, one, tmp_path / str(draw["seed"])) == draw["metrics"]


def test_a_draw_that_hits_nothing_is_the_intact_model(flips):
    rare = flips["points"][0]
    idle = [draw for draw in rare["draws"] if draw["relative_l2"] == 0]
    assert idle and all(draw["metrics"] == flips["intact"] and draw["changed"] == 0 for draw in idle)


def test_means_and_intervals_are_those_of_the_draws(flips):
    examples = 42
    for point in flips["points"]:
        draws = point["draws"]
        shares = np.array([draw["changed"] for draw in draws]) / examples
        falls = [flips["intact"]["f1_weighted"] - draw["metrics"]["f1_weighted"] for draw in draws]
        assert point["changed"] == pytest.approx(shares.mean()) and point["fall"] == pytest.approx(np.mean(falls))
        assert point["any_changed"] == np.mean(shares > 0)
        spans = point["intervals"]
        assert spans["any_changed"] == list(wilson((shares > 0).sum(), 6))
        assert spans["changed"] == list(clustered_wilson(shares))
        lost = sum(draw["not_finite"] > 0 for draw in draws)
        assert spans["any_not_finite"] == list(wilson(lost, 6)) and point["any_not_finite"] == lost / 6
        assert spans["any_lost"] == list(wilson(sum(fall > 0 for fall in falls), 6))
    often = flips["points"][3]
    assert often["not_finite"] > 0 and often["kl"] is None and often["loss"] is None


def draw_with(metrics):
    found = dict.fromkeys(("tensors", "scalars", "fraction_of_encoder", "fraction_of_model", "relative_l2", "kl"), 0)
    return found | {"seed": 0, "metrics": metrics, "changed": 1, "not_finite": 0}


def task_of(metric):
    kind = SimpleNamespace(primary_metric=metric, greater_is_better=True)
    return SimpleNamespace(type=kind, splits={"evaluation": range(42)})


def test_one_prediction_is_a_change(flips):
    """Of two draws one changes one prediction, and in the other one output is not finite."""
    found = draw_with(flips["intact"])
    point = summarise_point([found, found | {"changed": 0, "not_finite": 1}], flips["intact"], task_of("f1_weighted"))
    assert (point["any_changed"], point["any_not_finite"], point["any_lost"]) == (0.5, 0.5, 0)
    assert point["changed"] == pytest.approx(0.5 / 42)


def test_draws_without_a_score_are_lost_and_leave_means_to_the_others():
    intact, task = {"pearson": 0.8, "loss": 0.1}, task_of("pearson")
    draws = [draw_with({"pearson": score, "loss": 0.5}) for score in (0.5, None, 0.8, 0.3)]
    point = summarise_point(draws, intact, task)
    assert point["score"] == pytest.approx(1.6 / 3) and point["fall"] == pytest.approx(0.8 / 3)
    assert point["any_lost"] == 0.75 and point["intervals"]["any_lost"] == wilson(3, 4)
    assert point["intervals"]["fall"] == pytest.approx(mean_interval([0.3, 0.0, 0.5]))
    for count in (1, 2):
        point = summarise_point(draws[1:2] * count, intact, task)
        assert point["score"] is None and point["fall"] is None and point["any_lost"] == 1
        assert point.get("intervals", {}).get("fall") is None
    point = summarise_point(draws, intact | {"pearson": None}, task)
    assert point["fall"] is None and point["any_lost"] == 0, "an intact model without a score has none to lose"


def test_by_bit(settings, tmp_path):
    asked = {"over": "layers", "corrupt_layers": "2", "by_bit": "0+30-31", "corrupt_options": "flips=20"}
    scan = scan_with(settings, **asked, repeats=3, output_dir=str(tmp_path / "bits"))
    assert [point["bit"] for point in scan["points"]] == [0, 30, 31]
    lowest, exponent, sign = scan["points"]
    assert lowest["kl"] < 1e-9 < sign["kl"] and lowest["changed"] == 0 and exponent["changed"] > 0
    assert exponent["settings"]["corrupt_options"] == "flips=20,bits=30"


def test_until_width_draws_until_intervals_are_narrow(settings, tmp_path):
    asked = {"over": "layers", "corrupt_layers": "2", "strengths": "1e-4", "until_width": 0.3, "max_repeats": 80}
    point = scan_with(settings, **asked, output_dir=str(tmp_path / "until"))["points"][0]
    shares = ("changed", "not_finite", "any_changed", "any_not_finite")

    def widest(found):
        return max(found[name][1] - found[name][0] for name in shares)

    draws = len(point["draws"])
    assert 5 < draws < 80 and widest(point["intervals"]) <= 0.3
    one_less = scan_with(
        settings, over="layers", corrupt_layers="2", strengths="1e-4", repeats=draws - 1, output_dir=str(tmp_path / "n")
    )
    assert widest(one_less["points"][0]["intervals"]) > 0.3


def test_until_width_ends_at_the_most(settings, tmp_path):
    asked = {"over": "layers", "corrupt_layers": "2", "strengths": "1e-3", "until_width": 0.02, "max_repeats": 7}
    assert len(scan_with(settings, **asked, output_dir=str(tmp_path / "most"))["points"][0]["draws"]) == 7


def test_damage_without_chance_is_not_repeated(settings, tmp_path):
    with pytest.raises(UserError, match="'zero' draws nothing at random; leave out --repeats"):
        scan_with(settings, corrupt_method="zero", over="layers", repeats=3, output_dir=str(tmp_path / "zero"))
