"""What a sweep shows: a live table on a terminal, plain lines in a file."""

import io

import pytest
from helpers.results import write_results
from rich.console import Console

from healbert.cli.ls import ls
from healbert.sweep.plan import make_plan
from healbert.sweep.progress import Progress, best_run_of
from healbert.sweep.run import describe_plan
from healbert.sweep.sweep_file import read_sweep


@pytest.fixture
def plan(tiny_bert, csv_files, tmp_path):
    base = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True}
    return make_plan(read_sweep({"base": base, "grid": {"seed": [1, 2, 3, 4]}}), tmp_path)


def shown(progress):
    return progress.console.file.getvalue()


def finish(progress, run, **results):
    write_results(run.folder, **results)
    progress.running(run)
    run.look()
    progress.finished(run)


def on_paper(plan):
    return Progress(plan, Console(file=io.StringIO(), width=40, soft_wrap=True))


def test_plain_lines_say_what_ended_and_how_long_the_rest_takes(plan):
    progress = on_paper(plan)
    progress.start(workers=2)
    finish(progress, plan.runs[0], metrics={"healed": {"f1_weighted": 0.81234}}, timing={"heal": 60})
    finish(progress, plan.runs[1], status="failed", error={"message": "killed [by] someone"}, metrics=None, timing=None)
    progress.stop()
    lines = shown(progress).splitlines()
    assert lines[0] == "4 runs, 0 done; 2 at a time"
    assert lines[1].startswith(f"[1/4] {plan.runs[0].name}: completed, healed weighted F1 0.8123 (")
    assert lines[1].endswith("1 min 30 s left"), "three runs of a minute, two at a time"
    assert f"[2/4] {plan.runs[1].name}: failed: killed [by] someone (" in lines[2]
    assert len(lines) == 3


def test_run_that_another_sweep_finished_is_said_so(plan):
    progress = on_paper(plan)
    progress.start(workers=1)
    write_results(plan.runs[0].folder)
    plan.runs[0].look()
    progress.finished(plan.runs[0])
    assert "(elsewhere); no run finished yet" in shown(progress)


def test_live_table_has_tasks_best_run_and_running_runs(plan):
    progress = Progress(plan, Console(file=io.StringIO(), width=200, force_terminal=True))
    progress.start(workers=1)
    for run, f1 in zip(plan.runs, (0.7, 0.9), strict=False):
        finish(progress, run, metrics={"healed": {"f1_weighted": f1}}, timing={"heal": 10})
    progress.running(plan.runs[2])
    console = Console(file=io.StringIO(), width=200)
    console.print(progress.render())
    progress.stop()
    text = console.file.getvalue()
    bar, header, row = text.splitlines()[1:4]
    assert bar.strip(" ━╸╺") == "" and header.startswith("task ") and row.startswith("train ")
    assert "2 of 4 runs" in text and "20 s left" in text and "2/4" in text
    assert "0.9000" in text and plan.runs[1].name in text and plan.runs[2].name in text
    assert "0.7000" not in text and progress.live is None


def test_best_run_goes_by_the_direction_of_its_metric(plan):
    about = {"title": "errors", "greater_is_better": False, "chance": None, "range": None}
    task = {"name": "mine", "type": "by_errors", "primary_metric": "errors", "metrics": {"errors": about}}
    assert best_run_of(plan.runs) is None
    for run, errors in zip(plan.runs, (7, 3, 5), strict=False):
        write_results(run.folder, schema_version=2, task=task, metrics={"healed": {"errors": errors}})
        run.look()
    assert best_run_of(plan.runs) is plan.runs[1]
    write_results(plan.runs[3].folder, status="failed", task=None, metrics=None, timing=None)
    plan.runs[3].look()
    assert best_run_of(plan.runs) is plan.runs[1]


EVIL = "red\x1b[31m\x07\u202e\nline"


@pytest.mark.parametrize("terminal", [True, False])
def test_control_characters_do_not_reach_the_terminal(plan, terminal):
    progress = Progress(plan, Console(file=io.StringIO(), width=300, force_terminal=terminal, soft_wrap=True))
    run = plan.runs[0]
    run.folder = run.folder.with_name(EVIL)
    progress.start(workers=1)
    finish(progress, run, status="failed", error={"message": EVIL}, metrics=None, timing=None)
    progress.running(run)
    progress.stop()
    for text in (shown(progress), describe_plan(plan, EVIL, 1)):
        assert "red" in text and not any(sign in text for sign in ("\x1b[31m\x07", "\x07", "\u202e", "\nline"))


def test_control_characters_in_ls(tmp_path, capsys):
    write_results(tmp_path / EVIL, status="failed", error={"message": EVIL}, metrics=None)
    ls([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("red\ufffd[31m") and "\x1b" not in lines[1]
