"""Runs whose damage is matched to a severity, and what a damage changes before healing, against the predictions."""

import copy
import pathlib

import numpy as np
import pytest
import torch
from helpers.runs import logits, read, run_with, same_outcome
from helpers.small import make_rows, write_csv
from scipy.special import rel_entr, softmax
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import CorruptionSpec, corrupt, make_arguments
from healbert.utils.errors import UserError

KL = "kl=3e-4"  # much, to a model whose best epoch is the first that sets its classes apart


@pytest.fixture(scope="module")
def healthy(settings, tmp_path_factory):
    """Settings of runs that start from a model which knows the task, with its head."""
    folder = tmp_path_factory.mktemp("healthy") / "run"
    texts = write_csv(folder.parent / "texts.csv", make_rows(480, seed=1))
    more = {"train_file": texts, "learning_rate": 3e-3, "num_train_epochs": 4, "corrupt_level": 0, "fast_paths": "none"}
    score = run_with(settings, output_dir=str(folder), save_model=True, **more)["metrics"]["healed"]
    assert score["f1_weighted"] > 0.9
    return settings | {
        "fast_paths": "none",
        "model_name_or_path": str(folder),
        "num_train_epochs": 1,
        "corrupt_level": 1,
        "corrupt_method": "interpolate",
    }


def answers(healthy, spec=None):
    """Logits of the evaluation examples, one at a time, by the model as it is or damaged by ``spec``."""
    import pandas

    model = AutoModelForSequenceClassification.from_pretrained(healthy["model_name_or_path"]).eval()
    if spec:
        corrupt(model, spec)
    tokenizer = AutoTokenizer.from_pretrained(healthy["model_name_or_path"])
    texts = pandas.read_csv(healthy["validation_file"])["text"]
    with torch.no_grad():
        return np.stack([model(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in texts])


def kl_of(intact, damaged):
    return rel_entr(*(softmax(values.astype(float), axis=-1) for values in (intact, damaged))).sum(-1).mean()


def spec_of(found):
    return CorruptionSpec(level=1, method="interpolate", strength=found["severity"]["strength"])


def test_kl_is_reached(healthy, tmp_path):
    results = run_with(healthy, output_dir=str(tmp_path / "run"), match_severity=KL)
    found = results["corruption"]
    assert found["severity"] == {"metric": "kl", "target": 3e-4, "within": 0.02, **_rest(found)}
    assert found["severity"]["reached"] == pytest.approx(3e-4, rel=0.02)
    intact, damaged = answers(healthy), answers(healthy, spec_of(found))
    assert kl_of(intact, damaged) == pytest.approx(found["severity"]["reached"], rel=1e-3)
    change = found["change"]
    assert change["kl"] == pytest.approx(found["severity"]["reached"], rel=1e-6)
    assert change["predictions_changed"] == (intact.argmax(1) != damaged.argmax(1)).mean()
    assert change["damaged"] == {name: results["metrics"]["damaged"][name] for name in ("f1_weighted", "loss")}
    assert change["intact"]["f1_weighted"] > 0.9 and change["intact"]["loss"] < change["damaged"]["loss"]
    assert read(tmp_path / "run")["corruption"] == found
    receipt = read(tmp_path / "run", "corruption.json")
    assert receipt["summary"]["change"] == change and receipt["summary"]["severity"] == found["severity"]


def _rest(found):
    return {name: found["severity"][name] for name in ("reached", "strength", "tries")}


def test_it_is_the_run_with_the_strength_that_was_found(healthy, tmp_path):
    one = run_with(healthy, output_dir=str(tmp_path / "one"), match_severity=KL)
    strength = one["corruption"]["severity"]["strength"]
    run_with(healthy, output_dir=str(tmp_path / "other"), corrupt_strength=strength)
    tensors = [read(tmp_path / name, "corruption.json")["tensors"] for name in ("one", "other")]
    assert tensors[0] == tensors[1]
    assert same_outcome(tmp_path / "one", tmp_path / "other")
    assert "change" not in read(tmp_path / "other")["corruption"]


def test_a_fall_of_the_score_that_42_examples_can_show(healthy, tmp_path):
    """A step of the score is 1 of 42 examples: what is asked for is what some strength gives."""
    some = run_with(healthy, output_dir=str(tmp_path / "some"), corrupt_strength=0.3, measure_damage=True)
    change = some["corruption"]["change"]
    drop = change["intact"]["f1_weighted"] - change["damaged"]["f1_weighted"]
    assert drop > 0.05, "this strength should hurt"
    found = run_with(healthy, output_dir=str(tmp_path / "run"), match_severity=f"f1_drop={drop}")["corruption"]
    reached = found["change"]["intact"]["f1_weighted"] - found["change"]["damaged"]["f1_weighted"]
    assert found["severity"]["reached"] == reached == pytest.approx(drop, rel=0.02)


def test_out_of_reach_is_an_error_and_leaves_no_folder(healthy, tmp_path):
    with pytest.raises(UserError, match="f1_drop=3 cannot be reached: the nearest that interpolate comes is"):
        run_with(healthy, output_dir=str(tmp_path / "run"), match_severity="f1_drop=3")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("healing, selection", [("full", "best_eval"), ("linear_probe", "dev")])
def test_measuring_shifts_no_draw(settings, tmp_path, healing, selection):
    """A new head, dropout and the batches' order are drawn as without it."""
    settings = settings | {"num_train_epochs": 1, "healing": healing, "selection": selection, "dev_fraction": 0.3}
    run_with(settings, output_dir=str(tmp_path / "plain"))
    run_with(settings, output_dir=str(tmp_path / "measured"), measure_damage=True)
    run_with(
        settings,
        output_dir=str(tmp_path / "scale"),
        corrupt_method="scale",
        match_severity="l2=0.9",
        measure_damage=True,
    )
    assert same_outcome(tmp_path / "plain", tmp_path / "measured")
    plain, measured = (read(tmp_path / name) for name in ("plain", "measured"))
    assert measured["corruption"]["change"]["damaged"]["loss"] == plain["metrics"]["damaged"]["loss"]
    assert "change" not in plain["corruption"]
    folder = tmp_path / "strength"
    strength = read(tmp_path / "scale")["corruption"]["severity"]["strength"]
    run_with(settings, output_dir=str(folder), corrupt_method="scale", corrupt_strength=strength)
    assert same_outcome(folder, tmp_path / "scale")


def test_the_intact_score_is_that_of_the_intact_run(settings, tmp_path):
    more = {"num_train_epochs": 1, "output_dir": str(tmp_path / "intact"), "corrupt_level": 0}
    intact = run_with(settings, **more)["metrics"]["damaged"]
    more = {"num_train_epochs": 1, "output_dir": str(tmp_path / "hurt"), "measure_damage": True}
    change = run_with(settings, **more)["corruption"]["change"]
    assert change["intact"] == {name: intact[name] for name in ("f1_weighted", "loss")}


def test_a_level_of_0_makes_both_flags_idle(settings, tmp_path):
    plain = settings | {"corrupt_level": 0, "num_train_epochs": 1}
    both = plain | {"match_severity": "l2=1", "corrupt_method": "scale", "measure_damage": True}
    names = {make_arguments(**flags, output_dir="x").name() for flags in (plain, both)}
    assert len(names) == 1
    run_with(plain, output_dir=str(tmp_path / "plain"))
    results = run_with(both, output_dir=str(tmp_path / "run"))
    assert same_outcome(tmp_path / "plain", tmp_path / "run")
    assert not {"severity", "change"} & set(results["corruption"])


def test_the_same_command_again_reports_the_run(healthy, tmp_path):
    one, other = (
        run_with(copy.copy(healthy), output_dir=str(tmp_path / "run"), match_severity="l2=0.3") for _ in range(2)
    )
    assert one["corruption"] == other["corruption"] and one["timing"] == other["timing"]
    assert len(logits(tmp_path / "run")) == 42 and pathlib.Path(tmp_path / "run").is_dir()


def test_a_kill_after_the_damage_gives_the_same_figures(healthy, tmp_path):
    folder = tmp_path / "run"
    run_with(healthy, output_dir=str(folder), match_severity=KL)
    whole = read(folder)
    for name in ("results.json", "predictions.parquet", "trainer_state.json"):
        (folder / name).unlink()
    again = run_with(healthy, output_dir=str(folder), match_severity=KL)
    assert again["corruption"] == whole["corruption"] and again["metrics"] == whole["metrics"]
