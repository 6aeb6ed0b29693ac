"""The damage, tensor by tensor."""

import copy

import pytest
import torch
from helpers.architectures import ARCHITECTURES, LAYERS, NAMES, UNSHARED, build, in_layers
from helpers.damage import (
    assert_damaged,
    base_parameters,
    damaged,
    damaged_bits,
    differing,
    half,
    half_indices,
    tensors_of,
)

from healbert.damage.apply import corrupt
from healbert.damage.spec import UNITS, CorruptionSpec

every = pytest.mark.parametrize("name", NAMES)
regions = pytest.mark.parametrize("region", ["bottom", "top"])
GOLDEN = [0.11531606316566467, 0.10126941651105881, 0.18470065295696259, -0.1702783703804016]


@every
@regions
def test_the_right_tensors_are_replaced_by_the_right_values(name, region):
    architecture, model = ARCHITECTURES[name], build(name)
    before = tensors_of(model)
    receipt = corrupt(model, CorruptionSpec(level=half(name), region=region))
    expected = in_layers(architecture, base_parameters(model), half_indices(name, region))
    assert [t["name"] for t in receipt.tensors] == expected
    prefix = model.base_model_prefix
    assert differing(before, tensors_of(model)) == {f"{prefix}.{path}" for path in expected}
    for path in expected:
        assert_damaged(path, base_parameters(model)[path].detach(), architecture.fan_in)


@every
@regions
def test_level_0_changes_nothing(name, region):
    model = build(name)
    before = tensors_of(model)
    receipt = corrupt(model, CorruptionSpec(level=0, region=region, embeddings=True, pooler=True))
    assert differing(before, tensors_of(model)) == set()
    assert receipt.tensors == []
    assert (receipt.summary["layers_hit"], receipt.summary["fraction_of_encoder"]) == ([], 0)


@pytest.mark.parametrize("name", UNSHARED)
@pytest.mark.parametrize("unit", UNITS)
@regions
def test_damage_is_nested(name, unit, region):
    model, smaller = build(name), {}
    for level in (0.25, 0.5, 0.75, 1.0):
        larger = damaged_bits(model, level=level, region=region, unit=unit)
        assert smaller.items() < larger.items()
        smaller = larger


@every
@pytest.mark.parametrize("unit", UNITS)
def test_all_of_the_bottom_is_all_of_the_top(name, unit):
    model = build(name)
    bottom, _ = damaged(model, level=1, region="bottom", unit=unit)
    top, _ = damaged(model, level=1, region="top", unit=unit)
    assert differing(tensors_of(bottom), tensors_of(top)) == set()
    assert differing(tensors_of(model), tensors_of(top)) == {
        f"{model.base_model_prefix}.{path}"
        for path in in_layers(ARCHITECTURES[name], base_parameters(model), range(LAYERS))
    }


@every
def test_same_bits_with_and_without_a_head(name):
    with_head = damaged_bits(build(name, head=True), level=half(name))
    assert with_head == damaged_bits(build(name, head=False, seed=1), level=half(name))


@pytest.mark.parametrize("name", ["bert", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_same_bits_in_other_types_up_to_the_cast(name, dtype):
    model = build(name)
    single, receipt = damaged(model, level=0.5)
    other, _ = damaged(copy.deepcopy(model).to(dtype), level=0.5)
    for path in [t["name"] for t in receipt.tensors]:
        values = base_parameters(other)[path]
        assert values.dtype == dtype
        assert torch.equal(values, base_parameters(single)[path].to(dtype))


def test_the_values_are_those_of_earlier_versions():
    """Results on disk name a seed: its values must not change from one version of the code to the next."""
    model, _ = damaged(build("bert"), level=0.25, seed=7)
    values = base_parameters(model)["encoder.layer.0.attention.self.query.weight"][0, :4].tolist()
    assert values == pytest.approx(GOLDEN, rel=1e-6)


def test_the_values_depend_on_seed_and_path_alone():
    model = build("bert")
    bits = damaged_bits(model, level=1, seed=3)
    weights = {n for n in bits if n.endswith("weight") and "LayerNorm" not in n}
    assert len(weights) == 6 * LAYERS
    other = damaged_bits(model, level=1, seed=4)
    assert {n for n in bits if bits[n] != other[n]} == weights
    assert len({bits[n] for n in weights}) == len(weights)
    assert damaged_bits(build("bert", seed=9), level=1, seed=3) == bits


def test_damage_twice_is_damage_once():
    once, _ = damaged(build("bert"), level=0.5)
    with pytest.warns(UserWarning, match=r"tensors \(the first is .*\) hold what kaiming_uniform draws with seed 0"):
        twice, receipt = damaged(once, level=0.5)
    assert differing(tensors_of(once), tensors_of(twice)) == set()
    assert {t["relative_l2"] for t in receipt.tensors} <= {0.0, None}


OTHERS = [{"seed": 1}, {"method": "gaussian_noise"}, {"method": "zero"}, {"method": "normal"}]


@pytest.mark.parametrize("settings", OTHERS, ids=str)
def test_other_damage_of_a_damaged_model_is_no_doubt(settings, recwarn):
    once, _ = damaged(build("bert"), level=0.5)
    damaged(once, **{"level": 0.5} | settings)
    assert not [warning for warning in recwarn if "draws with seed" in str(warning.message)]


def test_damage_neither_uses_nor_moves_the_global_generator():
    model = build("bert")
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = damaged_bits(model, level=0.5, embeddings=True)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert damaged_bits(model, level=0.5, embeddings=True) == first


def test_parameters_stay_the_same_objects():
    model = build("bert")
    model.requires_grad_(False)
    before = [(id(p), p.data_ptr()) for p in model.parameters()]
    corrupt(model, CorruptionSpec(level=1))
    assert [(id(p), p.data_ptr()) for p in model.parameters()] == before
    assert not any(p.requires_grad for p in model.parameters())


@every
def test_embeddings_and_pooler_only_when_asked(name):
    architecture, model = ARCHITECTURES[name], build(name)
    encoder = in_layers(architecture, base_parameters(model), half_indices(name, "bottom"))
    options = {"embeddings": list(architecture.embeddings), "pooler": list(architecture.pooler)}
    for flag, expected in options.items():
        before = tensors_of(model.base_model)
        after, receipt = damaged(model, level=half(name), **{flag: True})
        assert sorted(t["name"] for t in receipt.tensors) == sorted(encoder + expected)
        assert differing(before, tensors_of(after.base_model)) == {*encoder, *expected}
        for path in expected:
            assert_damaged(path, base_parameters(after)[path].detach(), fan_in_dimension=1)
