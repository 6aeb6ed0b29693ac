"""One bad file stops nothing: it is named and counted, and a sweep takes its run as to do."""

import json
import os
import subprocess
import sys

import pytest
from helpers.results import write_results
from helpers.runs import read
from helpers.small import ROOT, without_privileges
from helpers.spoiled import SPOILED_RUNS, deep, folder, loop, pipe

from healbert.cli.ls import ls
from healbert.report.write import make_report
from healbert.results.listing import list_runs
from healbert.results.read import load_results, read_runs
from healbert.sweep.plan import Plan, PlannedRun
from healbert.sweep.run import describe_plan, prepare


@pytest.mark.parametrize("name", SPOILED_RUNS)
def test_bad_results_are_named_and_the_others_read(tmp_path, name):
    write_results(tmp_path / "good")
    bad = write_results(tmp_path / "bad")
    (bad / "settings.json").write_text("{}")
    SPOILED_RUNS[name](bad / "results.json")
    runs, unusable = read_runs(tmp_path)
    assert [path.name for path, _ in runs] == ["good"] and [path.name for path, _ in unusable] == ["bad"]
    assert {row["run"]: row["status"] for row in list_runs(tmp_path)} == {"bad": "damaged", "good": "completed"}
    with pytest.warns(UserWarning, match="bad left out"):
        assert len(load_results(tmp_path)) == 1
    assert PlannedRun({}, None, bad).look() == "todo"


def sweep_of(base):
    return {"base": base, "grid": {"seed": [1, 2, 3]}}


@pytest.mark.parametrize("name", SPOILED_RUNS)
def test_every_reader_goes_on_beside_a_spoiled_run(run_flags, tmp_path, name, capsys):
    folder = tmp_path / "results"
    sweep = sweep_of({key: value for key, value in run_flags.items() if key != "output_dir"})
    for run in prepare(sweep, folder).runs[:2]:
        write_results(run.folder)
        last = run.folder
    SPOILED_RUNS[name](last / "results.json")
    plan = prepare(sweep, folder)
    assert [run.state for run in plan.runs] == ["completed", "todo", "todo"]
    assert "1 completed, 2 todo" in describe_plan(plan, folder, 1)
    ls([str(folder)])
    assert "damaged" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="left out"):
        assert load_results(folder)["status"].tolist() == ["completed"]
    _, output = make_report(folder, tmp_path / "report")
    assert last.name in (output / "report.html").read_text()


CLOSED = """
import json, sys, warnings
from healbert.cli.ls import ls
from healbert.report.write import make_report
from healbert.results.read import load_results
from healbert.sweep.run import describe_plan, prepare

sweep, folder = json.loads(sys.argv[1]), sys.argv[2]
plan = prepare(sweep, folder)
print([(run.state, run.runs_elsewhere()) for run in plan.runs])
ls([folder])
warnings.simplefilter("ignore")
print(len(load_results(folder)))
make_report(folder, folder + "-report")
"""


def test_every_reader_goes_on_beside_a_folder_that_it_may_not_read(run_flags, tmp_path):
    sweep = sweep_of({key: value for key, value in run_flags.items() if key != "output_dir"})
    for run in prepare(sweep, tmp_path / "results").runs[:2]:
        write_results(run.folder)
        last = run.folder
    (last / ".lock").write_text("")
    command = without_privileges(sys.executable, "-c", CLOSED, json.dumps(sweep), str(tmp_path / "results"))
    last.chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    finally:
        last.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "[('completed', False), ('todo', False), ('todo', False)]" in done.stdout
    assert "cannot be read: Permission denied" in done.stdout


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
