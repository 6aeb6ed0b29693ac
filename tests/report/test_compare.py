"""`healbert report A B`: what every format says of two runs."""

import csv

import pytest
from helpers.report_runs import Maker

from healbert.cli.report import report
from healbert.utils.errors import UserError


@pytest.fixture
def runs(tmp_path):
    maker = Maker(tmp_path / "runs", {"sst2": (["n", "p|<b>"], 60)})
    return [maker.run("sst2", 0.5, seed=seed) for seed in (0, 1)]


def test_every_format_has_the_comparison(runs, capsys):
    report([str(run) for run in runs])
    output = runs[0] / "report-beside-run-00001"
    printed, text = capsys.readouterr().out, (output / "report.md").read_text()
    page = (output / "report.html").read_text()
    for said in ("A is run-00000, B is run-00001", "Both predicted 60 examples", "McNemar"):
        assert said in printed and said in text and said in page.replace("&#39;", "'")
    with open(output / "tables" / "comparison-examples.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    alone = [sum(row["right"] == f"{which} alone" for row in listed) for which in "AB"]
    assert f"A alone is right on {alone[0]} of them, B alone on {alone[1]}" in printed and sum(alone) > 0
    assert all(row["label"] == (row["a"] if row["right"] == "A alone" else row["b"]) for row in listed)
    with open(output / "tables" / "comparison-settings.csv", newline="") as file:
        assert {row["setting"]: (row["a"], row["b"]) for row in csv.DictReader(file)} == {
            "seed": ("0", "1"),
            "corrupt_seed": ("0", "1"),
        }
    assert page.index('id="comparison"') < page.index('id="group-1"') and "<title>Healing report: run-00000 and" in page


@pytest.mark.parametrize("more", [["third"], ["--watch"]], ids=" ".join)
def test_two_folders_and_no_more(runs, more):
    with pytest.raises(UserError, match="name one folder, or two runs to compare"):
        report([*map(str, runs), *more])


def test_a_run_beside_itself_is_refused(runs):
    with pytest.raises(UserError, match="are one run; name two, or one folder"):
        report([str(runs[0]), f"{runs[0]}/../run-00000"])
    assert not list(runs[0].glob("report*"))
