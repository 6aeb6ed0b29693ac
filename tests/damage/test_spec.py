"""The spec refuses what cannot be, before any model is looked at."""

import math

import pytest
import torch
from helpers.architectures import NAMES, build
from torch import nn

from healbert.damage.apply import corrupt
from healbert.damage.layout import Layout
from healbert.damage.methods import METHODS
from healbert.damage.spec import CorruptionSpec
from healbert.models.layers import find_layers
from healbert.utils.errors import UserError

every = pytest.mark.parametrize("name", NAMES)
regions = pytest.mark.parametrize("region", ["bottom", "top"])


def test_the_default_method_is_in_the_table():
    assert CorruptionSpec().method in METHODS
    method, original = METHODS[CorruptionSpec().method], torch.full((8, 4), math.nan)
    values = method.function(original, nn.Linear(4, 8), torch.Generator().manual_seed(0), Layout((1,)))
    assert original.isnan().all()
    assert values.abs().max() <= math.sqrt(6 / 4)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("level", 1.5, r"level 1.5 is not a fraction from 0 to 1$"),
        ("level", -0.1, r"level -0.1 is not a fraction"),
        ("level", math.nan, r"level nan is not a fraction"),
        ("level", math.inf, r"level inf is not a fraction from 0 to 1$"),
        ("level", 10**400, r"level 1e\+300 is not a fraction from 0 to 1$"),
        ("level", 50, r"level 50 is not a fraction from 0 to 1; did you mean 0.5\?"),
        ("level", 25, r"did you mean 0.25\?"),
        ("region", "botom", r"region 'botom' is not known; did you mean 'bottom'\? \(known: bottom, top, middle"),
        ("unit", "layers", r"unit 'layers' is not known; did you mean 'layer'\?"),
        ("method", "kaiming", r"method 'kaiming' is not known; did you mean 'kaiming_uniform'\?"),
        ("method", "zzz", r"method 'zzz' is not known \(known: kaiming_uniform"),
        ("seed", -1, r"seed -1 is negative"),
    ],
)
def test_refused_specs(field, value, message):
    with pytest.raises(UserError, match=message):
        CorruptionSpec(**{field: value})


def test_equal_specs_hash_alike():
    assert len({CorruptionSpec(level=0.5), CorruptionSpec(level=0.5, options={}), CorruptionSpec(level=1)}) == 2


def test_a_model_without_a_stack_is_refused():
    with pytest.raises(UserError, match="no stack of layers"):
        corrupt(nn.Linear(3, 3), CorruptionSpec(level=0.5))


def test_the_stack_of_the_damage_is_the_one_that_is_found():
    model = build("bert")
    stack = find_layers(model)
    corrupt(model, CorruptionSpec(level=0.25))
    assert torch.equal(stack.layers[0].output.LayerNorm.weight, torch.ones(32))
    assert not torch.equal(stack.layers[1].output.LayerNorm.weight, torch.ones(32))
