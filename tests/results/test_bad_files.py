"""One bad file stops nothing: it is named and counted, and a sweep takes its run as to do."""

import json
import os

import pytest
from helpers.results import write_results
from helpers.runs import read

from healbert.report.write import make_report
from healbert.results.read import list_runs, load_results, read_runs
from healbert.sweep.plan import Plan, PlannedRun
from healbert.sweep.run import describe_plan


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def deep(levels):
    return lambda path: path.write_text("[" * levels + "]" * levels)


def with_value(**values):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | values))


BAD = {
    "deep": deep(100_000),
    "deep, yet read": lambda path: with_value(config=json.loads(f'{{"a": {"[" * 200 + "]" * 200}}}'))(path),
    "400 digits": lambda path: path.write_text(path.read_text().replace("{", '{"seed": ' + "9" * 400 + ",", 1)),
    "5,000 digits": lambda path: path.write_text(path.read_text().replace("{", '{"seed": ' + "9" * 5000 + ",", 1)),
    "pipe": pipe,
    "folder": folder,
    "loop": loop,
    "unknown status": with_value(status="resting"),
    "status in a list": with_value(status=["completed"]),
    "error in a list": with_value(status="failed", error=[1]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_results_are_named_and_the_others_read(tmp_path, name):
    write_results(tmp_path / "good")
    bad = write_results(tmp_path / "bad")
    (bad / "settings.json").write_text("{}")
    BAD[name](bad / "results.json")
    runs, unusable = read_runs(tmp_path)
    assert [path.name for path, _ in runs] == ["good"] and [path.name for path, _ in unusable] == ["bad"]
    assert {row["run"]: row["status"] for row in list_runs(tmp_path)} == {"bad": "damaged", "good": "completed"}
    with pytest.warns(UserWarning, match="bad left out"):
        assert len(load_results(tmp_path)) == 1
    assert PlannedRun({}, None, bad).look() == "todo"


def test_bad_settings_of_a_run_that_is_not_finished(tmp_path):
    for name, spoil in (("pipe", pipe), ("folder", folder), ("loop", loop), ("deep", deep(100_000))):
        path = tmp_path / name / "settings.json"
        path.parent.mkdir()
        path.write_text("{}")
        spoil(path)
    assert {row["status"] for row in list_runs(tmp_path)} == {"interrupted"} and len(list_runs(tmp_path)) == 4


def test_folder_that_cannot_be_looked_into_is_named(tmp_path, monkeypatch):
    write_results(tmp_path / "good")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path):  # root, which tests may run as, is let in everywhere
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    rows = {row["run"]: row for row in list_runs(tmp_path)}
    assert rows["closed"]["error"] == "cannot be read: Permission denied" and rows["good"]["status"] == "completed"


@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": {"kind": "exception"}}])
def test_failed_run_without_a_reason(tmp_path, error):
    run = write_results(tmp_path / "run", status="failed", metrics=None)
    results = {name: value for name, value in read(run).items() if name != "error"} | error
    (run / "results.json").write_text(json.dumps(results))
    planned = PlannedRun({}, None, run)
    assert planned.look() == "failed"
    assert "failed: run: no reason given" in describe_plan(Plan([planned]), tmp_path, 1)
    assert list_runs(tmp_path)[0]["error"] is None
    make_report(tmp_path, tmp_path / "report")
