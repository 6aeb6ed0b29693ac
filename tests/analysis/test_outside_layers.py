"""Damage that hits none of the encoder's weights: a kind of its own, never taken for the intact model."""

import json

import pytest
from helpers.report_runs import verdict_of
from helpers.simulated import INTACT_SCORE, Truth, simulate, slope

from healbert.analysis.analysis import analyse
from healbert.analysis.entries import OUTSIDE
from healbert.analysis.runs import ALL, Damage
from healbert.analysis.verdict import SUPPORTED
from healbert.report.content import make_content
from healbert.report.figures.aggregates import profiles
from healbert.report.figures.levels import by_level
from healbert.report.tables.aggregates import iqm
from healbert.report.tables.main import main

STUDY = Truth(datasets=("sst2",), levels=(0, 0.5, 1))
EMBEDDINGS = json.dumps([{"layers": "none", "embeddings": True, "method": "zero"}])


def components(results):
    """All damage is that of the embeddings."""
    if results["config"]["corrupt_level"] == 1:
        results["config"]["corrupt_components"] = "embeddings"
        results["corruption"].update(layers_hit=[], fraction_of_encoder=0.0)
    return results["config"]["corrupt_level"] in (0, 1)


def several(results):
    """All damage is one of several damages that hits no layer."""
    if results["config"]["corrupt_level"]:
        results["config"]["corruptions"] = EMBEDDINGS
        results["corruption"].update(layers_hit=[], fraction_of_encoder=0.0)
    return results["config"]["corrupt_level"] < 1 and results["config"]["corrupt_region"] == "bottom"


def both(results):
    """The embeddings by level 1, beside layers from the bottom and from the top."""
    if results["config"]["corrupt_level"] == 1:
        results["corruption"].update(layers_hit=[], fraction_of_encoder=0.0)


CASES = [(components, ALL, slope(1, "")), (several, Damage(0, "several damages"), slope(0.5, "bottom"))]


@pytest.fixture(params=CASES, ids=["components", "several damages"])
def study(request, tmp_path):
    """The analysis, the damage outside the layers, and what it cost."""
    change, damage, lost = request.param
    return analyse(simulate(tmp_path / "runs", STUDY, change=change)), damage, lost


def points(lines):
    return {line.name: dict(zip(line.x, line.y, strict=True)) for line in lines}


def test_its_cost_is_judged(study):
    analysis, damage, lost = study
    found = verdict_of(analysis.verdicts, "a", "sst2")
    assert found.verdict == SUPPORTED and found.outcome.effect == pytest.approx(lost, abs=0.01)
    results = analysis.groups[0].results
    assert [results.name_of(kind) for kind in results.kinds("sst2")] == ["all 0%", OUTSIDE]
    assert damage in results.damages
    assert all(verdict_of(analysis.verdicts, letter, "sst2").outcome is None for letter in ("b, bottom", "c"))


def test_it_is_a_point_by_itself(study):
    analysis, _, lost = study
    figure = by_level(analysis.groups[0].results)
    (panel,) = figure.panels
    found = points(panel.content.series)
    assert found["intact"] == {0: pytest.approx(INTACT_SCORE, abs=0.01)}
    assert found[OUTSIDE] == {0: pytest.approx(INTACT_SCORE - lost, abs=0.01)}
    assert panel.content.ticks == {0: "0"} and "A point by itself at 0" in figure.caption
    assert "layers and tensors are damaged whole" not in figure.caption


def test_interquartile_means_and_profiles_keep_it_apart(study):
    analysis, _, lost = study
    rows = [[cell.text for cell in row.cells] for row in iqm(analysis)[0].rows]
    assert [row[0] for row in rows] == ["intact", OUTSIDE]
    (figure,) = profiles(analysis)
    (means, _, profile), share = figure.panels, 1 - lost / INTACT_SCORE
    assert points(means.content.series)[OUTSIDE] == {0: pytest.approx(share, abs=0.01)}
    assert profile.title == OUTSIDE and len({line.colour for line in profile.content.series}) == 2


def test_the_table_of_scores_shows_it(study):
    analysis, _, lost = study
    (table,) = main(analysis)
    assert len(table.columns) == 4 and table.columns[2] == "intact"
    assert table.columns[3] in ("no layer", "100% (0 of 8 layers)")
    assert ("No layer: damage outside the layers" in table.caption) == (table.columns[3] == "no layer")
    (cell,) = [row.cells[3] for row in table.rows]
    assert float(cell.text.split()[0]) == pytest.approx(INTACT_SCORE - lost, abs=0.01) and "n 3" in cell.note


def test_beside_damage_of_layers(tmp_path):
    analysis = analyse(simulate(tmp_path, STUDY, change=both))
    results = analysis.groups[0].results
    assert results.lines == ["bottom", "top", OUTSIDE]
    found = points(by_level(results).panels[0].content.series)
    assert list(found["bottom"]) == list(found["top"]) == [0, 50] and list(found[OUTSIDE]) == [0]
    parts = verdict_of(analysis.verdicts, "a", "sst2").parts
    assert set(parts) == {"bottom 50%", "top 50%", OUTSIDE}
    assert verdict_of(analysis.verdicts, "c", "sst2").verdict == SUPPORTED


def test_from_both_ends_it_is_no_pair_of_bottom_and_top(tmp_path):
    def change(results):
        results["corruption"].update(layers_hit=[], fraction_of_encoder=0.0)

    analysis = analyse(simulate(tmp_path, STUDY, change=change))
    assert verdict_of(analysis.verdicts, "c", "sst2").outcome is None
    assert set(analysis.groups[0].results.kinds("sst2")) == {("", 0), (OUTSIDE, 0)}


def test_a_few_weights_are_not_none(tmp_path):
    def change(results):
        if results["config"]["corrupt_level"]:
            results["corruption"]["fraction_of_encoder"] = 1e-8

    kinds = analyse(simulate(tmp_path, STUDY, change=change)).groups[0].results.kinds("sst2")
    assert list(kinds) == [("", 0), ("", 1e-8), ("bottom", 1e-8), ("top", 1e-8)]


def test_the_whole_report(tmp_path):
    content = make_content(simulate(tmp_path, STUDY, change=several))
    assert "stays lost" in content.groups[0].headline
    (table,) = [table for table in content.tables if table.kind == "recovery"]
    assert [row.cells[1].text for row in table.rows] == ["several damages"]
