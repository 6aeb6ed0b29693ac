"""A run that was interrupted ends as an undisturbed one does, whatever heals it: figures, weights, what it cost."""

import pathlib

import pytest
import torch
from helpers.runs import STEPS, logits, read, rewind, run_with
from safetensors.torch import load_file

from healbert.healing.strategies import STRATEGIES

# --healing and its options. The kill comes after the first epoch; what happens in steps happens on either side of it.
CASES = (
    *((healing, None) for healing in ("damaged_only", "intact_only", "norms_only", "bias_only", "damaged_rate")),
    ("lora", "rank=4,dropout=0.2"),
    ("lora", "rank=4,keep=adapter"),
    ("dora", "rank=4"),
    ("layerwise_decay", None),
    ("gradual_unfreezing", "every=5"),
    ("gradual_unfreezing", "every=4,from=damaged"),
    ("two_phase", "share=0.5"),
    ("two_phase", "share=0.8"),
    ("mixout", "of=all"),
    ("l2_to_start", "strength=0.5"),
    ("longer", "patience=1,max_epochs=9"),
    ("lora,damaged_only,gradual_unfreezing", "gradual_unfreezing.every=6"),
    ("layerwise_decay,mixout,two_phase", "two_phase.share=0.7"),
    ("linear_probe,longer", "longer.max_epochs=4"),
    ("distill", None),
    ("distill", "of=hidden,teacher=pretrained,distance=cosine"),
    ("distill,lora", "lora.keep=adapter,distill.of=hidden"),
    ("continued_pretraining", "text_epochs=2"),
)
READS_TEXT = ("continued_pretraining",)


@pytest.fixture
def settings(run_flags):
    more = {"save_model": True, "save_total_limit": 20, "disable_tqdm": True, "num_train_epochs": 2}
    return run_flags | more


def without_times(healing):
    text = {"text": {**healing["text"], "seconds": 0}} if "text" in healing else {}
    return {**healing, "seconds_per_step": 0} | text


def same(folder, other):
    one, two = read(folder), read(other)
    for part in ("metrics", "best_epoch", "status"):
        assert one[part] == two[part]
    assert without_times(one["healing"]) == without_times(two["healing"])
    assert (logits(folder) == logits(other)).all()
    weights = [load_file(pathlib.Path(place) / "model.safetensors") for place in (folder, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0].keys() | weights[1].keys())
    return True


@pytest.mark.slow
@pytest.mark.parametrize("healing, options", CASES, ids=str)
def test_interrupted_run_ends_as_an_undisturbed_one(settings, text_file, tmp_path, healing, options):
    settings |= {"healing": healing, "healing_options": options}
    settings |= {"heal_text": text_file} if healing in READS_TEXT else {}
    run_with(settings)
    folder = rewind(tmp_path / "run", tmp_path / "again", 1)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{STEPS}"
    assert same(folder, tmp_path / "run")


def test_every_strategy_is_tried_above():
    tried = {name for healing, _ in CASES for name in healing.split(",")}
    assert set(STRATEGIES) - {"full"} <= tried, "full is tried by tests/experiment/test_resuming.py"


def test_run_that_was_killed_after_its_last_epoch_trains_no_further(settings, tmp_path):
    settings |= {"healing": "longer", "healing_options": "patience=1,max_epochs=9", "learning_rate": 1e-8}
    epochs = len(run_with(settings)["metrics"]["per_epoch"])
    folder = rewind(tmp_path / "run", tmp_path / "again", epochs)
    results = run_with(settings, output_dir=str(folder))
    assert epochs < 9 and results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert results["healing"]["seconds_per_step"] is None
    assert same(folder, tmp_path / "run")
