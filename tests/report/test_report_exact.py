"""What a report says to the letter: names, counts, signs."""

import json
import types

import pytest
from helpers.report_runs import Maker, analysed

from healbert.analysis.collect import collect
from healbert.analysis.grouping import model_names
from healbert.report.content import make_content
from healbert.report.figures.levels import by_level
from healbert.report.formats.latex import escape
from healbert.report.run_pages import _short
from healbert.report.tables.verdicts import _margin


def names(*models):
    found = model_names([types.SimpleNamespace(config={"model_name_or_path": model}) for model in models])
    return [found[model] for model in models]


def test_models_are_called_by_as_little_of_their_paths_as_tells_them_apart():
    assert names("/data/a/bert", "./b", "org/c") == ["bert", "b", "org/c"]
    assert names("/data/a/bert", "/data/b/bert") == ["a/bert", "b/bert"]
    assert names("/x/org/bert", "org/bert") == ["x/org/bert", "org/bert"]
    assert names("/bert", "/a/bert") == ["/bert", "a/bert"] and names("/x/bert", "/x/bert/") == ["bert", "bert"]


def test_models_of_one_name_are_two_groups_in_every_table(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
    for model in ("/data/a/bert", "/data/b/bert"):
        maker.sweep(levels=(0, 0.5), regions=("top",), rates=(5e-5,), seeds=(0, 1), model_name_or_path=model)
    content = make_content(tmp_path)
    assert len({group.label for group in collect(tmp_path).groups}) == 2
    table = content.table("verdicts")
    assert table.columns[0] == "group" and len({record["group"] for record in table.records}) == 2
    assert sorted(content.filters["model"]) == ["a/bert", "b/bert"]


def test_counts_and_large_scores_of_run_pages_are_exact():
    assert (_short(1774464), _short(1234.56), _short(0.12345678)) == (1774464, 1234.56, 0.12345678)
    assert _short(None) is None and _short(float("nan")) is None and _short("1") is None


@pytest.mark.parametrize(
    "text, latex",
    [("0.33\u00d7", r"0.33$\times$"), ("KL(a \u2016 b)", r"KL(a $\Vert$ b)"), ("--lm_eval", r"-{}-lm\_eval")],
)
def test_signs_of_our_tables_are_signs_in_latex(text, latex):
    assert escape(text) == latex


def test_all_of_it_is_found_beside_named_layers(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
    maker.run("sst2", 0)
    maker.run("sst2", 1)
    hit = {"layers_hit": [1], "num_layers": 6, "fraction_of_encoder": 1 / 6}
    path = maker.run("sst2", 0.5, corrupt_layers="1", _corruption=hit) / "results.json"
    results = json.loads(path.read_text())
    path.write_text(json.dumps(results | {"config": results["config"] | {"corrupt_level": None}}))
    (row,) = make_content(tmp_path).table("main").rows
    assert row.cells[1].text == "layers 1" and "no run" not in [cell.note for cell in row.cells]


def test_a_line_from_intact_to_all_is_not_called_intact(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
    maker.run("sst2", 0)
    assert [line.name for line in by_level(analysed(tmp_path)[0]).panels[0].content.series] == ["intact"]
    maker.run("sst2", 1)
    assert [line.name for line in by_level(analysed(tmp_path)[0]).panels[0].content.series] == ["all"]


def test_margins_are_each_metrics_own():
    f1, loss, tags = (
        types.SimpleNamespace(title=title, smallest_difference=least)
        for title, least in (("weighted F1", 0.01), ("masked loss", 0), ("entity F1", 0.01))
    )
    trend = " either way (of a trend, from least to most damage)"
    assert _margin(None, [f1, tags]) == "less than 0.01" + trend
    assert _margin(None, [f1, loss]) == f"less than 0.01 of weighted F1{trend}, never given of masked loss"
    assert _margin(0.02, [f1, loss]) == "less than 0.02" + trend
    assert _margin(None, [loss]) == "never given"
