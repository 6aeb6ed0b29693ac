"""Evaluations within epochs: where they are, what they leave alone, and that an interruption changes nothing."""

import shutil

import pytest
from helpers.runs import EPOCHS, STEPS, read, run_with, same_outcome

from healbert import make_arguments
from healbert.healing.trainer import HealingTrainer

EVERY = {"eval_strategy": "steps", "eval_steps": 5}
EVALUATED = [5, 10, 12, 15, 20, 24, 25, 30, 35, 36, 40, 45, 48]  # every five steps, and after each epoch of twelve
SCORES = ("f1_weighted", "accuracy", "f1_macro", "loss")


@pytest.fixture(scope="module")
def within(settings, tmp_path_factory):
    """The folder of a run that is evaluated every five steps, and a copy of it after each checkpoint."""
    root, keep = tmp_path_factory.mktemp("within"), HealingTrainer._save_checkpoint

    def save(self, *args):
        keep(self, *args)
        shutil.copytree(root / "run", root / f"killed-{self.state.global_step}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HealingTrainer, "_save_checkpoint", save)
        run_with(settings, output_dir=str(root / "run"), **EVERY)
    return root / "run"


def test_a_run_is_evaluated_every_so_many_steps_and_after_each_epoch(within, run):
    found, by_epoch = read(within)["metrics"]["per_epoch"], read(run)["metrics"]["per_epoch"]
    assert [entry["step"] for entry in found] == EVALUATED
    assert [entry["epoch"] for entry in found] == pytest.approx([step / STEPS for step in EVALUATED])
    ends = [entry for entry in found if entry["step"] % STEPS == 0]
    for name in SCORES:  # training was the same
        assert [entry[name] for entry in ends] == [entry[name] for entry in by_epoch]


def test_the_best_of_all_evaluations_is_chosen(within):
    results = read(within)
    found, name = results["metrics"]["per_epoch"], "f1_weighted"
    best = max(found, key=lambda entry: entry[name])  # the first of equals
    assert results["best_epoch"] == best["epoch"]
    assert {name: results["metrics"]["healed"][name] for name in SCORES} == {name: best[name] for name in SCORES}
    assert results["metrics"]["last"] == {name: found[-1][name] for name in SCORES}


def test_the_loss_is_the_mean_since_the_evaluation_before(within, run):
    found, by_epoch = (read(folder)["metrics"]["per_epoch"] for folder in (within, run))
    steps = [after - before for before, after in zip([0, *EVALUATED], EVALUATED, strict=False)]
    for number, entry in enumerate(by_epoch):
        parts = [i for i, step in enumerate(EVALUATED) if number * STEPS < step <= (number + 1) * STEPS]
        mean = sum(found[i]["train_loss"] * steps[i] for i in parts) / STEPS
        assert mean == pytest.approx(entry["train_loss"], rel=1e-3)


@pytest.mark.parametrize("step", [10, 12, 25, 36])
def test_a_run_continues_within_an_epoch(within, settings, step):
    folder = within.parent / f"killed-{step}"
    assert run_with(settings, output_dir=str(folder), **EVERY)["resumed_from"] == f"checkpoint-{step}"
    assert same_outcome(folder, within)


def test_a_run_that_ends_within_an_epoch_is_scored_at_its_end(settings, tmp_path):
    results = run_with(settings, output_dir=str(tmp_path / "run"), max_steps=14, **EVERY)
    assert [entry["step"] for entry in results["metrics"]["per_epoch"]] == [5, 10, 12, 14]


def test_longer_counts_epochs(settings, tmp_path):
    more = {"healing": "longer", "healing_options": "patience=2,max_epochs=30", "learning_rate": 1e-8}
    results = run_with(settings, **more | EVERY, num_train_epochs=2, output_dir=str(tmp_path / "run"))
    ends = [entry["f1_weighted"] for entry in results["metrics"]["per_epoch"] if entry["step"] % STEPS == 0]
    assert len(ends) == max(2, ends.index(max(ends)) + 1 + 2) < 30


def test_a_share_of_the_steps(settings, tmp_path):
    more = {"eval_strategy": "steps", "eval_steps": 0.25, "num_train_epochs": 2}
    results = run_with(settings, output_dir=str(tmp_path / "run"), **more)
    assert [entry["step"] for entry in results["metrics"]["per_epoch"]] == [6, 12, 18, 24]


def test_it_is_part_of_what_a_run_is(settings):
    def name(**more):
        return make_arguments(**settings | more).name()

    plain = name()
    assert name(eval_steps=5) == name(save_steps=5) == plain, "without --eval_strategy steps neither means anything"
    assert len({plain, name(**EVERY), name(eval_strategy="steps", eval_steps=6)}) == 3
    assert name(**EVERY, save_steps=5, save_strategy="steps") == name(**EVERY)
    assert EVALUATED[-1] == EPOCHS * STEPS


def test_logging_by_steps_leaves_the_loss_of_an_epoch_whole(settings, run, tmp_path):
    results = run_with(settings, output_dir=str(tmp_path / "run"), logging_strategy="steps", logging_steps=5)
    found, plain = (of["metrics"]["per_epoch"] for of in (results, read(run)))
    assert [entry["train_loss"] for entry in found] == pytest.approx([entry["train_loss"] for entry in plain], rel=1e-4)
    assert [entry["f1_weighted"] for entry in found] == [entry["f1_weighted"] for entry in plain]
