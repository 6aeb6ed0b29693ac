"""From a sweep file to runs: what is expanded, what is the same experiment, what is refused, what is done."""

import concurrent.futures
import json
import shutil

import pytest
import yaml
from helpers.results import write_results
from helpers.small import ROOT

from healbert.arguments.marker import marker
from healbert.arguments.parser import make_arguments
from healbert.experiment.folder import open_run, remove_checkpoints
from healbert.experiment.loading import LoadCache
from healbert.experiment.run import run_experiment
from healbert.results.read import is_locked
from healbert.sweep.check import check_runs
from healbert.sweep.engines import Failure, Options
from healbert.sweep.plan import Plan, make_plan
from healbert.sweep.run import _Runner, describe_plan
from healbert.sweep.sweep_file import read_sweep
from healbert.utils.errors import UserError


@pytest.fixture
def base(tiny_bert, csv_files):
    return {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "num_train_epochs": 1}


def plan(sweep, folder, *assignments):
    return make_plan(read_sweep(sweep, assignments), folder)


def varying(plan, *flags):
    return [tuple(run.arguments.settings()[flag] for flag in flags) for run in plan.runs]


# ---------------------------------------------------------------- expansion


def test_grid_is_a_product_over_base(base, tmp_path):
    grid = {"corrupt_seed": [0, 1], "learning_rate": [1e-4, "1e-3"]}  # YAML reads 1e-3 as a text
    found = plan({"base": base | {"corrupt_level": 0.5, "seed": 7}, "grid": grid}, tmp_path)
    expected = [(0, 1e-4, 7), (0, 1e-3, 7), (1, 1e-4, 7), (1, 1e-3, 7)]
    assert varying(found, "corrupt_seed", "learning_rate", "seed") == expected
    assert {run.folder.parent for run in found.runs} == {tmp_path}


def test_same_experiment_is_run_once(base, tmp_path):
    grid = {"corrupt_level": [0, 0.5, 1], "corrupt_region": ["bottom", "top"], "seed": [0, 1]}
    found = plan({"base": base, "grid": grid}, tmp_path)
    assert len(found.runs) == 8 and found.duplicates == 4
    assert len({run.name for run in found.runs}) == 8


def test_include_adds_and_exclude_takes_from_the_grid(base, tmp_path):
    sweep = {
        "base": base,
        "grid": {"corrupt_level": [0, 0.5, 1], "learning_rate": ["1e-4", 1e-3]},
        "exclude": [{"corrupt_level": 1}, {"corrupt_level": [0.5], "learning_rate": 0.001}],
        "include": [{"corrupt_level": 1, "learning_rate": 3e-3}, {"corrupt_level": 0.25, "seed": [1, 2]}],
    }
    found = varying(plan(sweep, tmp_path), "corrupt_level", "learning_rate", "seed")
    assert sorted(found) == [
        (0, 1e-4, 42),
        (0, 1e-3, 42),
        (0.25, 2e-5, 1),
        (0.25, 2e-5, 2),
        (0.5, 1e-4, 42),
        (1, 3e-3, 42),
    ]


def test_exclude_takes_runs_that_could_not_run(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0.5, "7"], "seed": [1, 2]}, "exclude": [{"corrupt_level": 7}]}
    assert varying(plan(sweep, tmp_path), "corrupt_level") == [(0.5,), (0.5,)]
    with pytest.raises(UserError, match="1 runs cannot run"):
        plan(sweep | {"exclude": [{"corrupt_level": 7, "seed": 1}]}, tmp_path)


def test_include_alone_is_no_grid(base, tmp_path):
    found = plan({"base": base, "include": [{"seed": 1}, {"seed": 2}]}, tmp_path)
    assert varying(found, "seed") == [(1,), (2,)]


@pytest.mark.parametrize(
    "assignment, seeds, levels",
    [
        ("seed=5", [5, 5], [0.25, 0.5]),
        ("seed=[5, 6]", [5, 6, 5, 6], [0.25, 0.25, 0.5, 0.5]),
        ("corrupt_level=0.75", [1, 2], [0.75, 0.75]),
    ],
)
def test_set_replaces_what_the_file_says(base, tmp_path, assignment, seeds, levels):
    sweep = {"base": base, "grid": {"corrupt_level": [0.25, 0.5], "seed": [1, 2]}}
    found = varying(plan(sweep, tmp_path, assignment), "seed", "corrupt_level")
    assert sorted(found) == sorted(zip(seeds, levels, strict=True))


def test_runs_of_one_task_follow_each_other(base, tmp_path, csv_files):
    swapped = dict(zip(csv_files, reversed(csv_files.values()), strict=True))
    for name in csv_files:
        del base[name]
    sweep = {"base": base, "include": [{**files, "seed": seed} for seed in (1, 2) for files in (csv_files, swapped)]}
    found = varying(plan(sweep, tmp_path), "train_file", "seed")
    first, second = csv_files["train_file"], csv_files["validation_file"]
    assert found == [(first, 1), (first, 2), (second, 1), (second, 2)]


def test_file_and_dict_are_the_same_sweep(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1, 2]}}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    assert read_sweep(path) == read_sweep(sweep)


def test_processes_of_a_run_are_part_of_it(base, tmp_path):
    sweep = read_sweep({"base": base, "grid": {"seed": [1]}})
    one, two = (make_plan(sweep, tmp_path, processes).runs[0].name for processes in (1, 2))
    assert one != two


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "sweep, message",
    [
        ({"base": {"sede": 1}, "grid": {"seed": [1]}}, "base: unknown setting 'sede'; did you mean 'seed'"),
        ({"grid": {"sede": [1]}}, "grid: unknown setting 'sede'; did you mean 'seed'"),
        ({"grid": {"seed": [1]}, "include": [{"lvl": 1}]}, "include: unknown setting 'lvl'"),
        ({"grid": {"seed": [1]}, "exclude": [{"corrupt_levle": 1}]}, "did you mean 'corrupt_level'"),
        ({"gird": {"seed": [1]}, "base": {}}, "section 'gird' is not known; did you mean 'grid'"),
        ({"seed": 1}, "neither 'base:' nor 'grid:'"),
        ({"base": {"seed": 1}}, "grid of .* is empty"),
        ({"base": {}, "grid": {}}, "grid of .* is empty"),
        ({"grid": {"seed": []}}, "'seed' is an empty list"),
        ({"grid": {"seed": 1}}, r"'seed' is no list of values; write \[1\]"),
        ({"grid": ["seed"]}, "section 'grid' of .* does not hold 'flag: value' lines"),
        ({"grid": {"seed": [1]}, "include": {"seed": 1}}, "section 'include' of .* does not hold a list"),
        ({"grid": {"seed": [1]}, "include": ["seed"]}, "section 'include' holds 'seed'"),
        ({"base": {"seed": 1}, "grid": {"seed": [1]}}, "'seed' stands in base and in grid"),
        ({"base": {"output_dir": "x"}, "grid": {"seed": [1]}}, "give the sweep's --output_dir"),
        ({"grid": {"overwrite_output_dir": [True]}}, "finished runs are kept"),
        ({"base": {"push_to_hub": True}, "grid": {"seed": [1]}}, "python -m healbert push DIR"),
    ],
)
def test_refused_sweeps(sweep, message):
    with pytest.raises(UserError, match=message):
        read_sweep(sweep)


@pytest.mark.parametrize(
    "assignment, message",
    [("seed", "is not KEY=VALUE"), ("sede=1", "did you mean 'seed'"), ("seed=[1", "is not YAML"), ("seed=[]", "empty")],
)
def test_refused_assignments(assignment, message):
    with pytest.raises(UserError, match=message):
        read_sweep({"grid": {"corrupt_level": [0]}}, [assignment])


def test_every_run_is_checked_before_any_runs(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0, 0.5, 7], "learning_rate": [1e-4, -1]}}
    with pytest.raises(UserError, match=r"4 runs cannot run \(corrupt_level=0, learning_rate=-1; .* and 1 more\)"):
        plan(sweep, tmp_path)


def test_exclude_that_takes_everything_is_refused(base, tmp_path):
    with pytest.raises(UserError, match="no run is left"):
        plan({"base": base, "grid": {"seed": [1, 2]}, "exclude": [{"seed": [1, 2]}]}, tmp_path)


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"probe_layers": "9"}, "layer 9, but the model has 4"),
        ({"text_column_names": "sentence"}, "no text column 'sentence'"),
        ({"model_name_or_path": "no-such/model"}, "cannot be reached"),
        ({"tokenizer_name": "no-such/tokenizer"}, "tokenizer 'no-such/tokenizer'"),
        ({"tsne": True, "tsne_perplexity": 42}, "perplexity 42 is too large for 42 examples"),
        ({"optim_args": "foo"}, "--optim_args cannot be used"),
        ({"fsdp": "full_shard"}, "--fsdp needs several processes"),
    ],
    ids=["layer", "column", "model", "tokenizer", "tsne", "optimizer", "sharding"],
)
def test_what_shows_after_loading_is_found_before_any_run_runs(base, tmp_path, bad, message):
    runs = plan({"base": base, "include": [{"seed": 1}, {"seed": 2, **bad}]}, tmp_path).runs
    check_runs(runs[:1])
    with pytest.raises(UserError, match=message) as caught:
        check_runs(runs)
    assert f"1 of 2 runs cannot run ({runs[1].name})" in str(caught.value)


def test_runs_of_several_processes_may_be_sharded(base, tmp_path):
    runs = plan({"base": base, "include": [{"fsdp": "full_shard"}]}, tmp_path).runs
    check_runs(runs, processes=2)


# ---------------------------------------------------------------- what is done


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
    assert "4 runs" in text and "2 completed, 2 todo" in text and "time left with 2 at a time: 0:00:15" in text


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
        (tmp_path / "checkpoint-1" / str(number)).mkdir(parents=True)
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
