"""Training until it no longer helps: when it ends, and what the learning rate does meanwhile."""

import types

import pytest
from helpers.runs import STEPS, read, run_with
from transformers import TrainingArguments

from healbert import UserError, make_arguments
from healbert.healing.strategies import make_strategy


def epochs_until_stop(scores, options, least=1, **settings):
    """After how many epochs with these scores it ends; None if it does not."""
    strategy = make_strategy("longer", options)
    arguments = TrainingArguments(num_train_epochs=least, metric_for_best_model="f1", use_cpu=True, **settings)
    adjusted = strategy.adjusted(arguments)
    for done in range(len(scores) + 1):
        log = [{"eval_f1": score, "eval_loss": 2.0, "epoch": float(n)} for n, score in enumerate(scores[:done], 1)]
        log = [entry for scored in log for entry in ({"loss": 1.0}, scored, {**scored, "eval_f1": 0.9, "epoch": 0.5})]
        trainer = types.SimpleNamespace(args=adjusted, state=types.SimpleNamespace(log_history=log))
        if strategy.stops(trainer):
            return done
    return None


RISES = [0.1, 0.5, 0.4, 0.6, 0.6, 0.5, 0.6, 0.7, 0.7]
CASES = {
    "patience 1": (RISES, "patience=1", 1, 3),
    "patience 2": (RISES, "patience=2", 1, 6),  # 0.6 again is not better
    "patience 3": (RISES, "patience=3", 1, 7),
    "patience 4": (RISES, "patience=4", 1, None),
    "at least so many epochs": (RISES, "patience=1", 5, 5),
    "at least, and better by then": (RISES, "patience=2", 8, None),
    "no epoch": ([], "patience=1", 1, None),
}


@pytest.mark.parametrize("scores, options, least, expected", CASES.values(), ids=CASES.keys())
def test_ends_after_so_many_epochs_without_a_better_score(scores, options, least, expected):
    assert epochs_until_stop(scores, options, least, greater_is_better=True) == expected


def test_of_a_loss_the_lower_is_better():
    assert epochs_until_stop([0.9, 0.5, 0.6, 0.7], "patience=2", greater_is_better=False) == 4
    assert epochs_until_stop([0.9, 0.5, 0.6, 0.7], "patience=2", greater_is_better=True) == 3


@pytest.fixture
def settings(run_flags):
    return run_flags | {"disable_tqdm": True, "healing": "longer", "num_train_epochs": 2}


def test_run_ends_when_its_score_no_longer_rises(settings):
    results = run_with(settings, healing_options="patience=2,max_epochs=30", learning_rate=1e-8)
    scores = [epoch["f1_weighted"] for epoch in results["metrics"]["per_epoch"]]
    best = scores.index(max(scores))
    assert len(scores) == max(2, best + 1 + 2) < 30
    assert results["best_epoch"] == best + 1 and results["healing"]["steps"] == STEPS * len(scores)
    assert results["config"]["num_train_epochs"] == 2


def test_rate_falls_over_the_most_epochs_there_may_be(settings, tmp_path):
    run_with(settings, healing_options="patience=9,max_epochs=4", learning_rate=1e-3)
    history = read(tmp_path / "run", "trainer_state.json")["log_history"]
    rates = [entry["learning_rate"] for entry in history if "learning_rate" in entry]
    # What is logged after a step is the rate of that step: 1 - step / steps, counted from 0.
    assert rates == pytest.approx([1e-3 * (1 - (STEPS * epoch - 1) / (4 * STEPS)) for epoch in (1, 2, 3, 4)], rel=1e-3)


def test_warmup_as_a_share_is_of_the_most_epochs(settings, tmp_path):
    more = {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0.5, "learning_rate": 1e-3}
    run_with(settings, healing_options="patience=9,max_epochs=4", **more)
    history = read(tmp_path / "run", "trainer_state.json")["log_history"]
    rates = [entry["learning_rate"] for entry in history if "learning_rate" in entry]
    expected = [1e-3 * min(1, (STEPS * epoch - 1) / (2 * STEPS)) for epoch in (1, 2, 3, 4)]
    assert rates == pytest.approx(expected, rel=1e-3)


def test_with_as_many_epochs_as_always_it_is_full_fine_tuning(settings):
    plain = run_with(settings, healing="full", output_dir=settings["output_dir"] + "-full")
    same = run_with(settings, healing_options="max_epochs=2,patience=2")
    assert same["metrics"] == plain["metrics"]


WRONG = {
    "steps": ({"max_steps": 5}, "--max_steps says how long to train, and so does --healing longer"),
    "too few": ({"num_train_epochs": 60}, "max_epochs 50 of --healing longer is below --num_train_epochs 60"),
    "no patience": ({"healing_options": "patience=0"}, "patience 0 is out of range: 1 or more"),
}


@pytest.mark.parametrize("more, message", WRONG.values(), ids=WRONG.keys())
def test_what_it_cannot_train_with_is_refused_before_anything_is_loaded(more, message):
    with pytest.raises(UserError, match=message):
        make_arguments(healing="longer", **more)
