"""Runs whose damage the rules of an earlier version gave other values have new names, and no others."""

import pytest
from helpers.small_models import save_small, small_model

from healbert import CorruptionSpec, make_arguments
from healbert.arguments.damage import damage_of
from healbert.damage.first_rules import version_of
from healbert.damage.selection import select_tensors
from healbert.models.layers import find_layers

SAME = (
    *("bert", "roberta", "distilbert", "electra", "albert", "modernbert", "deberta-v2", "mpnet", "gpt2", "squeezebert"),
    *("llama", "convbert", "esm", "bart", "xlm", "gpt_bigcode", "mobilebert", "opt", "eurobert"),
)
OTHER = (
    "gemma",
    "gemma3",
    "nemotron",
    "mixtral",
    "gpt_oss",
    "jamba",
    "zamba2",
    "xlnet",
    "t5",
    "diffllama",
    "qwen3_next",
)


def version(model, level=1.0):
    stack = find_layers(model)
    return version_of(stack, select_tensors(stack, CorruptionSpec(level=level)))


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_architectures_whose_values_stay(name, device):
    assert version(small_model(name, head=False, device=device)) == 1


@pytest.mark.parametrize("name", OTHER)
def test_architectures_whose_values_are_others(name):
    assert version(small_model(name, head=False, device="meta")) == 2


def test_it_goes_by_the_tensors_that_are_hit():
    """The first layer of a T5 alone holds a table of positions."""
    stack = find_layers(small_model("t5", head=False, device="meta"))
    hit = {region: select_tensors(stack, CorruptionSpec(level=0.25, region=region)) for region in ("bottom", "top")}
    assert {region: version_of(stack, tensors) for region, tensors in hit.items()} == {"bottom": 2, "top": 1}


@pytest.mark.parametrize("name, expected", [("llama", None), ("gemma", 2)])
def test_a_runs_identity_says_so(name, expected, run_flags, tiny_bert, tmp_path):
    folder = save_small(name, tmp_path / name, tiny_bert, vocab_size=120)
    flags = run_flags | {"model_name_or_path": folder}
    assert damage_of(make_arguments(**flags)).get("rules") == expected


def test_another_side_is_another_damage(run_flags, tiny_bert, tmp_path):
    folder = save_small("bart", tmp_path / "bart", tiny_bert, vocab_size=120)
    flags = run_flags | {"model_name_or_path": folder}
    sides = ({}, {"corrupt_side": "encoder"}, {"corrupt_side": "decoder"}, {"corrupt_side": "both"})
    found = [damage_of(make_arguments(**flags, **side))["tensors"] for side in sides]
    assert found[0] == found[1] and len(set(found)) == 3
