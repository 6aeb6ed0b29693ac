"""The chosen epoch is not evaluated once more: what its evaluation gave in training is kept, to the bit."""

import numpy as np
import pytest
from helpers.runs import logits, read, run_with

from healbert.healing.evaluated import FILE
from healbert.healing.trainer import HealingTrainer

AGAIN = {"healing": "lora"}  # merged at the end: the model that is kept is not the one that was evaluated


@pytest.fixture
def evaluations(monkeypatch):
    """A list of what is evaluated, in order."""
    done, loop = [], HealingTrainer.evaluation_loop

    def counted(self, *args, metric_key_prefix="eval", **kwargs):
        done.append(metric_key_prefix)
        return loop(self, *args, metric_key_prefix=metric_key_prefix, **kwargs)

    monkeypatch.setattr(HealingTrainer, "evaluation_loop", counted)
    return done


@pytest.mark.parametrize("more", [{}, {"selection": "dev"}, {"healing": "linear_probe"}, {"healing": "mixout"}])
def test_outcome_is_that_of_evaluating_once_more(settings, tmp_path, evaluations, monkeypatch, more):
    settings = settings | more | {"num_train_epochs": 3}
    run_with(settings, output_dir=str(tmp_path / "kept"))
    kept, evaluations[:] = list(evaluations), []
    monkeypatch.setattr(HealingTrainer, "chosen_evaluation", lambda self, split: None)
    run_with(settings, output_dir=str(tmp_path / "again"))
    assert evaluations[-1] == "healed" and kept == evaluations[: None if more.get("healing") == "mixout" else -1]
    first, second = read(tmp_path / "kept"), read(tmp_path / "again")
    assert first["metrics"] == second["metrics"] and first["collapsed"] == second["collapsed"]
    np.testing.assert_array_equal(logits(tmp_path / "kept"), logits(tmp_path / "again"))


def test_what_the_end_changes_is_evaluated_again(settings, tmp_path, evaluations):
    run_with(settings | AGAIN, output_dir=str(tmp_path / "run"))
    assert evaluations[-1] == "healed"


def test_a_run_that_goes_on_from_an_earlier_versions_checkpoint_evaluates(settings, tmp_path, evaluations, monkeypatch):
    monkeypatch.setattr("healbert.healing.evaluated.LastEvaluation.write", lambda self, folder, step: None)
    run_with(settings, output_dir=str(tmp_path / "run"), save_model=True)
    assert evaluations[-1] == "healed" and not list(tmp_path.rglob(FILE))
