"""Interquartile means and performance profiles in the report: which runs, in which unit, and when they are shown."""

import json
import shutil

import numpy as np
import pytest
from helpers.report_runs import Maker, score_of

from healbert.analysis.analysis import analyse
from healbert.report.content import content_of

PLACES = {"bottom 25%", "bottom 75%", "top 25%", "top 75%", "all 100%"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("aggregates") / "runs"
    Maker(root).sweep(levels=(0, 0.25, 0.75, 1), rates=(5e-5,), seeds=range(4))
    return root


def made(root):
    """(the table, the figure or None) of a folder with one group."""
    content = content_of(analyse(root))
    (group,) = content.groups
    return group.table("aggregates"), next((one for one in group.figures if one.kind == "profiles"), None)


def linked(table):
    return {row.cells[0].text: row.cells[0].link for row in table.rows}


def scores(root):
    """{(dataset, level, region): scores} as they are on disk."""
    found = {}
    for folder in sorted(root.iterdir()):
        config = json.loads((folder / "results.json").read_text())["config"]
        region = config["corrupt_region"] if 0 < config["corrupt_level"] < 1 else ""
        found.setdefault((config["task_name"], config["corrupt_level"], region), []).append(score_of(folder))
    return found


def test_scores_are_shares_of_the_intact_mean_of_their_dataset(root):
    table, _ = made(root)
    found = scores(root)
    shares = [
        score / np.mean(found[dataset, 0, ""])
        for dataset in ("sst2", "emotion")
        for score in found[dataset, 0.25, "top"]
    ]
    record = next(record for record in table.records if record["damage"] == "top 25%")
    assert record["iqm"] == pytest.approx(np.mean(sorted(shares)[2:6]), abs=1e-12)
    assert record["mean"] == pytest.approx(np.mean(shares), abs=1e-12)
    assert record["iqm_low"] < record["iqm"] < record["iqm_high"]
    assert (record["scores"], record["seeds"], record["relative_to_intact"]) == (8, 4, True)
    assert {record["damage"] for record in table.records} == PLACES | {"intact"}
    assert "weighted F1 / intact" in table.columns[1] and "not shown" not in table.title


def test_the_figure_has_the_means_and_a_profile_for_each_region(root):
    table, figure = made(root)
    by_level, *profiles = figure.panels
    assert [panel.title for panel in profiles] == ["bottom", "top"]
    line = next(series for series in by_level.content.series if series.name == "top")
    records = {record["damage"]: record for record in table.records}
    assert line.x == [0, 25, 75, 100]
    assert line.y == [records[name]["iqm"] for name in ("intact", "top 25%", "top 75%", "all 100%")]
    assert line.band[0][1] == records["top 25%"]["iqm_low"]
    numbers = line.runs[1]
    assert len(numbers) == 8 and f"#runs-{'.'.join(map(str, numbers))}" == linked(table)["top 25%"]
    assert [series for series in profiles[1].content.series if series.name == "25%"][0].runs[0] == numbers
    for panel in profiles:
        assert [series.name for series in panel.content.series] == ["intact", "25%", "75%", "all 100%"]
        for series in panel.content.series:
            assert series.y[0] == 1 and series.y[-1] == 0 and series.y == sorted(series.y, reverse=True)
            assert all(low <= y <= high for low, y, high in zip(series.band[0], series.y, series.band[1], strict=True))


def test_with_two_seeds_the_table_says_why_there_is_nothing(tmp_path):
    Maker(tmp_path / "runs").sweep(levels=(0, 0.5), rates=(5e-5,), seeds=(0, 1))
    table, figure = made(tmp_path / "runs")
    assert figure is None
    assert "not shown, takes 3 seeds of a damage on every dataset" in table.title
    assert {row.cells[1].note for row in table.rows} == {"2 seeds on sst2"} or {
        row.cells[1].note for row in table.rows
    } == {"2 seeds on emotion"}
    assert all(record["iqm"] is None for record in table.records)


def test_a_damage_that_lacks_a_seed_says_so_and_the_others_are_shown(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "runs")
    for folder in sorted(copy.iterdir()):
        config = json.loads((folder / "results.json").read_text())["config"]
        where = config["task_name"], config["corrupt_level"], config["corrupt_region"]
        if where == ("sst2", 0.25, "top") and config["seed"] > 1:
            shutil.rmtree(folder)
    table, figure = made(copy)
    few = next(row for row in table.rows if row.cells[0].text == "top 25%")
    assert few.cells[1].note == "2 seeds on sst2" and few.cells[-1].text == "2"
    names = [series.name for panel in figure.panels[1:] for series in panel.content.series]
    assert names.count("25%") == 1, "of the bottom alone"


def test_without_intact_runs_scores_are_as_they_are(tmp_path):
    Maker(tmp_path / "runs").sweep(levels=(0.5, 1), regions=("bottom",), rates=(5e-5,))
    table, figure = made(tmp_path / "runs")
    found = [score for values in scores(tmp_path / "runs").values() for score in values]
    assert table.columns[1] == "IQM, weighted F1" and not table.records[0]["relative_to_intact"]
    assert min(found) <= table.records[0]["iqm"] <= max(found) and figure is not None


def test_where_less_is_better_profiles_count_runs_below(tmp_path):
    metric = {"type": "regression", "primary_metric": "error"}
    metric |= {"metrics": {"error": {"title": "error", "greater_is_better": False, "range": [1, 0]}}}
    Maker(
        tmp_path / "runs", metric=metric, score=lambda labels, predictions: float(np.mean(labels != predictions))
    ).sweep(levels=(0, 1), regions=("bottom",), rates=(5e-5,))
    table, figure = made(tmp_path / "runs")
    assert table.columns[1] == "IQM, error" and "with a score below" in figure.caption
    lines = {series.name: series for series in figure.panels[1].content.series}
    assert all(line.y[0] == 0 and line.y[-1] == 1 for line in lines.values())
    assert sum(lines["intact"].y) > sum(lines["all 100%"].y), "the intact model is the better one"
