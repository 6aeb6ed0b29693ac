"""Parts that runs of a sweep share: what they are made of is what each run would be made of alone."""

import itertools

import pytest

from healbert.arguments.parser import arguments_of, make_arguments
from healbert.arguments.parts import SharedParts
from healbert.utils.errors import UserError

AXES = {
    "learning_rate": [1e-5, "1e-4"],
    "seed": [1, 2],
    "weight_decay": [0, 0.1],
    "healing": ["full", "distill"],
    "corrupt_level": [0, -0.0, 0.5],
}


def test_runs_with_shared_parts_are_the_same_runs():
    parts = SharedParts()
    for values in itertools.product(*AXES.values()):
        settings = dict(zip(AXES, values, strict=True), output_dir="runs/x")
        shared, own = arguments_of(settings, parts), make_arguments(**settings)
        assert shared.settings() == own.settings() and shared.name() == own.name()
        assert shared.training.to_dict() == own.training.to_dict() and shared.training.device == own.training.device


def test_equal_parts_are_made_once_and_no_run_changes_anothers_training():
    parts = SharedParts()
    first, second, third = (
        arguments_of({"seed": seed, "corrupt_level": level}, parts) for seed, level in ((1, 0.5), (2, 0.5), (1, 1))
    )
    assert first.corruption is second.corruption is not third.corruption and first.data is third.data
    assert len(parts._training) == 1 and (first.training.seed, second.training.seed) == (1, 2)
    first.training.output_dir = "elsewhere"
    assert second.training.output_dir != "elsewhere"


def test_what_is_refused_is_refused_each_time():
    parts = SharedParts()
    for seed in (1, 1, 2):
        with pytest.raises(UserError, match="warmup_steps = -1"):
            arguments_of({"seed": seed, "warmup_steps": -1}, parts)
        with pytest.raises(UserError, match="corruption level 7"):
            arguments_of({"seed": seed, "corrupt_level": 7}, parts)
