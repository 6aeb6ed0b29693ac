"""Levels that no whole number of layers reaches, and models that cannot be damaged as asked."""

import warnings

import pytest
import torch
import transformers
from helpers.architectures import ARCHITECTURES, LAYERS, NAMES, build, in_layers
from helpers.damage import (
    base_parameters,
    differing,
    tensors_of,
)
from torch import nn
from transformers import AutoModel

from healbert.damage.apply import corrupt
from healbert.damage.regions import REGIONS
from healbert.damage.spec import UNITS, CorruptionSpec
from healbert.utils.errors import UserError

every = pytest.mark.parametrize("name", NAMES)
regions = pytest.mark.parametrize("region", ["bottom", "top"])


@pytest.mark.parametrize("level, count, effective", [(0.25, 2, "0.3333"), (0.75, 5, "0.8333"), (0.05, 0, "0")])
@regions
def test_layers_are_rounded_half_up_with_a_warning(level, count, effective, region):
    model = build("bert", num_hidden_layers=6)
    with pytest.warns(UserWarning, match=f"{count} layers are damaged, an effective level of {effective}$"):
        receipt = corrupt(model, CorruptionSpec(level=level, region=region))
    hit = range(count) if region == "bottom" else range(6 - count, 6)
    assert receipt.summary["layers_hit"] == list(hit)


def test_a_region_that_does_not_go_by_the_level_is_said_to(monkeypatch):
    monkeypatch.setattr(REGIONS, "_registered", dict(REGIONS._registered))
    monkeypatch.setattr(REGIONS, "_made", dict(REGIONS._made))
    REGIONS.add("outer", lambda stack, spec: [0, len(stack.layers) - 1])
    with pytest.warns(UserWarning, match="region 'outer' names 2 of 6 layers, not level 1 of them$"):
        receipt = corrupt(build("bert", num_hidden_layers=6), CorruptionSpec(level=1, region="outer"))
    assert receipt.summary["layers_hit"] == [0, 5]


@pytest.mark.parametrize("level", [0, 0.25, 0.5, 1])
def test_no_warning_where_the_level_is_exact(level):
    model = build("bert")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        corrupt(model, CorruptionSpec(level=level))
    assert not caught


@pytest.mark.parametrize("name", ["bert", "albert", "gpt2", "modernbert"])
@pytest.mark.parametrize("level", [0.001, 0.1, 0.25, 0.37, 0.5, 0.9, 1])
@regions
def test_unit_parameter_comes_as_near_as_whole_tensors_allow(name, level, region):
    model = build(name)
    names = in_layers(ARCHITECTURES[name], base_parameters(model), range(LAYERS))
    names = names if region == "bottom" else names[::-1]
    sizes = [base_parameters(model)[path].numel() for path in names]
    shares = [sum(sizes[:count]) / sum(sizes) for count in range(len(sizes) + 1)]
    receipt = corrupt(model, CorruptionSpec(level=level, region=region, unit="parameter"))
    hit = [t["name"] for t in receipt.tensors]
    assert set(hit) == set(names[: len(hit)])
    assert receipt.summary["fraction_of_encoder"] == pytest.approx(shares[len(hit)], abs=1e-12)
    assert abs(shares[len(hit)] - level) == pytest.approx(min(abs(share - level) for share in shares), abs=1e-12)


@regions
def test_shared_layers_refuse_a_level_between(region):
    model = build("albert")
    before = tensors_of(model)
    with pytest.raises(UserError, match=r"level 0.5 cannot be applied: .* 1 group\(s\) .* 4 times"):
        corrupt(model, CorruptionSpec(level=0.5, region=region))
    assert differing(before, tensors_of(model)) == set()


def test_shared_groups_allow_a_level_that_hits_whole_groups():
    receipt = corrupt(build("albert", num_hidden_groups=2), CorruptionSpec(level=0.5))
    assert (receipt.summary["layers_hit"], receipt.summary["fraction_of_encoder"]) == ([0], 0.5)


def test_one_module_in_place_of_every_layer_refuses_a_level_between():
    """Half of the list is all of the encoder here, so the receipt could not be true."""
    model = build("bert")
    model.bert.encoder.layer = nn.ModuleList([model.bert.encoder.layer[0]] * LAYERS)
    with pytest.raises(UserError, match="share"):
        corrupt(model, CorruptionSpec(level=0.5))


def test_a_refused_model_is_left_whole():
    model = build("bert")
    model.bert.encoder.layer[1].scale = nn.Parameter(torch.full((32,), 0.1))
    before = tensors_of(model)
    with pytest.raises(UserError, match="no rule for encoder.layer.1.scale"):
        corrupt(model, CorruptionSpec(level=0.5))
    assert differing(before, tensors_of(model)) == set()


@pytest.mark.parametrize("unit", UNITS)
def test_meta_device_is_refused(unit):
    with torch.device("meta"):
        model = AutoModel.from_config(transformers.BertConfig(**ARCHITECTURES["bert"].options))
    with pytest.raises(UserError, match="holds no values in this process"):
        corrupt(model, CorruptionSpec(level=0.5, unit=unit))
