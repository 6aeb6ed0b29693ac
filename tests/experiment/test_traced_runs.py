"""Runs that trace their healing: the same figures as without, the same trace after an interruption."""

import json
import shutil
import signal

import numpy as np
import pytest
from helpers.runs import EPOCHS, STEPS, interrupt, logits, read, run_with, same_outcome
from PIL import Image

from healbert import UserError, make_arguments
from healbert.healing.trainer import HealingTrainer
from healbert.results.validation import fault

TRACED = {"trace_healing": True, "trace_samples": 20}


@pytest.fixture(scope="module")
def traced(settings, tmp_path_factory):
    """The folder of a traced run, and beside it a copy of it after each checkpoint."""
    root, keep = tmp_path_factory.mktemp("traced"), HealingTrainer._save_checkpoint

    def save(self, *args):
        keep(self, *args)
        shutil.copytree(root / "run", root / f"killed-{self.state.global_step}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HealingTrainer, "_save_checkpoint", save)
        run_with(settings, output_dir=str(root / "run"), **TRACED)
    return root / "run"


def test_the_figures_are_those_of_a_run_that_is_not_traced(traced, run):
    assert same_outcome(traced, run)
    assert "trace" not in read(run) and not (run / "trace.png").exists()


def test_each_evaluation_has_an_entry(traced):
    results = read(traced)
    trace, best = results["trace"], results["best_epoch"]
    found = [(entry["stage"], entry["epoch"], entry["step"]) for entry in trace["entries"]]
    epochs = [("epoch", float(number), number * STEPS) for number in range(1, EPOCHS + 1)]
    assert found == [("damaged", 0, 0), *epochs, ("healed", best, best * STEPS)]
    assert trace["examples"] == 20 and trace["references"] == ["damaged", "pretrained"]
    assert trace["layers"] == [0, 1, 2, 3, 4] and trace["no_attention"] is None
    chosen, healed = trace["entries"][int(best)], trace["entries"][-1]
    for kind in ("distance", "cosine", "cka", "attention_entropy"):
        assert chosen[kind] == healed[kind], "the healed model is that of the chosen epoch"
    assert fault(results) is None


def test_the_healed_figures_are_those_of_the_saved_model(settings, tmp_path):
    from transformers import AutoModel

    run_with(settings, output_dir=str(tmp_path / "run"), save_model=True, **TRACED)
    before = AutoModel.from_pretrained(settings["model_name_or_path"]).state_dict()
    after = AutoModel.from_pretrained(tmp_path / "run").state_dict()
    own = [name for name in before if name.startswith("encoder.layer.3.")]
    now, then = (np.concatenate([state[name].numpy().ravel() for name in own]) for state in (after, before))
    found = read(tmp_path / "run")["trace"]["entries"][-1]["distance"]["pretrained"]["all"][4]
    assert found == pytest.approx(np.linalg.norm(now - then) / np.linalg.norm(then), rel=1e-4)
    assert found > 0


def test_the_picture_is_there(traced):
    with Image.open(traced / "trace.png") as picture:
        assert min(picture.size) > 500 and len(picture.convert("RGB").getcolors(1 << 20)) > 10


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
def test_a_run_that_is_taken_up_has_the_trace_of_an_undisturbed_one(traced, settings, epochs):
    folder = traced.parent / f"killed-{epochs * STEPS}"
    assert run_with(settings, output_dir=str(folder), **TRACED)["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert same_outcome(folder, traced)
    assert read(folder)["trace"] == read(traced)["trace"]


@pytest.mark.slow
def test_a_killed_process_loses_nothing_of_the_trace(traced, settings, tmp_path):
    status, errors = interrupt(settings | TRACED, tmp_path / "run", signal.SIGKILL)
    assert status == -9, errors
    assert run_with(settings, output_dir=str(tmp_path / "run"), **TRACED)["resumed_from"]
    assert read(tmp_path / "run")["trace"] == read(traced)["trace"]


def test_evaluations_within_epochs_have_entries_too(settings, tmp_path):
    more = {"eval_strategy": "steps", "eval_steps": 8, "num_train_epochs": 1}
    trace = run_with(settings, output_dir=str(tmp_path / "run"), **TRACED, **more)["trace"]
    assert [entry["step"] for entry in trace["entries"][:-1]] == [0, 8, 12]


FROZEN = {"healing": "intact_only", "corrupt_embeddings": True, "reuse_frozen": True}


@pytest.mark.parametrize("healing", ["linear_probe", "lora", "mixout", "intact_only"])
def test_other_strategies_are_traced_and_come_out_the_same(settings, tmp_path, healing):
    if healing == "lora":
        pytest.importorskip("peft")
    more = {"healing": healing, "num_train_epochs": 1} | (FROZEN if healing == "intact_only" else {})
    plain = run_with(settings, output_dir=str(tmp_path / "plain"), **more)
    found = run_with(settings, output_dir=str(tmp_path / "run"), **more, **TRACED)
    assert found["metrics"] == plain["metrics"]
    assert (logits(tmp_path / "run") == logits(tmp_path / "plain")).all()
    still = set(found["trace"]["entries"][-1]["distance"]["damaged"]["all"]) == {0}
    assert still == (healing == "linear_probe")


def test_an_intact_run_is_a_reference(settings, tmp_path):
    once = settings | {"num_train_epochs": 1}
    run_with(once, output_dir=str(tmp_path / "intact"), corrupt_level=0, save_model=True)
    reference = {"trace_reference": str(tmp_path / "intact")}
    trace = run_with(once, output_dir=str(tmp_path / "run"), **TRACED, **reference)["trace"]
    assert trace["references"] == ["damaged", "pretrained", "intact"]
    again = run_with(once, output_dir=str(tmp_path / "again"), corrupt_level=0, **TRACED, **reference)["trace"]
    assert again["entries"][-1]["distance"]["intact"]["all"] == [0] * 5
    plain = make_arguments(**once, **TRACED).name()
    moved = shutil.copytree(tmp_path / "intact", tmp_path / "elsewhere" / "intact")
    named = [
        make_arguments(**once, **TRACED, trace_reference=str(place)).name() for place in (tmp_path / "intact", moved)
    ]
    assert named[0] == named[1] != plain, "it counts by its content"


def test_what_cannot_be_a_reference_is_refused(settings, run, tmp_path):
    with pytest.raises(UserError, match=r"is of a damaged run \(bottom 50%\); name the folder of an intact one"):
        run_with(settings, **TRACED, trace_reference=str(run), output_dir=str(tmp_path / "run"))
    outside = json.dumps([{"components": "embeddings", "seed": seed} for seed in (1, 2)])
    other = tmp_path / "outside"
    once = settings | {"num_train_epochs": 1, "corrupt_level": None, "save_model": True}
    run_with(once, corruptions=outside, output_dir=str(other))
    with pytest.raises(UserError, match=r"is of a damaged run \(several damages\)"):
        run_with(settings, **TRACED, trace_reference=str(other), output_dir=str(tmp_path / "run"))
    with pytest.raises(UserError, match="does not exist"):
        run_with(settings, **TRACED, trace_reference="./missing", output_dir=str(tmp_path / "run"))
    with pytest.raises(UserError, match="--trace_reference goes with --trace_healing"):
        make_arguments(**settings, trace_reference=str(run))
    with pytest.raises(UserError, match="--trace_samples 3 is too small; use 4 or more"):
        make_arguments(**settings, trace_healing=True, trace_samples=3)
    assert not (tmp_path / "run").exists()


def test_a_traced_run_is_named_for_it_and_others_are_not(settings):
    names = [make_arguments(**settings, **more).name() for more in ({}, {"trace_samples": 9}, TRACED)]
    assert names[0] == names[1] != names[2]
