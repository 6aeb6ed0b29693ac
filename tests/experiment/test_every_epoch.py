"""What each epoch predicted: on disk, right, and the same whatever came between."""

import json
import shutil

import numpy as np
import pandas
import pytest
from helpers.runs import EPOCHS, STEPS, hand_metrics, predictions, read, rewind, run_with

from healbert.experiment.per_epoch import scores_at
from healbert.healing.predicted import FILE, PredictedClasses

DEV = {"selection": "dev", "dev_fraction": 0.25}
STEADY = ("f1_weighted", "accuracy", "f1_macro")


@pytest.fixture(scope="module")
def with_dev(settings, tmp_path_factory):
    """A run that chooses on a held-out part, with the checkpoints of all its epochs."""
    folder = tmp_path_factory.mktemp("runs") / "dev"
    run_with(settings, output_dir=str(folder), save_model=True, save_total_limit=EPOCHS, **DEV)
    return folder


def columns(frame):
    return [name for name in frame.columns if name.startswith("step_")]


def scores_of(frame, column):
    """The metrics that classes alone decide, by hand."""
    logits = list(np.eye(2)[frame[column]])
    found = hand_metrics(frame.assign(prediction=frame[column], logits=logits))
    return {name: found[name] for name in STEADY}


def test_every_epoch_has_a_column_that_gives_its_scores(run):
    frame, results = predictions(run), read(run)
    epochs = results["metrics"]["per_epoch"]
    assert columns(frame) == [f"step_{entry['step']}" for entry in epochs] and len(epochs) == EPOCHS
    for entry in epochs:
        assert scores_of(frame, f"step_{entry['step']}") == pytest.approx({name: entry[name] for name in STEADY})
    (chosen,) = [entry["step"] for entry in epochs if entry["epoch"] == results["best_epoch"]]
    assert (frame[f"step_{chosen}"] == frame["prediction"]).all()
    assert list(predictions(run).columns)[:4] == ["id", "label", "prediction", "logits"]


def test_classes_are_small_on_disk(run):
    """A column of a binary task takes a bit or two for each example, not 32."""
    import pyarrow.parquet

    part = pyarrow.parquet.ParquetFile(run / "predictions.parquet").metadata.row_group(0)
    sizes = {part.column(i).path_in_schema: part.column(i).total_compressed_size for i in range(part.num_columns)}
    assert all(sizes[name] < sizes["label"] + 200 for name in sizes if name.startswith("step_"))


def test_with_a_held_out_part_both_are_there(with_dev, csv_files):
    evaluation, dev, results = predictions(with_dev), predictions(with_dev, "predictions_dev.parquet"), read(with_dev)
    epochs = results["metrics"]["per_epoch"]
    named = [f"step_{entry['step']}" for entry in epochs]
    assert columns(evaluation) == columns(dev) == named
    for entry in epochs:
        assert scores_of(dev, f"step_{entry['step']}") == pytest.approx({name: entry[name] for name in STEADY})
    last = results["metrics"]["last"]
    assert scores_of(evaluation, named[-1]) == pytest.approx({name: last[name] for name in STEADY})
    (chosen,) = [entry["step"] for entry in epochs if entry["epoch"] == results["best_epoch"]]
    assert (dev["prediction"] == dev[f"step_{chosen}"]).all()
    assert (evaluation["prediction"] == evaluation[f"step_{chosen}"]).all()
    train = pandas.read_csv(csv_files["train_file"])
    names = sorted(train["label"].unique().tolist())
    assert [names[label] for label in dev["label"]] == train["label"].iloc[dev["id"]].tolist()
    assert len(dev) == round(0.25 * len(train))


def test_the_log_has_the_scores_of_each_epoch_on_the_evaluation_split(with_dev):
    log = json.loads((with_dev / "trainer_state.json").read_text())["log_history"]
    frame = predictions(with_dev)
    for column in columns(frame):
        found = scores_at(log, int(column.removeprefix("step_")))
        assert scores_of(frame, column) == pytest.approx({name: found[f"scored_{name}"] for name in STEADY})


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
@pytest.mark.parametrize("more", [{}, DEV], ids=["best_eval", "dev"])
def test_interruption_loses_no_epoch(settings, with_checkpoints, with_dev, tmp_path, epochs, more):
    whole = with_dev if more else with_checkpoints
    steps = read(whole)["metrics"]["per_epoch"][0]["step"]
    folder = rewind(whole, tmp_path / "run", epochs * steps / STEPS)
    run_with(settings, output_dir=str(folder), **more)
    for name in ("predictions.parquet", "predictions_dev.parquet")[: 1 + bool(more)]:
        one, other = predictions(folder, name), predictions(whole, name)
        assert one.drop(columns="logits", errors="ignore").equals(other.drop(columns="logits", errors="ignore"))


def test_checkpoint_without_classes_goes_on(settings, with_checkpoints, tmp_path):
    """As those of earlier versions are: the epochs before it are missing, and nothing else."""
    from healbert.healing.checkpoints import write_manifest

    folder = rewind(with_checkpoints, tmp_path / "run", 2)
    for checkpoint in folder.glob("checkpoint-*"):
        (checkpoint / FILE).unlink()
        write_manifest(checkpoint)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{2 * STEPS}"
    assert results["metrics"] == read(with_checkpoints)["metrics"]
    assert columns(predictions(folder)) == [f"step_{3 * STEPS}", f"step_{4 * STEPS}"]


def test_overwriting_removes_what_the_held_out_part_left(settings, with_dev, tmp_path):
    folder = shutil.copytree(with_dev, tmp_path / "run")
    run_with(settings, output_dir=str(folder), overwrite_output_dir=True, num_train_epochs=1)
    assert not (folder / "predictions_dev.parquet").exists()


@pytest.mark.parametrize(
    "found, kept",
    [([1, 0, 2], True), ([0.5, 1.0, 2.0], True), ([[0, 1], [1, 1]], True), ([True, False], False), (["a"], False)],
    ids=["classes", "scores", "sets of labels", "answers", "words"],
)
def test_all_numbers_are_kept(found, kept, tmp_path):
    predicted = PredictedClasses(np.asarray)
    predicted.keep("eval", 10, found)
    predicted.keep("eval", 9, found)
    predicted.write(tmp_path)
    again = PredictedClasses(np.asarray)
    again.read(tmp_path)
    read_back = {step: classes.tolist() for step, classes in again.of("eval").items()}
    assert read_back == ({9: found, 10: found} if kept else {})
    assert list(read_back) == sorted(read_back) and not again.of("scored")
    assert not PredictedClasses().of("eval")
