"""What a run finds: scores against hand computation, the chosen epoch, the same bits again."""

import numpy as np
import pandas
import pytest
from helpers.runs import EPOCHS, METRICS, STEPS, hand_metrics, logits, predictions, read, run_with
from helpers.small import make_rows, write_csv
from safetensors.numpy import load_file

from healbert.results.summary import format_results


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
    more["fast_paths"] = "none"  # the draws with which they do
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


@pytest.mark.parametrize("healing", ["full", "linear_probe"])
def test_test_file_without_labels_is_predicted(settings, tmp_path, healing):
    test_file = tmp_path / "test.csv"
    test_file.write_text("text\n" + "".join(f"{text}\n" for text, _ in make_rows(23, seed=9)))
    results = run_with(settings, output_dir=str(tmp_path / "run"), test_file=str(test_file), healing=healing)
    frame = predictions(tmp_path / "run", "predictions_test.parquet")
    assert "test" not in results["metrics"] and "label" not in frame
    assert results["task"]["read"]["test"]["used"] == len(frame) == 23
    names = results["task"]["label_names"]
    assert frame["class"].tolist() == [names[i] for i in frame["prediction"]]
    probabilities = np.stack(frame["probabilities"])
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert frame["probability"].tolist() == probabilities.max(axis=1).tolist()
    logits = np.stack(frame["logits"]).astype(float)
    assert probabilities[:, 1] == pytest.approx(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])))


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
