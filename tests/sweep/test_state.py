"""What of a sweep is done, what runs of one process share, and how two processes stay out of each other's way."""

import concurrent.futures
import json
import shutil

import pytest
from helpers.results import write_results
from helpers.small import ROOT
from helpers.sweeps import plan

from healbert.arguments.marker import marker
from healbert.arguments.parser import make_arguments
from healbert.experiment.folder import open_run, remove_checkpoints
from healbert.experiment.loading import LoadCache
from healbert.experiment.run import run_experiment
from healbert.results.read import is_locked
from healbert.sweep.engines import Failure, Options
from healbert.sweep.plan import Plan
from healbert.sweep.run import _Runner, describe_plan, run_plan
from healbert.utils.errors import UserError


def test_state_comes_from_disk(base, tmp_path):
    runs = plan({"base": base, "grid": {"seed": [1, 2, 3, 4, 5]}}, tmp_path).runs
    for run, status in zip(runs, ("completed", "diverged", "failed"), strict=False):
        write_results(run.folder, status=status)
    write_results(runs[3].folder)
    (runs[3].folder / "results.json").write_text('{"status": "comp')
    found = plan({"base": base, "grid": {"seed": [1, 2, 3, 4, 5]}}, tmp_path)
    assert [run.state for run in found.runs] == ["completed", "diverged", "failed", "todo", "todo"]


def test_time_left_is_told_by_finished_runs(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1, 2, 3, 4]}}
    assert plan(sweep, tmp_path).seconds_left(1) is None
    for run, seconds in zip(plan(sweep, tmp_path).runs, (10, 20), strict=False):
        write_results(run.folder, timing={"load": 1, "heal": seconds - 1})
    found = plan(sweep, tmp_path)
    assert found.seconds_left(1) == 30 and found.seconds_left(2) == 15
    text = describe_plan(found, tmp_path, 2)
    write_results(found.runs[2].folder, timing={"heal": 3000})  # on a machine that slept meanwhile
    assert plan(sweep, tmp_path).seconds_left(1) == 20
    assert "4 runs" in text and "2 completed, 2 todo" in text and "time left with 2 at a time: 15 s" in text


def test_moved_results_are_still_done(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1]}}
    write_results(plan(sweep, tmp_path / "here").runs[0].folder)
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert plan(sweep, tmp_path / "there").runs[0].state == "completed"


class FailingEngine:
    """Fails every run, after ``meanwhile(job)``."""

    capacity = 1

    def __init__(self, meanwhile=lambda job: None):
        self.meanwhile, self.jobs = meanwhile, []

    def submit(self, jobs):
        self.jobs += jobs
        return [len(self.jobs)]

    def wait(self, handles, timeout):
        self.meanwhile(self.jobs[-1])
        return handles

    def failure(self, handle):
        return Failure("killed", "the worker died")


def run_with(engine, runs):
    _Runner(Plan(runs), Options(folder=""), engine, None).run(runs)


def test_failure_does_not_replace_what_another_sweep_has_finished(base, tmp_path):
    (run,) = plan({"base": base, "grid": {"seed": [1]}}, tmp_path).runs
    run_with(FailingEngine(lambda job: write_results(run.folder)), [run])
    assert run.state == "completed" and run.look() == "completed"


def test_run_that_another_sweep_failed_since_the_plan_is_left_alone(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1, 2]}}
    write_results(plan(sweep, tmp_path).runs[0].folder, status="failed")
    before, since = plan(sweep, tmp_path).runs
    write_results(since.folder, status="failed", error={"message": "elsewhere"})
    engine = FailingEngine()
    run_with(engine, [before, since])
    assert [job.settings["seed"] for job in engine.jobs] == [1], "the failed one of old is tried again, once"
    assert since.results["error"]["message"] == "elsewhere"


def test_failure_that_cannot_be_written_down_does_not_stop_the_sweep(base, tmp_path):
    first, second = plan({"base": base, "grid": {"seed": [1, 2]}}, tmp_path).runs
    first.folder.write_text("a file where the run's folder should be")
    run_with(FailingEngine(), [first, second])
    assert [run.state for run in (first, second)] == ["failed", "failed"]
    assert "cannot be written" in first.results["error"]["message"] and second.look() == "failed"


def test_two_processes_may_delete_the_same_checkpoints(tmp_path):
    for number in range(200):
        (tmp_path / "checkpoint-1" / f"rng_state_{number}.pth").mkdir(parents=True)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for done in [threads.submit(remove_checkpoints, tmp_path) for _ in range(4)]:
            done.result()
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- runs of one process


def test_runs_that_share_what_they_load_give_the_same_figures(run_flags, tmp_path):
    cache = LoadCache()
    settings = [run_flags | {"corrupt_level": level, "seed": seed} for level in (0, 0.5) for seed in (1, 2)]
    for number, flags in enumerate(settings):
        shared = run_experiment(make_arguments(**flags | {"output_dir": str(tmp_path / f"shared{number}")}), cache)
        alone = run_experiment(make_arguments(**flags | {"output_dir": str(tmp_path / f"alone{number}")}))
        for part in ("metrics", "task", "model", "corruption"):
            assert shared[part] == alone[part]


def test_cache_forgets_the_oldest():
    cache, made = LoadCache(2), []
    for key in "abacab":
        cache.get("task", key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]


def test_cache_of_no_size_keeps_nothing():
    cache = LoadCache(0)
    assert [cache.get("task", "a", lambda value=value: value) for value in (1, 2)] == [1, 2]


def test_changed_data_is_loaded_again(run_flags, tmp_path):
    cache = LoadCache()
    copy = shutil.copy(run_flags["validation_file"], tmp_path / "v.csv")
    flags = run_flags | {"validation_file": copy, "num_train_epochs": 1}
    before = run_experiment(make_arguments(**flags), cache)
    with open(copy, "a", encoding="utf-8") as file:
        file.write("a lovely film,good\n")
    after = run_experiment(make_arguments(**flags | {"output_dir": str(tmp_path / "again")}), cache)
    assert after["task"]["examples"]["evaluation"] == before["task"]["examples"]["evaluation"] + 1


# ---------------------------------------------------------------- locks


def test_run_at_work_is_locked_and_refuses_a_second_process(run_flags, tmp_path):
    arguments = make_arguments(**run_flags)
    folder = tmp_path / "run"
    receipt = type("Receipt", (), {"to_dict": lambda self: {}})()
    with open_run(folder, arguments, receipt) as finished:
        assert finished is None and is_locked(folder)
        with pytest.raises(UserError, match="is being run by another process"):
            run_experiment(make_arguments(**run_flags))
    assert not is_locked(folder) and not (folder / ".lock").exists()


def test_failed_run_is_run_again(run_flags, tmp_path):
    folder = tmp_path / "run"
    write_results(folder, status="failed")
    (folder / "settings.json").write_text(json.dumps(marker(make_arguments(**run_flags))))
    assert run_experiment(make_arguments(**run_flags))["status"] == "completed"


def test_run_that_failed_before_the_damage_is_run_again(run_flags, tmp_path):
    write_results(tmp_path / "run", status="failed")
    (tmp_path / "run" / "log.txt").write_text("killed")
    assert run_experiment(make_arguments(**run_flags))["status"] == "completed"


def test_sweep_file_is_not_taken_for_a_run():
    with pytest.raises(UserError, match="describes a sweep; run it with: python -m healbert sweep"):
        from healbert.arguments.parser import parse_arguments

        parse_arguments([str(ROOT / "configs" / "paper" / "bert-base.yaml")])


def test_results_of_a_later_version_are_left_alone(base, run_flags, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1]}}
    (run,) = plan(sweep, tmp_path / "sweep").runs
    write_results(run.folder, schema_version=99)
    with pytest.raises(UserError, match="schema 99, this HealBERT reads up to .*upgrade it"):
        plan(sweep, tmp_path / "sweep")
    arguments = make_arguments(**run_flags | {"output_dir": str(tmp_path / "run"), "num_train_epochs": 1})
    run_experiment(arguments)
    path = tmp_path / "run" / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    before = path.read_bytes()
    with pytest.raises(UserError, match="schema 99"):
        run_experiment(arguments)
    assert path.read_bytes() == before


def test_models_that_are_asked_for_too_late_are_named(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1, 2]}}
    for run in plan(sweep, tmp_path).runs:
        write_results(run.folder)
    asked = plan(sweep | {"base": base | {"save_model": True}}, tmp_path)
    with pytest.warns(UserWarning, match="2 runs finished without --save_model, such as .*-seed1-"):
        run_plan(asked, tmp_path)
