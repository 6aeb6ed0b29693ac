"""Raising the version of a part renames the runs that it concerns, and no others."""

import dataclasses

import pytest
from helpers.arguments import run

from healbert.arguments.versions import MEANINGS
from healbert.damage.methods import METHODS
from healbert.healing.strategies import STRATEGIES

RUNS = {
    "damaged": {},
    "intact": {"corrupt_level": 0},
    "sampled": {"max_train_samples": 50},
    "held out": {"selection": "dev"},
    "mean": {"pooling": "mean"},
    "probed": {"probe_layers": "all"},
    "masked": {"task_type": "masked_lm"},
    "scored": {"task_type": "causal_lm", "lm_eval": "wikitext"},
    "also": {"also_evaluate": "masked_lm"},
    "pictured": {"tsne": True},
    "linear": {"healing": "linear_probe"},
    "plain": {"fast_paths": "none"},
    "traced": {"trace_healing": True},
    "of the Hub": {"dataset_name": "someone/texts"},
}
CONCERNED = {
    "hub_files": {"of the Hub"},
    "sampling": {"sampled", "held out"},
    "selection": set(RUNS),
    "tokenization": set(RUNS),
    "training": set(RUNS) - {"linear", "plain"},
    "mean_pooling": {"mean"},
    "damage_rules": set(RUNS) - {"intact"},
    "lm_eval": {"scored"},
    "language_head": {"masked", "also", "scored"},
    "also_evaluate": {"also"},
    "probes": {"probed"},
    "trace": {"traced"},
    "picture": {"pictured"},
}


def names():
    return {kind: run(**settings).name() for kind, settings in RUNS.items()}


def renamed(before):
    return {kind for kind, name in names().items() if name != before[kind]}


def test_version_1_adds_nothing():
    assert "versions" not in run(fast_paths="none").identity()


@pytest.mark.parametrize("part", MEANINGS)
def test_a_part_of_another_version_renames_whom_it_concerns(part, monkeypatch):
    before, raised = names(), MEANINGS[part].version + 1
    monkeypatch.setitem(MEANINGS, part, dataclasses.replace(MEANINGS[part], version=raised))
    assert renamed(before) == CONCERNED[part]
    assert run(**RUNS[min(CONCERNED[part])]).identity()["versions"][part] == raised


def test_a_method_of_another_version_renames_the_runs_that_it_damages(monkeypatch):
    before, kaiming = names(), METHODS["kaiming_uniform"]
    monkeypatch.setitem(METHODS._made, "kaiming_uniform", dataclasses.replace(kaiming, version=2))
    assert renamed(before) == set(RUNS) - {"intact"}


def test_a_strategy_of_another_version_renames_the_runs_that_it_heals(monkeypatch):
    before = names()
    monkeypatch.setattr(STRATEGIES["linear_probe"], "version", 2)
    assert renamed(before) == {"linear"}
