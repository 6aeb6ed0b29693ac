"""One run from start to end: what lies on disk, what is refused, and that an interruption changes nothing."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas
import pytest
import torch
from helpers.small import ROOT, make_rows, to_flags, write_csv
from safetensors.numpy import load_file

from healbert import UserError, make_arguments, run_experiment
from healbert.experiment.run import _set_threads
from healbert.results.summary import format_results

EPOCHS = 4
STEPS = 12  # of an epoch: 96 examples in batches of 8

METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")


def run_with(settings, **more):
    return run_experiment(make_arguments(**settings | more))


def read(folder, name="results.json"):
    return json.loads((pathlib.Path(folder) / name).read_text())


def predictions(folder, name="predictions.parquet"):
    return pandas.read_parquet(pathlib.Path(folder) / name)


def logits(folder):
    return np.stack(predictions(folder)["logits"])


def hand_metrics(frame):
    """Weighted F1, accuracy, macro F1 and loss from scratch."""
    label, predicted = frame["label"].to_numpy(), frame["prediction"].to_numpy()
    scores, weights = [], []
    for c in np.unique(np.concatenate([label, predicted])):
        hits = ((label == c) & (predicted == c)).sum()
        scores.append(2 * hits / ((label == c).sum() + (predicted == c).sum()))
        weights.append((label == c).sum())
    scaled = np.exp(np.stack(frame["logits"]).astype(float))
    chosen = scaled[np.arange(len(label)), label] / scaled.sum(1)
    return {
        "f1_weighted": np.average(scores, weights=weights),
        "accuracy": (label == predicted).mean(),
        "f1_macro": np.mean(scores),
        "loss": -np.log(chosen).mean(),
    }


def state_of(folder):
    """Every file with its content and time, to see that nothing was touched."""
    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file())
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


@pytest.fixture(scope="module")
def settings(tiny_bert, csv_files):
    """A run of four epochs; the tests add an output_dir."""
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
        "disable_tqdm": True,
    }


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_with(settings, output_dir=str(folder))
    return folder


@pytest.fixture
def run_copy(run, tmp_path):
    return pathlib.Path(shutil.copytree(run, tmp_path / "copy"))


def test_run_holds_the_files_of_the_design_and_no_checkpoints(run):
    names = {path.name for path in run.iterdir()}
    expected = {"results.json", "corruption.json", "predictions.parquet", "trainer_state.json", "settings.json"}
    assert names == expected


def test_results_describe_the_run(run, settings, csv_files):
    results = read(run)
    assert (results["schema_version"], results["status"]) == (2, "completed")
    for name, value in settings.items():
        assert results["config"][name] == value, name
    assert results["config"]["weight_decay"] == 0
    assert not {"token", "hub_token"} & set(results["config"])
    assert results["task"]["examples"] == {"train": 96, "evaluation": 42}
    assert results["task"]["label_names"] == ["bad", "good"]
    assert results["model"]["architecture"] == "BertForSequenceClassification"
    assert results["corruption"]["layers_hit"] == [0, 1]
    assert (results["corruption"]["level"], results["corruption"]["region"]) == (0.5, "bottom")
    assert set(results["metrics"]) == {"damaged", "healed", "last", "per_epoch"}
    assert results["collapsed"] is False
    task = results["task"]
    assert (task["type"], task["primary_metric"]) == ("classification", "f1_weighted")
    assert list(task["metrics"]) == ["f1_weighted", "accuracy", "f1_macro", "loss"]
    assert all(seconds >= 0 for seconds in results["timing"].values()) and results["timing"]["heal"] > 0


def test_results_name_the_environment(run):
    found = read(run)["environment"]
    assert (found["device"], found["processes"], found["threads"]) == ("cpu", 1, 1)
    assert {"torch", "transformers", "datasets", "healbert"} <= set(found["versions"])
    assert None not in found["versions"].values()
    git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode == 0:
        assert found["git_commit"].rstrip("+") == git.stdout.strip()


def test_best_epoch_is_the_one_of_highest_f1(run):
    metrics = read(run)["metrics"]
    assert [(e["epoch"], e["step"]) for e in metrics["per_epoch"]] == [(k, k * STEPS) for k in range(1, EPOCHS + 1)]
    scores = [epoch["f1_weighted"] for epoch in metrics["per_epoch"]]
    assert len(set(scores)) > 1, "epochs that all score alike prove nothing"
    best = metrics["per_epoch"][int(np.argmax(scores))]
    assert read(run)["best_epoch"] == best["epoch"]
    for name in METRICS:
        assert metrics["healed"][name] == pytest.approx(best[name], abs=1e-6)
    assert all(epoch["train_loss"] > 0 for epoch in metrics["per_epoch"])


def test_earlier_best_epoch_is_reported_and_not_the_last(settings, tmp_path):
    # A learning rate so high that the scores go up and down.
    folder = tmp_path / "run"
    more = {"learning_rate": 0.005, "lr_scheduler_type": "constant", "num_train_epochs": 8, "corrupt_level": 0}
    metrics = run_with(settings, output_dir=str(folder), **more)["metrics"]
    scores = [epoch["f1_weighted"] for epoch in metrics["per_epoch"]]
    assert scores[-1] < max(scores), "these settings should be unstable"
    assert metrics["healed"]["f1_weighted"] == max(scores)
    assert hand_metrics(predictions(folder))["f1_weighted"] == pytest.approx(max(scores))


def test_predictions_give_the_healed_metrics(run, csv_files):
    frame = predictions(run)
    labels = pandas.read_csv(csv_files["validation_file"])["label"]
    assert frame["id"].tolist() == list(range(42))
    assert frame["label"].tolist() == (labels == "good").astype(int).tolist()
    assert frame["prediction"].tolist() == np.stack(frame["logits"]).argmax(1).tolist()
    assert read(run)["metrics"]["healed"] == pytest.approx(hand_metrics(frame), abs=1e-6)


def test_damaged_metrics_are_those_before_any_training(settings, run, tmp_path):
    still = run_with(settings, output_dir=str(tmp_path / "still"), learning_rate=0, num_train_epochs=1)["metrics"]
    assert still["damaged"] == read(run)["metrics"]["damaged"]
    assert still["healed"] == pytest.approx(still["damaged"], abs=1e-6)
    assert read(run)["metrics"]["healed"] != still["damaged"]


def test_receipt_is_of_the_pretrained_weights(run, tiny_bert):
    receipt, weights = read(run, "corruption.json"), load_file(f"{tiny_bert}/model.safetensors")
    assert receipt["summary"]["untouched_bit_identical"] is True
    hit = {name for name in weights if name.startswith(("encoder.layer.0.", "encoder.layer.1."))}
    assert {tensor["name"] for tensor in receipt["tensors"]} == hit
    for tensor in receipt["tensors"]:
        assert tensor["sha256_before"] == hashlib.sha256(weights[tensor["name"]].tobytes()).hexdigest()
    changed = [t for t in receipt["tensors"] if t["sha256_before"] != t["sha256_after"]]
    assert sum("dense.weight" in t["name"] for t in changed) == 6
    assert read(run)["corruption"] == receipt["spec"] | receipt["summary"]


@pytest.mark.parametrize("processes", [1, 2])
def test_cores_are_shared_out(settings, monkeypatch, processes):
    arguments, before = make_arguments(**settings | {"torch_num_threads": None}), torch.get_num_threads()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    try:
        torch.set_num_threads(7)
        _set_threads(arguments)
        assert torch.get_num_threads() == max(1, len(os.sched_getaffinity(0)) // processes)
    finally:
        torch.set_num_threads(before)


def test_same_run_is_reported_from_disk(run, settings):
    before = state_of(run)
    assert run_with(settings, output_dir=str(run)) == read(run)
    assert state_of(run) == before


@pytest.mark.parametrize("kept", [True, False])
def test_checkpoints_that_a_kill_left_go_with_the_next_report(run_copy, settings, kept):
    (run_copy / "checkpoint-12").mkdir()
    results = read(run_copy)
    results["config"]["save_model"] = kept
    (run_copy / "results.json").write_text(json.dumps(results))
    assert run_with(settings, output_dir=str(run_copy)) == results
    assert (run_copy / "checkpoint-12").exists() == kept


@pytest.mark.parametrize("more", [{"save_total_limit": 3}, {"report_to": "none"}, {"preprocessing_num_workers": 1}])
def test_settings_without_effect_on_results_do_not_matter(run, settings, more):
    assert run_with(settings, output_dir=str(run), **more) == read(run)


@pytest.mark.parametrize(
    "more, named",
    [
        ({"corrupt_level": 0.25}, ["corrupt_level (0.5 there, 0.25 now)"]),
        ({"learning_rate": 5e-5, "seed": 3}, ["learning_rate (0.001 there, 5e-05 now)", "seed (42 there, 3 now)"]),
        ({"selection": "dev"}, ["selection (best_eval there, dev now)"]),
        ({"max_train_samples": 10}, ["max_train_samples"]),
    ],
)
@pytest.mark.parametrize("finished", [True, False], ids=["finished", "interrupted"])
def test_run_of_other_settings_is_refused(run_copy, settings, more, named, finished):
    if not finished:
        (run_copy / "results.json").unlink()
    before = state_of(run_copy)
    with pytest.raises(UserError) as caught:
        run_with(settings, output_dir=str(run_copy), **more)
    for part in (*named, "--overwrite_output_dir", str(run_copy)):
        assert part in str(caught.value)
    assert state_of(run_copy) == before


@pytest.mark.parametrize("name, content", [("thesis.tex", "dear"), ("results.json", "{}"), ("settings.json", "[]")])
def test_folder_of_other_files_is_refused(settings, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match="another --output_dir"):
        run_with(settings, output_dir=str(tmp_path))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("below", ["", "/run", "x" * 300])
def test_file_in_place_of_the_folder_is_refused(settings, tmp_path, below):
    (tmp_path / "file").write_text("dear")
    with pytest.raises(UserError, match="--output_dir"):
        run_with(settings, output_dir=f"{tmp_path}/file{below}")
    assert (tmp_path / "file").read_text() == "dear"


def test_overwriting_replaces_the_run_and_nothing_else(run_copy, settings):
    (run_copy / "notes.txt").write_text("mine")
    results = run_with(settings, output_dir=str(run_copy), num_train_epochs=1, overwrite_output_dir=True)
    assert len(results["metrics"]["per_epoch"]) == 1
    assert read(run_copy)["config"]["num_train_epochs"] == 1
    assert (run_copy / "notes.txt").read_text() == "mine"
    again = run_with(settings, output_dir=str(run_copy), num_train_epochs=1)
    assert again == read(run_copy)


def test_overwriting_spares_checkpoints_of_something_else(settings, tmp_path):
    (tmp_path / "checkpoint-500").mkdir()
    (tmp_path / "checkpoint-500" / "model.safetensors").write_text("dear")
    with pytest.raises(UserError, match="checkpoints that are not of a HealBERT run"):
        run_with(settings, output_dir=str(tmp_path), overwrite_output_dir=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoint-500", "model.safetensors"]


def test_overwriting_leaves_no_model_of_the_earlier_run_with(settings, tmp_path):
    more = {"output_dir": str(tmp_path / "run"), "num_train_epochs": 1}
    run_with(settings, save_model=True, **more)
    run_with(settings, corrupt_level=1, overwrite_output_dir=True, **more)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_same_command_gives_the_same_bits(run, settings, tmp_path):
    run_with(settings, output_dir=str(tmp_path / "again"))
    assert read(tmp_path / "again")["metrics"] == read(run)["metrics"]
    assert (logits(tmp_path / "again") == logits(run)).all()


def test_accumulated_steps_are_those_of_whole_batches(settings, tmp_path):
    logged = []
    for accumulated in (1, 4):
        folder = tmp_path / str(accumulated)
        more = {"per_device_train_batch_size": 8 // accumulated, "gradient_accumulation_steps": accumulated}
        run_with(settings, output_dir=str(folder), num_train_epochs=1, learning_rate=0, **more)
        history = read(folder, "trainer_state.json")["log_history"]
        logged.append(next(entry for entry in history if "grad_norm" in entry))
    # dropout draws differently in batches of another size
    assert logged[1]["loss"] == pytest.approx(logged[0]["loss"], rel=0.05)
    assert logged[1]["grad_norm"] == pytest.approx(logged[0]["grad_norm"], rel=0.5)


def test_seed_matters(run, settings, tmp_path):
    run_with(settings, output_dir=str(tmp_path / "other"), seed=1)
    assert read(tmp_path / "other")["metrics"]["damaged"] != read(run)["metrics"]["damaged"]


def test_damage_does_not_change_the_head(settings, tmp_path):
    heads = []
    for level, seed in ((0, 0), (1, 7)):
        folder = tmp_path / str(level)
        more = {"corrupt_level": level, "corrupt_seed": seed, "learning_rate": 0, "num_train_epochs": 1}
        run_with(settings, output_dir=str(folder), save_model=True, **more)
        heads.append(load_file(folder / "model.safetensors")["classifier.weight"])
    assert (heads[0] == heads[1]).all() and heads[0].std() > 0


LOGITS_OF_A_FRESH_PROCESS = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, texts = sys.argv[1], json.load(sys.stdin)
model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
with torch.no_grad():
    rows = [model.eval()(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in texts]
print(json.dumps({"logits": rows, "names": model.config.id2label}))
"""


def test_saved_model_gives_the_same_logits_elsewhere(run, settings, csv_files, tmp_path):
    folder = tmp_path / "run"
    run_with(settings, output_dir=str(folder), save_model=True)
    assert (logits(folder) == logits(run)).all()
    texts = pandas.read_csv(csv_files["validation_file"])["text"].tolist()
    command = [sys.executable, "-c", LOGITS_OF_A_FRESH_PROCESS, str(folder)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=120)
    answer = json.loads(done.stdout)
    assert np.allclose(answer["logits"], logits(folder), atol=1e-5)
    assert answer["names"] == {"0": "bad", "1": "good"}


def test_finished_run_without_a_model_cannot_give_one(run, settings):
    with pytest.raises(UserError, match="without --save_model"):
        run_with(settings, output_dir=str(run), save_model=True)


def test_selection_on_a_held_out_part(settings, tmp_path):
    results = run_with(settings, output_dir=str(tmp_path / "run"), selection="dev", dev_fraction=0.25)
    assert results["task"]["examples"] == {"train": 72, "evaluation": 42, "dev": 24}
    metrics = results["metrics"]
    best = max(metrics["per_epoch"], key=lambda epoch: epoch["f1_weighted"])
    assert results["best_epoch"] == best["epoch"]
    assert metrics["dev"] == {name: best[name] for name in METRICS}
    frame = predictions(tmp_path / "run")
    assert len(frame) == 42
    assert metrics["healed"] == pytest.approx(hand_metrics(frame), abs=1e-6)
    assert metrics["healed"] != pytest.approx(metrics["dev"], abs=1e-6)


def test_test_file_is_scored_by_the_chosen_epoch(run, settings, tmp_path):
    test_file = write_csv(tmp_path / "test.csv", make_rows(23, seed=9))
    results = run_with(settings, output_dir=str(tmp_path / "run"), test_file=test_file)
    frame = predictions(tmp_path / "run", "predictions_test.parquet")
    assert frame["id"].tolist() == list(range(23))
    assert results["metrics"]["test"] == pytest.approx(hand_metrics(frame), abs=1e-6)
    assert results["metrics"]["healed"] == read(run)["metrics"]["healed"]


def test_divergence_at_once_is_a_result(settings, tmp_path):
    folder = tmp_path / "run"
    results = run_with(settings, output_dir=str(folder), learning_rate=1e30)
    assert results["status"] == read(folder)["status"] == "diverged"
    assert (results["best_epoch"], results["metrics"]["healed"], results["metrics"]["per_epoch"]) == (None, None, [])
    assert results["metrics"]["damaged"]["f1_weighted"] > 0
    assert not list(folder.glob("checkpoint-*"))
    assert "diverged" in format_results(results, folder)
    assert run_with(settings, output_dir=str(folder), learning_rate=1e30) == read(folder)


def test_later_divergence_keeps_the_metrics_so_far(settings, tmp_path):
    # One step an epoch; the warm-up makes the first of them a step of size zero and the second one enormous.
    more = {"per_device_train_batch_size": 96, "learning_rate": 1e36, "warmup_steps": 2, "corrupt_level": 0}
    results = run_with(settings, output_dir=str(tmp_path / "run"), **more)
    metrics = results["metrics"]
    assert (results["status"], results["best_epoch"], len(metrics["per_epoch"])) == ("diverged", 1, 1)
    assert metrics["healed"] == pytest.approx(metrics["damaged"], abs=1e-6)
    assert metrics["healed"] == pytest.approx(hand_metrics(predictions(tmp_path / "run")), abs=1e-6)


def test_model_that_diverged_at_once_is_not_saved(settings, tmp_path):
    run_with(settings, output_dir=str(tmp_path / "run"), learning_rate=1e30, save_model=True)
    saved = tmp_path / "run" / "model.safetensors"
    assert not saved.exists() or all(np.isfinite(value).all() for value in load_file(saved).values())


def test_gpt2_runs_from_start_to_end(settings, tmp_path):
    from helpers.small import save_bare_gpt2

    model = save_bare_gpt2(tmp_path / "gpt2")
    results = run_with(settings, output_dir=str(tmp_path / "run"), model_name_or_path=model, num_train_epochs=1)
    assert results["corruption"]["layers_hit"] == [0]
    assert results["metrics"]["healed"] == pytest.approx(hand_metrics(predictions(tmp_path / "run")), abs=1e-6)


def same_outcome(folder, uninterrupted):
    """Whether two runs came to the same metrics and logits, bit for bit."""
    one, other = read(folder), read(uninterrupted)
    assert one["metrics"] == other["metrics"]
    assert one["best_epoch"] == other["best_epoch"]
    assert (logits(folder) == logits(uninterrupted)).all()
    assert not list(pathlib.Path(folder).glob("checkpoint-*"))
    return True


@pytest.fixture(scope="module")
def with_checkpoints(settings, tmp_path_factory):
    """The run with the checkpoints of all its epochs, to be copied and rewound."""
    folder = tmp_path_factory.mktemp("runs") / "checkpoints"
    run_with(settings, output_dir=str(folder), save_model=True, save_total_limit=EPOCHS)
    return folder


def rewind(with_checkpoints, folder, epochs):
    """A copy of the run as a kill after so many epochs would have left it."""
    shutil.copytree(with_checkpoints, folder)
    for name in ("results.json", "predictions.parquet", "trainer_state.json", "config.json", "model.safetensors"):
        (folder / name).unlink()
    for checkpoint in folder.glob("checkpoint-*"):
        if int(checkpoint.name.rpartition("-")[2]) > epochs * STEPS:
            shutil.rmtree(checkpoint)
            continue
        state = checkpoint / "trainer_state.json"  # it names the best checkpoint by its full path
        state.write_text(state.read_text().replace(str(with_checkpoints), str(folder)))
    return folder


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
def test_run_continues_from_its_last_epoch(run, with_checkpoints, settings, tmp_path, epochs):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert same_outcome(folder, run)


@pytest.mark.parametrize("left", [None, '{"epoch": 2.0, "best'], ids=["absent", "cut short"])
def test_checkpoint_killed_while_it_was_written_is_passed_over(run, with_checkpoints, settings, tmp_path, left):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    state = folder / f"checkpoint-{2 * STEPS}" / "trainer_state.json"
    state.unlink() if left is None else state.write_text(left)
    (state.parent / "model.safetensors").write_bytes(b"half")
    assert run_with(settings, output_dir=str(folder))["resumed_from"] == f"checkpoint-{STEPS}"
    assert same_outcome(folder, run)


def test_results_cut_short_do_not_count(run, run_copy, settings):
    (run_copy / "results.json").write_bytes((run / "results.json").read_bytes()[:500])
    run_with(settings, output_dir=str(run_copy))
    assert same_outcome(run_copy, run)


def test_moved_run_continues(run, with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    moved = folder.rename(tmp_path / "moved")
    run_with(settings, output_dir=str(moved))
    assert same_outcome(moved, run)


def _listen_to_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background inherits that it is ignored


def interrupt(settings, folder, number):
    """Starts the script, sends it a signal once its first checkpoint is whole; returns status and error output."""
    command = [sys.executable, str(ROOT / "run_corrupt_glue.py"), *to_flags(settings | {"output_dir": folder})]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=_listen_to_ctrl_c, **pipes) as process:
        until = time.monotonic() + 100
        while not list(folder.glob("checkpoint-*/trainer_state.json")) and process.poll() is None:
            assert time.monotonic() < until, "no checkpoint appeared"
            time.sleep(0.005)
        os.kill(process.pid, number)
        return process.wait(60), process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)], ids=["KILL", "TERM", "INT"]
)
def test_interrupted_process_loses_nothing(settings, long_run, tmp_path, number, status):
    folder, more = tmp_path / "run", {"num_train_epochs": 8}
    found, errors = interrupt(settings | more, folder, number)
    assert found == status, errors
    assert not (folder / "results.json").exists()
    if number == signal.SIGINT:
        assert errors.strip().splitlines()[-1].startswith("interrupted: ") and "Traceback" not in errors
    results = run_with(settings | more, output_dir=str(folder))
    assert results["resumed_from"].startswith("checkpoint-")
    assert same_outcome(folder, long_run)


@pytest.fixture(scope="module")
def long_run_with(settings, tmp_path_factory):
    """The uninterrupted run of eight epochs."""
    folder = tmp_path_factory.mktemp("runs") / "long"
    run_with(settings, output_dir=str(folder), num_train_epochs=8)
    return folder
