"""The stack of layers is found in every architecture, and refused where there is none or more than one."""

import copy

import pytest
import torch
from helpers.architectures import ARCHITECTURES, LAYERS, NAMES, SIZES, build, in_layers
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig, T5Config, T5EncoderModel

from healbert.damage.regions import layers_hit
from healbert.models.layers import LayerStack, find_layers
from healbert.utils.errors import UserError

both = pytest.mark.parametrize("head", [True, False], ids=["head", "bare"])
every = pytest.mark.parametrize("name", NAMES)


@every
@both
def test_stack(name, head):
    architecture, model = ARCHITECTURES[name], build(name, head)
    stack = find_layers(model)
    assert stack.base is model.base_model
    assert (stack.path, len(stack.layers)) == (architecture.stack, architecture.layers)
    assert stack.repeats == LAYERS // architecture.layers


@every
@both
def test_layers_run_in_the_order_of_the_stack(name, head):
    model, calls = build(name, head), []
    stack = find_layers(model)
    for index, layer in enumerate(stack.layers):
        layer.register_forward_hook(lambda *_, index=index: calls.append(index))
    with torch.no_grad():
        model(input_ids=torch.tensor([[5, 6, 7, 8]]), attention_mask=torch.ones(1, 4, dtype=torch.long))
    assert calls == [index for index in range(len(stack.layers)) for _ in range(stack.repeats)]


@every
def test_parameters_are_all_of_the_stack_in_depth_order(name):
    architecture, stack = ARCHITECTURES[name], find_layers(build(name))
    named = dict(stack.base.named_parameters())
    expected = [n for index in range(architecture.layers) for n in in_layers(architecture, named, [index])]
    assert [n for n, _ in stack.parameters()] == expected
    assert all(p is named[n] for n, p in stack.parameters())
    last = architecture.layers - 1
    assert [n for n, _ in stack.layer_parameters(last)] == in_layers(architecture, named, [last])


def test_groups_of_shared_layers_count_once_each():
    stack = find_layers(build("albert", num_hidden_groups=2))
    assert (len(stack.layers), stack.repeats) == (2, LAYERS // 2)


def t5(model_class, decoder_layers):
    depths = {"num_layers": 3, "num_decoder_layers": decoder_layers}
    return model_class.from_config(T5Config(d_model=16, d_ff=24, d_kv=8, num_heads=2, vocab_size=60, **depths))


@pytest.mark.parametrize("decoder_layers", [3, 2])
@pytest.mark.parametrize("model_class", [AutoModel, AutoModelForSequenceClassification])
def test_sides_of_an_encoder_decoder(model_class, decoder_layers):
    model = t5(model_class, decoder_layers)
    assert (find_layers(model).path, len(find_layers(model).layers)) == ("encoder.block", 3)
    decoder = find_layers(model, "decoder")
    assert (decoder.path, len(decoder.layers)) == ("decoder.block", decoder_layers)
    both = find_layers(model, "both")
    assert [side.path for side in both.sides] == ["encoder.block", "decoder.block"]
    assert list(both.layers) == [*find_layers(model).layers, *decoder.layers]


@pytest.mark.parametrize("side", ["decoder", "both"])
def test_a_side_that_is_not_there_is_refused(side):
    with pytest.raises(UserError, match="BertModel has one stack of layers and no .* beside it"):
        find_layers(build("bert", head=False), side)


def test_several_stacks_are_refused():
    model = build("bert", head=False)
    model.other = nn.ModuleDict({"layer": copy.deepcopy(model.encoder.layer)})
    with pytest.raises(UserError, match=r"several stacks of layers \(encoder.layer, other.layer\)"):
        find_layers(model)


def test_layers_that_were_removed_are_no_sharing():
    model = build("bert")
    model.bert.encoder.layer = model.bert.encoder.layer[:2]
    stack = find_layers(model)
    assert (len(stack.layers), stack.repeats, stack.depth) == (2, 1, 2)


def test_an_identity_in_the_place_of_a_layer_is_no_layer():
    model = build("bert")
    whole = [name for name, _ in find_layers(model).parameters()]
    model.bert.encoder.layer[1] = nn.Identity()
    stack = find_layers(model)
    assert stack.paths == (("encoder.layer.0",), ("encoder.layer.2",), ("encoder.layer.3",))
    assert [name for name, _ in stack.parameters()] == [name for name in whole if ".layer.1." not in name]


def test_encoder_of_an_encoder_decoder_alone_is_one_stack():
    model = T5EncoderModel(T5Config(d_model=16, d_ff=24, d_kv=8, num_layers=3, num_heads=2, vocab_size=60))
    assert find_layers(model).path == "encoder.block"


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(3, 3),
        nn.ModuleDict({"linears": nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])}),
        AutoModel.from_config(BertConfig(**{**SIZES, "num_hidden_layers": 0})),
    ],
    ids=["no list", "list of linears", "no layers"],
)
def test_no_stack_is_refused(model):
    with pytest.raises(UserError, match=f"no stack of layers recognised in {type(model).__name__}"):
        find_layers(model)


@pytest.mark.parametrize(
    "layers, level, expected",
    [
        (12, 0, 0),
        (12, 0.25, 3),
        (12, 1, 12),
        (6, 0.25, 2),
        (6, 0.75, 5),
        (6, 0.08, 0),
        (6, 0.1, 1),
        (22, 0.25, 6),
        (45, 0.7, 32),  # 31.5, although 0.7 * 45 is 31.499999999999996 in floating point
        (25, 0.58, 15),
    ],
)
def test_layers_hit_rounds_half_up(layers, level, expected):
    stack = LayerStack(nn.Module(), "layer", nn.ModuleList(nn.Identity() for _ in range(layers)))
    assert layers_hit(level, stack) == expected
