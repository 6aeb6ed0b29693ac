"""Kinds of damage side by side: which groups go together, in which order, and with which figures."""

import csv

import numpy as np
import pytest
from helpers.report_runs import Maker

from healbert.analysis.analysis import analyse
from healbert.analysis.kinds import kinds_of_damage
from healbert.report.content import content_of
from healbert.report.write import make_report

CHANGE = {"change": {"kl": 0.4, "predictions_changed": 0.25}}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three methods on two datasets: noise costs least, bit flips most; one in its attention alone."""
    root = tmp_path_factory.mktemp("kinds") / "runs"
    for method, cost in {"gaussian_noise": 0.05, "bit_flip": 0.3}.items():
        maker = Maker(root, cost={"bottom": cost, "top": cost})
        maker.count = 1000 * len(method)
        maker.sweep(levels=(0.5,), regions=("bottom",), rates=(2e-5,), corrupt_method=method)
    maker.sweep(levels=(0,), regions=("bottom",), rates=(2e-5,))
    maker.sweep(levels=(1,), rates=(2e-5,), corrupt_method="bit_flip", corrupt_components="attention")
    return root


def test_damages_that_nothing_else_tells_apart_are_compared(root):
    (family,) = kinds_of_damage(analyse(root).groups)
    assert [kind.label for kind in family] == [
        "gaussian_noise, bottom 50%",
        "bit_flip, bottom 50%",
        "bit_flip, attention",
    ]
    assert [kind.lost for kind in family] == sorted(kind.lost for kind in family)
    assert all(set(kind.costs) == {"sst2", "emotion", None} for kind in family)


def test_severities_and_damages_one_after_another_are_told_apart(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["negative", "positive"], 200)})
    maker.sweep(levels=(0,), rates=(2e-5,))
    for severity in ("l2=0.2", "l2=0.8"):
        maker.sweep((0.5,), ("top",), (2e-5,), corrupt_method="gaussian_noise", match_severity=severity)
    (family,) = kinds_of_damage(analyse(tmp_path).groups)
    assert sorted(kind.label for kind in family) == [
        f"gaussian_noise, top 50%, match_severity l2={value}" for value in ("0.2", "0.8")
    ]


def test_the_table_says_what_the_runs_say(root):
    content = content_of(analyse(root))
    table = next(table for table in content.tables if table.name == "kinds")
    scores = {}
    for run in analyse(root).study.runs:
        if run.dataset == "sst2" and run.config["corrupt_components"] is None:
            scores.setdefault((run.config["corrupt_method"], run.damage.level), []).append(run.score("healed"))
    intact = np.mean(next(values for (_, level), values in scores.items() if level == 0))
    for record in table.records:
        method = record["damage"].split(",")[0]
        if record["dataset"] == "sst2" and "bottom" in record["damage"]:
            assert record["lost"] == pytest.approx(intact - np.mean(scores[method, 0.5]), abs=1e-12)
            assert record["lost_low"] < record["lost"] < record["lost_high"] and record["pairs"] == 3
    assert len(table.rows) == len(table.records) == 9, "three damages: two datasets and their mean"
    (flipped,) = [
        i for i, r in enumerate(table.records) if r["damage"] == "bit_flip, attention" and r["dataset"] == "sst2"
    ]
    runs = [run for run in analyse(root).study.runs if run.dataset == "sst2" and run.config["corrupt_components"]]
    assert table.rows[flipped].cells[0].link == "#runs-" + ".".join(str(run.number) for run in runs)
    assert all(row.cells[0].link for row in table.rows)


def test_the_sign_is_explained_where_less_is_better(tmp_path):
    metric = {"mse": {"title": "mean squared error", "greater_is_better": False, "range": [0, None], "chance": None}}
    of = {"type": "regression", "primary_metric": "mse", "metrics": metric}
    for method in ("gaussian_noise", "zero"):
        maker = Maker(tmp_path, metric=of, score=lambda labels, predictions: float((labels != predictions).mean()))
        maker.count = 1000 * len(method)
        maker.sweep(levels=(0, 0.5), regions=("bottom",), rates=(2e-5,), corrupt_method=method)
    content = content_of(analyse(tmp_path))
    captions = [one.caption for one in (*content.tables, *content.figures) if one.name == "kinds"]
    assert len(captions) == 2 and all("in differences the sign is turned" in caption for caption in captions)


def test_groups_that_differ_in_more_than_damage_are_not_compared(tmp_path):
    maker = Maker(tmp_path / "runs")
    maker.sweep(levels=(0, 0.5), regions=("bottom",), rates=(2e-5,))
    maker.sweep(levels=(0, 0.5), regions=("bottom",), rates=(2e-5,), healing="lora", corrupt_method="zero")
    assert kinds_of_damage(analyse(tmp_path / "runs").groups) == []


def test_a_study_of_one_kind_has_no_such_table(full_content):
    assert not [table for table in full_content.tables if table.kind == "kinds"]
    assert not [figure for figure in full_content.figures if figure.kind == "kinds"]


@pytest.mark.slow
def test_files_are_written(root, tmp_path):
    make_report(root, tmp_path / "site")
    with open(tmp_path / "site/tables/kinds.csv") as file:
        assert {row["damage"] for row in csv.DictReader(file)} >= {"bit_flip, attention"}
    assert (tmp_path / "site/figures/kinds.png").stat().st_size > 5000
    page = (tmp_path / "site/report.html").read_text()
    assert "Kinds of damage side by side" in page
