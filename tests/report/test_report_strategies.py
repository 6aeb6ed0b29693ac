"""Healing strategies beside full fine-tuning: figures of runs that are known."""

import numpy as np
import pytest
from helpers.healing_runs import COST, edit, write_healing
from helpers.report_runs import Maker

from healbert.analysis.statistics.mixed import Cell, fit
from healbert.report.content import make_content
from healbert.report.figures.base import style

TWO = {"imdb": (["negative", "positive"], 40), "sst2": (["negative", "positive"], 40)}
SEEDS = (0, 1, 2)
TRUE = {"full": 0.0, "lora": 0.05, "bias_only": -0.03, "linear_probe": -0.2}  # beside full fine-tuning


def write(folder, levels=(0, 0.5, 1), ways=COST, seeds=SEEDS, without=()):
    """Runs of strategies with the scores of ``TRUE`` and noise. Returns {(dataset, level, strategy, seed): score}."""
    maker, scores = Maker(folder, TWO), {}
    write_healing(maker, levels, seeds, ways)
    rng = np.random.default_rng(0)

    def change(found):
        config = found["config"]
        key = config["task_name"], config["corrupt_level"], config["healing"], config["seed"]
        if key in without:
            found["status"] = "failed"
            return
        draw = np.random.default_rng([7, config["seed"], int(10 * key[1]), len(key[0])]).normal(0, 0.03)  # of a place
        scores[key] = 0.7 - 0.2 * key[1] + TRUE[key[2]] * (key[1] > 0) + draw + rng.normal(0, 0.005)
        found["metrics"]["healed"]["f1_weighted"] = scores[key]

    for path in sorted(maker.root.iterdir()):
        edit(path, change)
    return scores


def lines(folder):
    (table,) = [table for table in make_content(folder).tables if table.kind == "strategies"]
    return table, {(record["level"], record["strategy"]): record for record in table.records}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strategies") / "runs"
    return write(folder), *lines(folder)


def gain(scores, way, levels=(0.5, 1)):
    return np.mean(
        [s - scores[d, lv, "full", seed] for (d, lv, w, seed), s in scores.items() if w == way and lv in levels]
    )


def test_what_a_strategy_recovers_beside_full_fine_tuning(study):
    scores, _, found = study
    for way in ("lora", "bias_only", "linear_probe"):
        assert found["all", way]["gain"] == pytest.approx(gain(scores, way))
        assert found[0.5, way]["gain"] == pytest.approx(gain(scores, way, (0.5,)))
        assert found["all", way]["gain_low"] < gain(scores, way) < found["all", way]["gain_high"]
        assert found["all", way]["p"] < 0.01
    assert found["all", "full"]["gain"] == 0 and found["all", "full"]["gain_low"] is None
    assert found["all", "lora"]["places"] == 4 and found[1, "lora"]["places"] == 2


def test_rows_lead_to_their_runs(study):
    _, table, _ = study
    assert all(row.cells[2].link.startswith("#runs-") for row in table.rows)
    (row,) = [row for row in table.rows if [cell.text for cell in row.cells[:2]] == ["all damages", "lora"]]
    assert len(row.cells[2].link.split(".")) == len(TWO) * 2 * len(SEEDS)


def test_the_intervals_are_those_of_a_mixed_model_of_places_and_strategies(study):
    scores, _, found = study
    model = fit(Cell((d, lv), way, seed, score) for (d, lv, way, seed), score in scores.items() if lv)
    places = {(d, lv) for d, lv, _, _ in scores if lv}
    weights = [
        {(p, way): 1 / 4 for p in places} | {(p, "full"): -1 / 4 for p in places}
        for way in ("bias_only", "linear_probe", "lora")
    ]
    (low, high) = model.simultaneous(weights).intervals[2]
    assert (found["all", "lora"]["gain_low"], found["all", "lora"]["gain_high"]) == pytest.approx((low, high), abs=1e-4)
    assert high - low > model.contrast(weights[2]).interval[1] - model.contrast(weights[2]).interval[0]


def test_the_best_comes_first_with_its_share_of_the_cost(study):
    _, table, found = study
    assert [record["strategy"] for record in table.records[:4]] == ["lora", "full", "bias_only", "linear_probe"]
    assert found["all", "lora"]["flops_of_full"] == pytest.approx(0.75)
    assert [cell.text for cell in table.rows[0].cells][-3:] == ["0.75\u00d7", "0.75\u00d7", "0.02\u00d7"]
    assert table.rows[0].cells[3].text == f"+{found['all', 'lora']['gain']:.3f}"


def test_a_hole_costs_its_own_score_alone(tmp_path):
    scores = write(tmp_path / "runs", without={("sst2", 0.5, "lora", 2)})
    _, found = lines(tmp_path / "runs")
    assert found["all", "lora"]["places"] == 4
    assert found["all", "lora"]["gain_low"] < TRUE["lora"] < found["all", "lora"]["gain_high"]
    assert found["all", "bias_only"]["gain"] == pytest.approx(gain(scores, "bias_only"), abs=0.01)


def test_one_seed_has_no_interval_and_says_why(tmp_path):
    write(tmp_path / "runs", seeds=(0,))
    table, found = lines(tmp_path / "runs")
    assert found["all", "lora"]["open"] == "one seed" and found["all", "lora"]["p"] is None
    assert "one seed" in [cell.note for cell in table.rows[0].cells]


def test_without_full_fine_tuning_or_damage_there_is_nothing_to_compare_with(tmp_path):
    write(tmp_path / "a", ways=("lora", "bias_only"))
    write(tmp_path / "b", levels=(0,))
    assert not [
        table for folder in "ab" for table in make_content(tmp_path / folder).tables if table.kind == "strategies"
    ]


def test_no_two_strategies_look_alike():
    looks = [tuple(style(position).values()) for position in range(20)]
    assert len(set(looks)) == 20
