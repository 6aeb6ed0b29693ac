"""What results.json says of healing is checked when it is read; what earlier versions lack is missing and no fault."""

import pytest

from healbert.results.validation import fault

SOUND = {
    "strategy": "distill",
    "options": {"of": "logits"},
    "trainable_parameters": 10,
    "trainable_share": 0.5,
    "optimizer_bytes": None,
    "steps": 0,
    "seconds_per_step": 0.25,
    "flops_per_step": 2**70,
    "teacher": {"kind": "finetuned", "name": "intact", "commit": None, "scores": {"f1_weighted": 0.5}},
    "text": {"objective": "masked", "head": "new", "examples": 3, "epochs": 1, "steps": 3, "seconds": 1.5}
    | {"loss_first": 2.0, "loss_last": None},
}
WRONG = {
    "strategy": 3,
    "options": [1],
    "trainable_parameters": -1,
    "trainable_share": 1.5,
    "optimizer_bytes": "many",
    "steps": 2.5,
    "seconds_per_step": -0.1,
    "flops_per_step": True,
    "teacher": "bert",
    "teacher.kind": 1,
    "teacher.scores": [],
    "teacher.scores.f1_weighted": "good",
    "text": [],
    "text.head": 0,
    "text.examples": -3,
    "text.steps": "3",
    "text.seconds": -1,
    "text.loss_last": "low",
}


def results(healing):
    return {"status": "completed", "config": {"learning_rate": 1e-5}, "healing": healing}


def changed(path, value):
    first, *rest = path.split(".")
    found = dict(SOUND)
    place = found
    for name in [first, *rest][:-1]:
        place[name] = dict(place[name])
        place = place[name]
    place[[first, *rest][-1]] = value
    return found


@pytest.mark.parametrize("healing", [SOUND, None, {}, {"strategy": "full", "options": {}}], ids=str)
def test_what_runs_write_and_what_earlier_ones_lack_is_sound(healing):
    assert fault(results(healing)) is None
    without = results(healing)
    del without["healing"]
    assert fault(without) is None


@pytest.mark.parametrize("path, value", WRONG.items())
def test_wrong_values_are_named(path, value):
    assert fault(results(changed(path, value))).startswith(f"healing.{path} is ")


def test_healing_that_is_no_set_of_values_is_named():
    assert fault(results([1])).startswith("healing is [1], not")
