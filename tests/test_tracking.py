"""What arrives in the trackers: TensorBoard's event files, and Trackio's, MLflow's and W&B's stores on disk."""

import json
import os
import subprocess
import sys

import pytest
from helpers.small import ROOT, to_flags

from healbert import UserError, make_arguments, run_experiment
from healbert.tracking import TRACKERS, Tracker, Tracking, check_trackers
from healbert.utils.files import read_json
from healbert.utils.registry import register

METRICS = {"f1_weighted", "accuracy", "f1_macro", "loss"}


def run_tracked(run_flags, tracker, **settings):
    return run_experiment(make_arguments(**run_flags | {"report_to": tracker} | settings))


@pytest.fixture
def events(run_flags, tmp_path):
    """A finished run's results and what TensorBoard reads of it."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    results = run_tracked(run_flags, "tensorboard")
    (folder,) = (tmp_path / "run" / "tensorboard").iterdir()
    return results, folder, EventAccumulator(str(folder)).Reload()


def values(accumulator, name):
    return {event.step: event.value for event in accumulator.Scalars(name)}


def text(accumulator, name):
    (event,) = accumulator.Tensors(f"{name}/text_summary")
    return event.tensor_proto.string_val[0].decode()


def test_tensorboard_gets_every_figure(events):
    results, _, accumulator = events
    metrics = results["metrics"]
    for name in METRICS:
        assert values(accumulator, f"damaged/{name}") == pytest.approx({0: metrics["damaged"][name]})
        assert values(accumulator, f"eval/{name}") == pytest.approx({e["step"]: e[name] for e in metrics["per_epoch"]})
        assert values(accumulator, f"healed/{name}") == pytest.approx({24: metrics["healed"][name]})
    losses = {epoch["step"]: epoch["train_loss"] for epoch in metrics["per_epoch"]}
    assert values(accumulator, "train/loss") == pytest.approx(losses)


def test_tensorboard_gets_settings_receipt_and_table(events):
    _, _, accumulator = events
    settings, table = text(accumulator, "settings"), text(accumulator, "table")
    assert "| corrupt_level | 0.5 |" in settings and "| receipt/layers_hit | [0, 1] |" in settings
    assert "| receipt/untouched_bit_identical | True |" in settings
    assert "| damage | bottom 50%, kaiming_uniform, seed 0 |" in table and "| status | completed |" in table


def test_run_is_named_by_its_damage(events):
    assert events[1].name.startswith("tiny-bert-train-0.5-bottom-lr0.001-seed42-")


def test_run_name_of_ones_own(run_flags, tmp_path):
    pytest.importorskip("tensorboard")
    run_tracked(run_flags, "tensorboard", run_name="mine", num_train_epochs=1)
    assert [path.name for path in (tmp_path / "run" / "tensorboard").iterdir()] == ["mine"]


def test_run_that_is_done_again_keeps_no_old_events(run_flags, tmp_path):
    pytest.importorskip("tensorboard")
    run_tracked(run_flags, "tensorboard", num_train_epochs=1)
    first = set((tmp_path / "run").rglob("events.out.tfevents.*"))
    run_tracked(run_flags, "tensorboard", num_train_epochs=1, overwrite_output_dir=True)
    second = set((tmp_path / "run").rglob("events.out.tfevents.*"))
    assert second and not first & second


def test_default_is_none(run_flags, tmp_path):
    run_experiment(make_arguments(**run_flags | {"num_train_epochs": 1}))
    assert not list((tmp_path / "run").rglob("events.out.*")) and not (tmp_path / "run" / "tensorboard").exists()


def test_tracking_changes_no_figure(run_flags, events):
    plain = run_experiment(make_arguments(**run_flags | {"output_dir": run_flags["output_dir"] + "-plain"}))
    assert plain["metrics"] == events[0]["metrics"]


def in_process(run_flags, tracker, read, folder, **environment):
    """Runs a tracked run and ``read`` (source that prints JSON) in a process of its own."""
    source = f"""
import json, sys
from healbert import make_arguments, run_experiment
run_experiment(make_arguments(**json.loads(sys.argv[1]), report_to="{tracker}"))
{read}
"""
    command = [sys.executable, "-c", source, json.dumps(run_flags)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, cwd=folder)
    assert done.returncode == 0, done.stderr
    (found,) = [line.removeprefix("FOUND ") for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    return read_json(os.path.join(run_flags["output_dir"], "results.json")), json.loads(found)


READ_TRACKIO = """
import trackio
run = next(iter(trackio.Api().runs("healbert")))
from trackio.sqlite_storage import SQLiteStorage
logs = SQLiteStorage.get_logs("healbert", run.name)
print("FOUND", json.dumps([run.name, run.config, logs], default=str))
"""


def test_trackio_gets_it_all_on_disk(run_flags, tmp_path):
    pytest.importorskip("trackio")
    results, (name, config, logs) = in_process(
        run_flags, "trackio", READ_TRACKIO, tmp_path, TRACKIO_DIR=str(tmp_path / "trackio")
    )
    assert name.startswith("tiny-bert-train-0.5-bottom-")
    assert (config["corrupt_level"], config["receipt/layers_hit"]) == (0.5, "[0, 1]")
    flat = {key: value for log in logs for key, value in log.items() if key.startswith(("damaged/", "healed/"))}
    for stage in ("damaged", "healed"):
        for metric in METRICS:
            assert flat[f"{stage}/{metric}"] == pytest.approx(results["metrics"][stage][metric])
    f1 = [log["eval/f1_weighted"] for log in logs if "eval/f1_weighted" in log]
    assert f1 == pytest.approx([epoch["f1_weighted"] for epoch in results["metrics"]["per_epoch"]])
    (table,) = [log["table"] for log in logs if "table" in log]
    assert "bottom 50%, kaiming_uniform, seed 0" in json.dumps(table)


READ_MLFLOW = """
import mlflow
(run,) = mlflow.search_runs(experiment_names=["healbert"], output_format="list")
table = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/table.md")
print("FOUND", json.dumps([run.info.run_name, run.info.status, run.data.params, run.data.metrics, table]))
"""


@pytest.mark.slow
def test_mlflow_gets_it_all_on_disk(run_flags, tmp_path):
    pytest.importorskip("mlflow")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    results, (name, status, params, metrics, table) = in_process(run_flags, "mlflow", READ_MLFLOW, tmp_path, **store)
    assert name.startswith("tiny-bert-train-0.5-bottom-") and status == "FINISHED"
    assert (params["corrupt_level"], params["receipt/layers_hit"]) == ("0.5", "[0, 1]")
    assert metrics["healed/f1_weighted"] == results["metrics"]["healed"]["f1_weighted"]
    assert metrics["damaged/f1_weighted"] == results["metrics"]["damaged"]["f1_weighted"]
    assert "| status | completed |" in table


@pytest.mark.slow
def test_wandb_gets_it_all_on_disk(run_flags, tmp_path):
    pytest.importorskip("wandb")
    (tmp_path / "wandb").mkdir()
    offline = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path / "wandb")}
    in_process(run_flags, "wandb", "print('FOUND null')", tmp_path, **offline)
    (log,) = (tmp_path / "wandb").rglob("run-*.wandb")
    content = log.read_bytes()
    for part in ("tiny-bert-train-0.5-bottom-", "receipt/layers_hit", "damaged/f1_weighted", "healed/f1_weighted"):
        assert part.encode() in content


# Mistakes


def test_unknown_tracker_is_refused(run_flags):
    with pytest.raises(UserError, match="tracker 'tensorbord' is not known; did you mean 'tensorboard'?"):
        make_arguments(**run_flags, report_to="tensorbord")


@pytest.mark.parametrize("name", TRACKERS)
def test_absent_tracker_says_what_to_install(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(UserError, match=f"{name} is not installed; run: pip install {name}"):
        check_trackers([name])
    assert check_trackers(["all"]) == [] and check_trackers("none") == [] and check_trackers(None) == []


def test_tracker_that_cannot_start_is_one_error(run_flags, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "file"))
    with pytest.raises(UserError, match="--report_to tensorboard cannot start"):
        run_tracked(run_flags, "tensorboard")


class Refusing:
    name = "refusing"

    def start(self):
        raise OSError("no server")


def test_tracker_that_cannot_start_leaves_no_other_one_open(run_flags):
    pytest.importorskip("tensorboard")
    tracking = Tracking(make_arguments(**run_flags | {"report_to": "tensorboard"}))
    tracking.kinds.append(Tracker(lambda name, arguments: Refusing(), table=None))
    with pytest.raises(UserError, match="--report_to refusing cannot start: no server"), tracking:
        pass
    ((_, tensorboard),) = tracking.running
    assert tensorboard.writer.file_writer is None, "it was not closed"


def test_several_trackers_from_a_command_line(run_flags):
    from healbert.arguments.parser import parse_arguments

    arguments, _ = parse_arguments([*to_flags(run_flags), "--report_to", "none"])
    assert arguments.training.report_to == []


def test_tracker_of_a_plugin_is_a_choice(monkeypatch):
    monkeypatch.setattr(TRACKERS, "_registered", dict(TRACKERS._registered))
    monkeypatch.setattr(TRACKERS, "_made", dict(TRACKERS._made))
    with pytest.raises(UserError, match="tracker 'paper' is not known"):
        check_trackers("paper")
    register("tracker", "paper", table=None)(lambda name, arguments: Refusing())
    assert check_trackers("paper") == ["paper"]
    register("tracker", "stone", table=None, package="no_such_library")(lambda name, arguments: Refusing())
    with pytest.raises(UserError, match="stone is not installed; run: pip install no_such_library"):
        check_trackers("stone")
    assert "paper" in check_trackers("all") and "stone" not in check_trackers("all")


def test_a_tracker_that_the_environment_adds_is_not_told(monkeypatch, tmp_path):
    """transformers adds Kubeflow's inside its jobs, which nobody asked for."""
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", "http://127.0.0.1:1")
    assert make_arguments(output_dir=str(tmp_path)).training.report_to == []
