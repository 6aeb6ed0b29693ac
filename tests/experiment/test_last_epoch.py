"""The last epoch's score on the evaluation split, whichever epoch was chosen and however often the run was resumed."""

import numpy as np
import pytest
from helpers.runs import METRICS, STEPS, predictions, read, rewind, run_with

# A rate so high that scores go up and down: the best epoch on the held-out part, the fourth, is not the last.
LAST = 5
UNSTEADY = {"learning_rate": 0.005, "lr_scheduler_type": "constant", "corrupt_level": 0, "seed": 1}
UNSTEADY |= {"num_train_epochs": LAST, "fast_paths": "none"}  # other sums are unsteady at other rates
DEV = {"selection": "dev", "dev_fraction": 0.25}


@pytest.fixture(scope="module")
def unsteady(settings, tmp_path_factory):
    """A run that chose an earlier epoch on a held-out part, with the checkpoints of all epochs."""
    folder = tmp_path_factory.mktemp("runs") / "unsteady"
    run_with(settings, output_dir=str(folder), save_model=True, save_total_limit=LAST, **UNSTEADY | DEV)
    return folder


@pytest.fixture(scope="module")
def steps(unsteady):
    """Steps of an epoch: 72 examples are left in train."""
    return read(unsteady)["metrics"]["per_epoch"][0]["step"]


def score_of_checkpoint(settings, checkpoint, tmp_path):
    """What a checkpoint's weights score on the evaluation split: a run from them that learns nothing."""
    folder = tmp_path / "still"
    more = {"model_name_or_path": str(checkpoint), "learning_rate": 0, "num_train_epochs": 1, "corrupt_level": 0}
    return run_with(settings, output_dir=str(folder), **more)["metrics"]["healed"]


def test_earlier_epoch_chosen_on_a_held_out_part(settings, unsteady, steps, tmp_path):
    results = read(unsteady)
    metrics = results["metrics"]
    assert results["best_epoch"] < LAST, "these settings should be unsteady"
    assert set(metrics["last"]) == set(METRICS) and metrics["last"] != metrics["healed"]
    expected = score_of_checkpoint(settings, unsteady / f"checkpoint-{LAST * steps}", tmp_path)
    assert metrics["last"] == pytest.approx(expected, abs=1e-6)


def test_scoring_each_epoch_changes_nothing_else(settings, unsteady, tmp_path, monkeypatch):
    from healbert.healing.trainer import HealingTrainer

    make = HealingTrainer.__init__
    monkeypatch.setattr(
        HealingTrainer, "__init__", lambda self, *a, scored_dataset=None, **k: make(self, *a, scored_dataset=None, **k)
    )
    without = run_with(settings, output_dir=str(tmp_path / "run"), **UNSTEADY | DEV)["metrics"]
    known = read(unsteady)["metrics"]
    assert without["last"] is None
    assert {name: known[name] for name in known if name != "last"} == {
        name: without[name] for name in without if name != "last"
    }
    logits = [np.stack(predictions(folder)["logits"]) for folder in (unsteady, tmp_path / "run")]
    assert (logits[0] == logits[1]).all()


@pytest.mark.parametrize("epochs", [1, 4, 5], ids=["early", "before the last", "after the last"])
def test_resumed_run_has_the_same_last_epoch(settings, unsteady, steps, tmp_path, epochs):
    folder = rewind(unsteady, tmp_path / "run", epochs * steps / STEPS)
    results = run_with(settings, output_dir=str(folder), **UNSTEADY | DEV)
    assert results["resumed_from"] == f"checkpoint-{epochs * steps}"
    assert results["metrics"] == read(unsteady)["metrics"]


def test_chosen_epoch_that_is_the_last_is_not_scored_again(settings, tmp_path, monkeypatch):
    from healbert.healing.trainer import HealingTrainer

    asked, predict = [], HealingTrainer.predict

    def count(self, rows, **options):
        asked.append(options["metric_key_prefix"])
        return predict(self, rows, **options)

    monkeypatch.setattr(HealingTrainer, "predict", count)
    more = {"num_train_epochs": 1, **DEV}
    results = run_with(settings, output_dir=str(tmp_path / "run"), **more)
    assert results["best_epoch"] == 1 and results["metrics"]["last"] == results["metrics"]["healed"]
    assert asked == ["damaged", "scored"]  # of the chosen one, what was kept is taken


def test_without_a_held_out_part_it_is_the_last_of_the_epochs(settings, tmp_path):
    more = UNSTEADY | {"seed": 42, "num_train_epochs": 8}
    metrics = run_with(settings, output_dir=str(tmp_path / "run"), **more)["metrics"]
    assert metrics["last"] == {name: metrics["per_epoch"][-1][name] for name in METRICS}
    assert metrics["last"] != metrics["healed"]


def test_diverged_run_that_was_never_scored_has_none(settings, tmp_path):
    results = run_with(settings, output_dir=str(tmp_path / "run"), learning_rate=1e30, **DEV)
    assert results["status"] == "diverged"
    assert (results["metrics"]["last"], results["collapsed"]) == (None, None)


def test_model_that_learns_nothing_has_collapsed(settings, tmp_path):
    results = run_with(settings, output_dir=str(tmp_path / "run"), learning_rate=0, num_train_epochs=1)
    one_class = predictions(tmp_path / "run")["prediction"].nunique() == 1
    no_better = results["metrics"]["healed"]["f1_weighted"] <= results["task"]["majority"]
    assert results["collapsed"] == (one_class or no_better)
