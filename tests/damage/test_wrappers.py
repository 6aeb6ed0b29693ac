"""What wraps a model changes no bit of its damage; what damage is not defined for is refused by name."""

import copy

import pytest
import torch
from helpers.architectures import build
from helpers.damage import as_bytes, differing, tensors_of
from torch import nn

from healbert import CorruptionSpec, UserError, corrupt
from healbert.models.layers import find_layers

HALF = CorruptionSpec(level=0.5, seed=3)


def lora(model, **options):
    peft = pytest.importorskip("peft")
    return peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["query", "value"], **options))


def compiled_layers(model):
    layers = find_layers(model).container
    for index, layer in enumerate(layers):
        layers[index] = torch.compile(layer)
    return model


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "compiled": torch.compile,
    "compiled DataParallel": lambda model: torch.compile(nn.DataParallel(model)),
    "compiled layers": compiled_layers,
    "LoRA": lora,
    "compiled LoRA": lambda model: torch.compile(lora(model)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("embeddings", [False, True])
def test_the_same_bits_as_without_it(wrap, embeddings):
    spec = CorruptionSpec(level=0.5, seed=3, embeddings=embeddings, pooler=True)
    bare = build("bert")
    wrapped = wrap(copy.deepcopy(bare))
    own = {id(p): name for name, p in wrapped.named_parameters() if "lora_" in name}
    adapters = {name: p.detach().clone() for name, p in wrapped.named_parameters() if id(p) in own}
    expected, found = corrupt(bare, spec), corrupt(wrapped, spec)
    assert found.tensors == expected.tensors
    assert found.summary["fraction_of_encoder"] == expected.summary["fraction_of_encoder"] == 0.5
    assert found.summary["layer_stack"] == "encoder.layer"
    for name, parameter in wrapped.named_parameters():
        assert name not in adapters or as_bytes(parameter) == as_bytes(adapters[name])
    assert len(adapters) in (0, 16)


def test_a_copy_that_an_adapter_trains_is_refused():
    wrapped = lora(build("bert"), modules_to_save=["encoder.layer.0.output.LayerNorm"])
    before = tensors_of(wrapped)
    with pytest.raises(UserError, match=r"encoder.layer.0.output.LayerNorm stands in for a copy .*modules_to_save"):
        corrupt(wrapped, HALF)
    assert differing(before, tensors_of(wrapped)) == set()


def test_a_head_that_an_adapter_trains_is_no_matter():
    assert len(corrupt(lora(build("bert"), modules_to_save=["classifier"]), HALF).tensors) == 32


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_quantised_weights_are_refused_by_name(kind):
    model = build("bert")
    module = model.bert.encoder.layer[1].attention.self.key
    module.weight = nn.Parameter(module.weight.detach().to(kind), requires_grad=False)
    before = tensors_of(model)
    name = str(kind).removeprefix("torch.")
    with pytest.raises(UserError, match=f"encoder.layer.1.attention.self.key.weight holds {name} values"):
        corrupt(model, HALF)
    assert differing(before, tensors_of(model)) == set()


def test_a_tensor_of_another_kind_is_refused_by_name():
    class Packed(torch.Tensor):
        pass

    model = build("bert")
    weight = model.bert.encoder.layer[0].output.dense.weight
    model.bert.encoder.layer[0].output.dense.weight = nn.Parameter(weight.detach().as_subclass(Packed))
    with pytest.raises(UserError, match="encoder.layer.0.output.dense.weight holds Packed values"):
        corrupt(model, HALF)


@pytest.mark.parametrize("which", [{nn.Linear}, {"bert.encoder.layer.1.output.dense"}], ids=["all", "one"])
def test_packed_weights_are_refused_by_name(which):
    model = torch.ao.quantization.quantize_dynamic(build("bert"), which, dtype=torch.qint8)
    with pytest.raises(UserError, match="holds quantised weights; damage the model before it is quantised"):
        corrupt(model, HALF)


@pytest.mark.parametrize("where, hit", [("encoder.layer.0.output.dense.weight", True), ("pooler.dense.bias", False)])
def test_values_that_are_not_finite_already_are_named(where, hit):
    model = build("bert")
    model.bert.get_parameter(where).data[0] = float("nan")
    with pytest.warns(UserWarning, match=f"1 tensors hold NaN or infinite values before any damage, the first {where}"):
        receipt = corrupt(model, HALF)
    assert receipt.summary["not_finite_before"] == [where]
    assert (where in [entry["name"] for entry in receipt.tensors]) == hit
