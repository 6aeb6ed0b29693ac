"""A run that was interrupted ends as an undisturbed one does, whatever heals it: figures, weights, what it cost."""

import pathlib

import pytest
import torch
from helpers.runs import STEPS, logits, read, rewind, run_with
from safetensors.torch import load_file

EPOCHS = 3  # of 12 steps

# --healing, its options -> after how many epochs the kill comes. What happens in steps happens on either side of it.
CASES = {
    ("damaged_only", None): 2,
    ("bias_only", None): 1,
    ("lora", "rank=4,dropout=0.2"): 1,
    ("lora", "rank=4,keep=adapter"): 2,
    ("dora", "rank=4"): 2,
    ("layerwise_decay", None): 1,
    ("damaged_rate", None): 1,
    ("gradual_unfreezing", "every=5"): 1,
    ("gradual_unfreezing", "every=6,from=damaged"): 2,
    ("two_phase", "share=0.5"): 1,
    ("two_phase", "share=0.2"): 1,
    ("mixout", "of=all"): 1,
    ("l2_to_start", "strength=0.5"): 2,
    ("longer", "patience=1,max_epochs=9"): 1,
    ("lora,damaged_only,gradual_unfreezing", "gradual_unfreezing.every=7"): 1,
    ("layerwise_decay,mixout,two_phase", "two_phase.share=0.5"): 1,
    ("linear_probe,longer", "longer.max_epochs=4"): 1,
}


@pytest.fixture
def settings(run_flags):
    more = {"save_model": True, "save_total_limit": 20, "disable_tqdm": True, "num_train_epochs": EPOCHS}
    return run_flags | more


def same(folder, other):
    one, two = read(folder), read(other)
    for part in ("metrics", "best_epoch", "status"):
        assert one[part] == two[part]
    assert {**one["healing"], "seconds_per_step": 0} == {**two["healing"], "seconds_per_step": 0}
    assert (logits(folder) == logits(other)).all()
    weights = [load_file(pathlib.Path(place) / "model.safetensors") for place in (folder, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0].keys() | weights[1].keys())
    return True


@pytest.mark.parametrize("healing, options", CASES, ids=str)
def test_interrupted_run_ends_as_an_undisturbed_one(settings, tmp_path, healing, options):
    settings |= {"healing": healing, "healing_options": options}
    run_with(settings)
    folder, epochs = tmp_path / "again", CASES[healing, options]
    rewind(tmp_path / "run", folder, epochs)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert same(folder, tmp_path / "run")


def test_run_that_was_killed_after_its_last_epoch_trains_no_further(settings, tmp_path):
    settings |= {"healing": "longer", "healing_options": "patience=1,max_epochs=9", "learning_rate": 1e-8}
    epochs = len(run_with(settings)["metrics"]["per_epoch"])
    folder = rewind(tmp_path / "run", tmp_path / "again", epochs)
    results = run_with(settings, output_dir=str(folder))
    assert epochs < 9 and results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert results["healing"]["seconds_per_step"] is None
    assert same(folder, tmp_path / "run")
