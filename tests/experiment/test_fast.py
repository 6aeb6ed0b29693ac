"""Whole runs with fast paths: the scores of a run without, the whole vocabulary saved, restarts that change nothing."""

import pathlib

import numpy as np
import pytest
import torch
from helpers.runs import logits, read, run_with
from helpers.small import save_tiny_bert
from safetensors.torch import load_file

from healbert.healing.fast import FAST_PATHS
from healbert.utils.errors import UserError

EMBEDDING = "bert.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def sober(settings, tmp_path_factory):
    """Settings of a run without dropout, of two epochs."""
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    folder = save_tiny_bert(tmp_path_factory.mktemp("model") / "sober", **off)
    return settings | {"model_name_or_path": folder, "num_train_epochs": 2, "save_model": True}


@pytest.fixture(scope="module")
def runs(sober, tmp_path_factory):
    """Folders of a run without fast paths, and of one with all."""
    folder = tmp_path_factory.mktemp("runs")
    return [_run(sober, folder / name, fast_paths=name) for name in ("none", "all")]


def _run(settings, folder, **more):
    run_with(settings, output_dir=str(folder), **more)
    return folder


def test_without_dropout_scores_and_weights_are_the_same(runs):
    plain, fast = map(read, runs)
    assert fast["healing"]["fast_paths"] == {"used": list(FAST_PATHS), "not_used": {}}
    assert plain["healing"]["fast_paths"] == {"used": [], "not_used": {}}
    assert fast["healing"]["optimizer_bytes"] < plain["healing"]["optimizer_bytes"]
    assert fast["healing"]["trainable_parameters"] == plain["healing"]["trainable_parameters"]
    np.testing.assert_allclose(logits(runs[1]), logits(runs[0]), rtol=1e-3, atol=1e-4)
    for one, other in zip(fast["metrics"]["per_epoch"], plain["metrics"]["per_epoch"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert one["f1_weighted"] == pytest.approx(other["f1_weighted"], abs=1e-9)


def test_those_that_are_named_are_used_and_no_others(settings, tmp_path):
    former = ["clipping", "packed", "vocabulary"]  # the default before dropout's draw belonged to it
    default, named, plain = (
        read(_run(settings, tmp_path / name, num_train_epochs=2, **more))
        for name, more in {
            "default": {},
            "named": {"fast_paths": ",".join(former)},
            "plain": {"fast_paths": "none"},
        }.items()
    )
    assert named["healing"]["fast_paths"] == {"used": former, "not_used": {}}
    assert default["healing"]["fast_paths"]["used"] == list(FAST_PATHS)
    losses = [found["metrics"]["per_epoch"][0]["loss"] for found in (default, named, plain)]
    assert len(set(losses)) == 3, "packed texts and another draw each give dropout other elements"


def test_the_saved_model_has_every_row(runs, sober):
    before = load_file(f"{sober['model_name_or_path']}/model.safetensors")[EMBEDDING.removeprefix("bert.")]
    plain, fast = (load_file(folder / "model.safetensors") for folder in runs)
    assert fast[EMBEDDING].shape == before.shape
    still = (plain[EMBEDDING] == before).all(1)
    assert 10 < still.sum() < len(still)
    assert torch.equal(fast[EMBEDDING][still], before[still])
    assert {name: value.shape for name, value in fast.items()} == {name: value.shape for name, value in plain.items()}
    checkpoint = next(runs[1].glob("checkpoint-*"))
    assert load_file(checkpoint / "model.safetensors")[EMBEDDING].shape == before.shape
    config = pathlib.Path(runs[1] / "config.json").read_text()
    assert config == pathlib.Path(runs[0] / "config.json").read_text()


def test_a_checkpoint_of_other_fast_paths_is_refused(runs, sober, tmp_path):
    checkpoint = min(runs[0].glob("checkpoint-*"))
    with pytest.raises(UserError, match="was written with other --fast_paths"):
        run_with(sober, output_dir=str(tmp_path), resume_from_checkpoint=str(checkpoint), num_train_epochs=3)


def test_a_linear_probe_is_the_same_to_the_last_bit(settings, tmp_path):
    probe = settings | {"healing": "linear_probe", "num_train_epochs": 2}
    plain, fast = (_run(probe, tmp_path / name, fast_paths=name) for name in ("none", "all"))
    assert np.array_equal(logits(plain), logits(fast))
    assert read(plain)["metrics"] == read(fast)["metrics"]


STRATEGIES = {
    "lora": ({}, {"vocabulary": "the embedding does not train"}),
    "mixout": ({}, {}),
    "gradual_unfreezing": ({"healing_options": "every=3"}, {}),
    "l2_to_start": ({}, {"vocabulary": "the penalty is of whole embeddings"}),
    "damaged_only": (
        {"reuse_frozen": True, "corrupt_region": "top"},
        {"packed": "frozen layers keep their states by position", "vocabulary": "the embedding does not train"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("healing", STRATEGIES)
def test_strategies_score_without_dropout_what_they_do_without_fast_paths(healing, sober, tmp_path):
    more, not_used = STRATEGIES[healing]
    plain, fast = (
        _run(sober, tmp_path / name, fast_paths=name, healing=healing, save_model=False, **more)
        for name in ("none", "all")
    )
    assert read(fast)["healing"]["fast_paths"]["not_used"] == not_used
    np.testing.assert_allclose(logits(fast), logits(plain), rtol=1e-3, atol=1e-4)
