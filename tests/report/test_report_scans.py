"""Scans in a report: a table and maps, beside runs or alone; a page without scans says nothing of them."""

import json

import numpy as np
import pandas
import pytest
from helpers.report_runs import Maker

from healbert.report.content import make_content
from healbert.report.formats.terminal import terminal_text
from healbert.report.scan_text import brief_text
from healbert.report.write import make_report

TASK = {
    "name": "sst2",
    "primary_metric": "f1_weighted",
    "metrics": {"f1_weighted": {"title": "weighted F1"}},
    "examples": {"evaluation": 100},
}
PARTS = ("query", "ffn")


def point(layer, component, fall, draws=1, **more):
    found = {"layer": layer, "region": None, "component": component, "strength": None, "bit": None}
    found |= {"settings": {"corrupt_layers": str(layer)}, "tensors": 2, "scalars": 1056, "relative_l2": 1.25}
    found |= {"score": 0.9 - fall, "fall": fall, "loss": 0.5, "kl": fall / 2, "changed": fall, "not_finite": 0.0}
    found |= {"any_changed": 1.0, "any_not_finite": 0.0, "any_lost": 1.0, "draws": [{"seed": i} for i in range(draws)]}
    return found | more


def write_scan(folder, points, **more):
    folder.mkdir(parents=True)
    marker = {"healbert": {"schema": 1, "kind": "scan"}, "identity": {}, "config": {}}
    (folder / "settings.json").write_text(json.dumps(marker))
    found = {"schema_version": 1, "config": {"damage": {}}, "task": TASK, "intact": {"f1_weighted": 0.9}}
    found |= {"model": {"name": "embedded", "head": "own"}, "points": points}
    (folder / "scan.json").write_text(json.dumps(found | more))
    return found | more


@pytest.fixture
def scans(tmp_path):
    falls = iter(np.linspace(0, 0.4, 7))
    points = [point(layer, part, float(next(falls))) for layer in range(3) for part in PARTS]
    write_scan(tmp_path / "all" / "scan", [point(None, "embeddings", 0.3), *points, point(2, "norm", 0.0, kl=None)])
    return tmp_path / "all"


def test_scans_alone_make_a_report(scans):
    content, folder = make_report(scans)
    assert content.overview == [(1, "scan")] and content.groups == []
    page = (folder / "report.html").read_text()
    assert 'id="scans"' in page and "Scan of embedded on sst2, kaiming_uniform" in page and 'id="findings"' not in page
    assert "## Scans" in (folder / "report.md").read_text()
    assert (folder / "figures" / "scan.png").stat().st_size > 5000
    table = pandas.read_csv(folder / "tables" / "scan.csv")
    assert len(table) == 8 and table["fall"].max() == pytest.approx(0.3333333)
    assert "Scan of embedded on sst2" in terminal_text(content)


def test_map_has_layers_down_and_components_across(scans):
    (figure,) = make_content(scans).scan_figures
    fall, kl = figure.panels
    heat = fall.content
    assert heat.rows == ["outside", "0", "1", "2"] and heat.columns == ["embeddings", "query", "ffn", "norm"]
    assert heat.values[0, 0] == 0.3 and np.isnan(heat.values[1, 0]) and heat.texts[1][0] == ""
    assert heat.values[3, 2] == pytest.approx(5 * 0.4 / 6) and heat.limits == (0, pytest.approx(5 * 0.4 / 6))
    assert kl.content.texts[3][3] == "n/a" and np.isnan(kl.content.values[3, 3])


def test_draws_bring_intervals(tmp_path):
    spans = {"fall": [0.1, 0.3], "changed": [0.05, 0.45], "any_changed": [0.7, 1.0]}
    write_scan(tmp_path / "scan", [point(0, "query", 0.2, 9, intervals=spans), point(1, "query", 0.1, 9)])
    content = make_content(tmp_path)
    (table,) = content.of_part("scans")
    cells = dict(zip(table.columns, table.rows[0].cells, strict=True))
    assert cells["fall"].note == "0.1000 to 0.3000" and cells["changed"].note == "5.0% to 45.0%"
    assert cells["draws"].text == "9" and cells["draws with a change"].note == "70.0% to 100.0%"
    assert [panel.title for panel in content.scan_figures[0].panels] == [
        "worse by (weighted F1)",
        "changed predictions (%)",
    ]


def test_strengths_share_their_colours(tmp_path):
    points = [point(i, part, 0.1 * i * s, strength=s) for s in (1, 3) for i in range(2) for part in PARTS]
    write_scan(tmp_path / "scan", points)
    panels = make_content(tmp_path).scan_figures[0].panels
    assert len(panels) == 4 and len({panel.content.limits for panel in panels if "worse" in panel.title}) == 1


def test_runs_and_scans_stand_in_one_report(scans):
    Maker(scans / "runs").sweep()
    alone, both = make_content(scans / "runs"), make_content(scans)
    assert both.groups and both.scan_figures and not alone.scan_figures and not alone.of_part("scans")
    assert "embedded" in both.filters["model"]
    _, folder = make_report(scans / "runs")
    assert (
        "Scans" not in (folder / "report.md").read_text() and 'id="scans"' not in (folder / "report.html").read_text()
    )


def test_scan_that_cannot_be_read_is_a_warning(scans):
    (scans / "broken").mkdir()
    (scans / "broken" / "settings.json").write_bytes((scans / "scan" / "settings.json").read_bytes())
    assert any("1 scan left out" in warning for warning in make_content(scans).warnings)


def test_terminal_shows_the_points_that_cost_most(scans):
    text = brief_text(json.loads((scans / "scan" / "scan.json").read_text()))
    rows = text.splitlines()
    assert "intact weighted F1 0.9000 on 100 examples" in text
    assert rows[-8].split()[:3] == ["2", "ffn", "0.5667"] and "8 of 8 points" in text


def test_points_without_a_score_come_first_and_are_empty(tmp_path):
    found = [point(0, "query", 0.1), point(0, "ffn", 0.0) | dict.fromkeys(("score", "fall", "loss", "kl"))]
    scan = write_scan(tmp_path / "scan", [*found, point(1, "query", 0.3)])
    text = brief_text(scan)
    assert [row.split()[:4] for row in text.splitlines()[-3:-1]] == [["0", "ffn", "\u2013", "\u2013"]] + [
        ["1", "query", "0.6000", "0.3000"]
    ]
    assert "median fall over 2 points 0.2000" in text
    _, folder = make_report(tmp_path)
    table = pandas.read_csv(folder / "tables" / "scan.csv")
    assert table["fall"].isna().tolist() == [False, True, False]
    (figure,) = make_content(tmp_path).scan_figures
    assert figure.panels[0].content.texts[0][1] == "n/a"
    write_scan(tmp_path / "none" / "scan", found[1:])
    assert "median fall over 0 points \u2013" in brief_text(json.loads((tmp_path / "none/scan/scan.json").read_text()))
    make_report(tmp_path / "none")
