"""The page of findings holds what its tables hold, and the tables what result files do."""

import importlib
import json
import re
import statistics
import subprocess
import sys

import pandas
import pytest
from helpers.report_runs import Maker
from helpers.small import ROOT

from healbert.utils.errors import UserError

FOLDER = ROOT / "configs" / "findings"
TABLES = sorted(path.stem for path in FOLDER.glob("*.csv"))


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("configs.findings.make")


def test_the_page_is_what_the_tables_say(make):
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == make.page()


def test_the_text_has_no_result_of_its_own():
    text = (FOLDER / "page.md.j2").read_text(encoding="utf-8")
    own = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\]\(.*?\)", "", text, flags=re.DOTALL)
    assert not re.findall(r"-?\d\.\d{3}", own)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_of_a_study_that_can_be_made_again(name, make):
    study = make.studies.STUDIES[name]
    assert (ROOT / study.config).is_file()
    rows = make.read(name)
    assert {"runs", "commits", "hours"} <= {row.item for row in rows if row.kind == "made"}
    for row in rows:
        if row.low is not None:
            assert row.low <= row.value <= row.high, row
        if row.p is not None and row.kind == "difference":
            assert (row.p < 0.05) == (row.low > 0 or row.high < 0), row


def spreads(rows):
    """{(mean, standard deviation) of the scores of each damage} as pages write them; of older tables empty."""
    scores = {}
    for row in rows:
        if row.kind == "score":
            scores.setdefault((row.group, row.dataset, row.item), []).append(row.value)
    return {(f"{statistics.mean(found):.3f}", f"{statistics.stdev(found):.3f}") for found in scores.values()}


def test_figures_of_studies_pages_and_of_the_readme_are_those_of_the_tables(make):
    tables = {}
    for name in TABLES:
        tables.setdefault((ROOT / make.studies.STUDIES[name].config).parent, []).append(make.read(name))
    for folder, of_it in tables.items():
        written = re.findall(r"(\d\.\d{3}) ± (\d\.\d{3})", (folder / "README.md").read_text(encoding="utf-8"))
        known = set().union(*map(spreads, of_it))
        old = {row.figure for rows in of_it if not spreads(rows) for row in rows if row.kind == "mean"}
        assert not {(mean, by) for mean, by in written if (mean, by) not in known and mean not in old}, folder
    results = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")[1]
    figures = re.findall(r"\d\.\d{3}", results)
    known = [row for of_it in tables.values() for rows in of_it for row in rows]
    told = {f"{abs(value):.3f}" for row in known for value in (row.value, row.low, row.high) if value is not None}
    assert results.startswith("Results") and figures and set(figures) <= told


@pytest.mark.parametrize(
    "folder", ["base_size", "beyond_classification", "beyond_healing", "catching_up", "initialisations", "three_tasks"]
)
def test_intervals_on_a_studys_page_are_those_of_its_tables(make, folder):
    names = [name for name in TABLES if make.studies.STUDIES[name].config.startswith(f"configs/{folder}/")]
    told = {
        said for name in names for row in make.read(name) if row.low is not None for said in (row.said, row.lacking)
    }
    text = (ROOT / "configs" / folder / "README.md").read_text(encoding="utf-8")
    written = re.findall(r"(-?\d\.\d{3})[^()\d|]*\((-?\d\.\d{3})\s+to\s+(-?\d\.\d{3})\)", text)
    assert len(written) > 3 and {f"{value} ({low} to {high})" for value, low, high in written} <= told


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    maker = Maker(tmp_path_factory.mktemp("runs"), noise=0.01)
    maker.sweep(levels=(0, 0.5), rates=(2e-5,))
    maker.sweep(levels=(0.5,), rates=(2e-5,), corrupt_method="normal")
    return maker.root


def scores(runs, **wanted):
    """{(dataset, seed): score} of the runs with these settings, read without the package."""
    found = {}
    for path in runs.glob("*/results.json"):
        results = json.loads(path.read_text())
        config = results["config"]
        if all(config[name] == value for name, value in wanted.items()):
            found[config["task_name"], config["seed"]] = results["metrics"]["healed"]["f1_weighted"]
    return found


def test_means_and_differences_are_those_of_the_result_files(make, runs):
    parts = [
        (1, make.studies.means("bottom 50%", corrupt_method="normal")),
        (-1, make.studies.means("bottom 50%", corrupt_method="kaiming_uniform")),
    ]
    rows = make.rows_of(
        make.studies.Study("", verdicts=False, differences={"methods": parts}, apart=("corrupt_method",)), runs
    )
    bottom = {"corrupt_level": 0.5, "corrupt_region": "bottom"}
    normal, kaiming = (scores(runs, corrupt_method=m, **bottom) for m in ("normal", "kaiming_uniform"))
    wanted = "mean", "corrupt_method normal", "sst2", "bottom 50%"
    (mean,) = [row for row in rows if (row.kind, row.group, row.dataset, row.item) == wanted]
    assert mean.value == pytest.approx(statistics.mean(normal["sst2", seed] for seed in (0, 1, 2))) and mean.seeds == 3
    of_runs = {r.text: r.value for r in rows if (r.kind, r.group, r.dataset, r.item) == ("score", *wanted[1:])}
    assert of_runs == {f"seed {seed}": normal["sst2", seed] for seed in (0, 1, 2)}
    difference = {row.dataset: row for row in rows if row.kind == "difference"}
    by_hand = {key: normal[key] - kaiming[key] for key in normal}
    assert len(by_hand) == 6 and set(difference) == {"", "sst2", "emotion"}
    assert difference[""].value == pytest.approx(statistics.mean(by_hand.values()))
    for dataset in ("sst2", "emotion"):
        values = [by_hand[dataset, seed] for seed in (0, 1, 2)]
        assert difference[dataset].value == pytest.approx(statistics.mean(values))
    assert all(row.low < row.value < row.high for row in difference.values())


def test_runs_that_collapsed_are_counted(make, tmp_path):
    maker = Maker(tmp_path)
    maker.sweep(levels=(0, 0.5), rates=(2e-5,))
    for seed, epoch in enumerate((1, 1, 2, 3)):
        maker.run("sst2", 0.5, "top", seed=10 + seed, _collapsed=seed == 3, _best_epoch=float(epoch))
    rows = make.rows_of(make.studies.Study("", verdicts=False), tmp_path)
    made = {row.item: row.value for row in rows if row.kind == "made"}
    assert made["collapsed"] == 1 and made["runs"] == len(list(tmp_path.glob("*/results.json")))
    (stuck,) = [row for row in rows if row.kind == "collapsed"]
    assert (stuck.dataset, stuck.item, stuck.value, stuck.seeds) == ("sst2", "top 50%", 1, 7)
    best = {(row.dataset, row.item): row for row in rows if row.kind == "best epoch"}
    found = best["sst2", "top 50%"]
    of_others = json.loads(next(tmp_path.glob("*/results.json")).read_text())["best_epoch"]
    epochs = [1, 1, 2, 3] + [of_others] * 3
    assert (found.value, found.low, found.high) == (statistics.median(epochs), min(epochs), max(epochs))


def test_verdicts_are_those_of_the_report(make, runs, tmp_path):
    rows = make.rows_of(make.studies.Study(""), runs)
    command = [sys.executable, "-m", "healbert", "report", str(runs), "-o", str(tmp_path / "report")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    table = pandas.read_csv(tmp_path / "report" / "tables" / "verdicts.csv").dropna(subset=["effect"])
    told = [(r.group, r.dataset or "all datasets", r.text, r.value, r.low, r.high) for r in rows if r.kind == "verdict"]
    written = table[["group", "scope", "verdict", "effect", "interval_low", "interval_high"]].values.tolist()
    assert len(told) == len(written) > 4
    for row, line in zip(sorted(told), sorted(map(tuple, written)), strict=True):
        assert row[:3] == line[:3] and row[3:] == pytest.approx(line[3:])


def test_what_is_not_there_is_an_error(make, runs, monkeypatch, capsys):
    parts = {"none": [(1, make.studies.means("top 75%")), (-1, make.studies.means("intact"))]}
    with pytest.raises(UserError, match="has 0 kinds of damage"):
        make.rows_of(make.studies.Study("", differences=parts), runs)
    monkeypatch.setattr(sys, "argv", ["make", "unknown=runs"])
    with pytest.raises(SystemExit) as ended:
        make.main()
    assert ended.value.code == 2 and capsys.readouterr().err.startswith("error: 'unknown=runs' is no NAME=RUNS")


def test_a_table_is_read_as_it_was_written(make, runs, tmp_path, monkeypatch):
    rows = make.rows_of(make.studies.Study(""), runs)
    monkeypatch.setattr(make, "HERE", tmp_path)
    make.write("some", rows)
    for row, again in zip(rows, make.read("some"), strict=True):
        for name, value in vars(row).items():
            found = getattr(again, name)
            assert found == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value), name
