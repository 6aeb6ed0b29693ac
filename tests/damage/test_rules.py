"""Norms by what they do, maps by the inputs of one output, other parameters by their architecture: one by one."""

import math

import pytest
import torch
from helpers.small_models import small_model
from torch import nn
from transformers import GemmaConfig, GemmaModel, RobertaConfig, RobertaModel
from transformers.pytorch_utils import Conv1D

from healbert import CorruptionSpec, UserError, corrupt
from healbert.damage.fan_in import layout_of
from healbert.damage.norms import neutral_weight
from healbert.models.layers import find_layers

ALL = CorruptionSpec(level=1)


def rms(values):
    return values.pow(2).mean().sqrt().item()


@pytest.mark.parametrize("name, norm", [("gemma", "input_layernorm"), ("nemotron", "input_layernorm"), ("t5", None)])
def test_a_damaged_norm_neither_grows_nor_shrinks_what_it_is_given(name, norm):
    model = small_model(name, head=False)
    corrupt(model, ALL)
    layer = find_layers(model).layers[0]
    module = getattr(layer, norm) if norm else layer.layer[0].layer_norm
    assert rms(module(torch.randn(4, 50, 32))) == pytest.approx(1, rel=1e-3)


def test_the_issue_of_a_norm_with_scale_two():
    """`corrupt` used to set the weight of a norm that adds 1 to it to 1."""
    config = GemmaConfig(vocab_size=90, hidden_size=32, intermediate_size=64, num_hidden_layers=4, head_dim=8)
    model = GemmaModel(config)
    corrupt(model, CorruptionSpec(level=0.5))
    assert rms(model.layers[0].input_layernorm(torch.randn(8, 32))) == pytest.approx(1, rel=1e-3)


class Renamed(nn.Module):
    """A norm that is not called one, and multiplies by one plus its weight."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.randn(16))

    def forward(self, x):
        return nn.functional.layer_norm(x, (16,)) * (1 + self.gain)


class Scale(Renamed):
    """Keeps the scale of its input, so that it is no norm."""

    def forward(self, x):
        return x * self.gain


class NormOfTwo(Renamed):
    """Takes a second input."""

    def forward(self, x, gate):
        return nn.functional.rms_norm(x, (16,)) * self.gain * gate.sigmoid()


@pytest.mark.parametrize(
    "module, leaf, expected",
    [
        (nn.LayerNorm(8), "weight", 1),
        (nn.BatchNorm1d(8).eval(), "weight", 1),
        (nn.GroupNorm(2, 8), "weight", 1),
        (Renamed(), "gain", 0),
        (Scale(), "gain", None),
        (NormOfTwo(), "gain", 1),
        (nn.PReLU(), "weight", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_the_weight_at_which_the_scale_is_one(module, leaf, expected):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert neutral_weight(module, leaf) == expected
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_it_is_measured_without_weights():
    with torch.device("meta"):
        assert neutral_weight(nn.LayerNorm(8), "weight") == 1


@pytest.mark.parametrize(
    "module, expected",
    [
        (nn.Linear(8, 5), 8),
        (Conv1D(5, 8), 8),  # stored as (in, out)
        (nn.Conv1d(8, 12, 3), 24),
        (nn.Conv1d(8, 12, 3, groups=4), 6),
        (nn.Conv1d(8, 8, 4, groups=8), 4),
        (nn.Conv2d(4, 6, (3, 2)), 24),
        (nn.ConvTranspose1d(8, 12, 3, groups=2), 12),
    ],
    ids=str,
)
def test_inputs_of_one_output(module, expected):
    """Against what one output of the module changes with."""
    assert layout_of(module.weight, module, "weight").fan_in(module.weight) == expected
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        x = torch.randn(1, module.in_channels, 9, 9)[:, :, :9, *([0] if isinstance(module, nn.Conv1d) else [])]
        x.requires_grad_()
        module(x).flatten(2)[0, 0, 0].backward()
        assert int((x.grad != 0).sum()) == expected


@pytest.mark.parametrize(
    "name, path, dims",
    [
        ("mixtral", "layers.0.mlp.experts.gate_up_proj", (2,)),
        ("gpt_oss", "layers.0.mlp.experts.gate_up_proj", (1,)),
        ("llama4_text", "layers.0.feed_forward.experts.down_proj", (1,)),
        ("xlnet", "layer.0.rel_attn.q", (0,)),
        ("xlnet", "layer.0.rel_attn.o", (1, 2)),
    ],
)
def test_dimensions_that_inputs_run_along(name, path, dims):
    model = small_model(name, head=False, device="meta")
    owner, _, leaf = path.rpartition(".")
    tensor, module = model.get_parameter(path), model.get_submodule(owner)
    layout = layout_of(tensor, module, leaf)
    assert layout.inputs == dims and layout.fan_in(tensor) == math.prod(tensor.shape[dim] for dim in dims)


def test_a_map_of_unknown_layout_is_refused_by_name():
    model = small_model("bert", head=False)
    model.encoder.layer[0].mix = nn.Parameter(torch.randn(3, 32))
    with pytest.raises(UserError, match="no rule for encoder.layer.0.mix: which of its 2 dimensions are inputs"):
        corrupt(model, ALL)


def test_a_scale_that_its_architecture_does_not_know_is_refused_by_name():
    model = small_model("bert", head=False)
    model.encoder.layer[3].scale = nn.Parameter(torch.randn(32))
    with pytest.raises(UserError, match="no rule for encoder.layer.3.scale: .* no initial values of its own"):
        corrupt(model, ALL)


def test_own_values_are_drawn_from_the_seed_and_leave_the_process_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = []
    for seed in (0, 0, 1):
        model = small_model("diffllama", head=False, seed=2)
        torch.set_rng_state(state)
        receipt = corrupt(model, CorruptionSpec(level=0.5, seed=seed))
        assert torch.equal(torch.get_rng_state(), state)
        found.append(model.layers[0].self_attn.lambda_q1.detach().clone())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    rules = {entry["name"]: entry["rule"] for entry in receipt.tensors}
    assert rules["layers.0.self_attn.lambda_q1"] == "own initial values"
    assert rules["layers.0.self_attn.q_proj.weight"] == "method"


def test_own_values_of_a_model_that_was_loaded(tmp_path):
    """What was loaded is marked as initialised, on which transformers' own initialisation does nothing."""
    small_model("zamba2", head=False).save_pretrained(tmp_path)
    model = type(small_model("zamba2", head=False)).from_pretrained(tmp_path)
    corrupt(model, ALL)
    mixer = model.layers[0].mamba
    assert torch.allclose(mixer.A_log, torch.arange(1.0, 9).log()) and torch.equal(mixer.D, torch.ones(8))


@pytest.mark.parametrize("asked", ["keep", "method"])
def test_a_method_may_say_otherwise(asked, monkeypatch):
    from healbert.damage.methods import METHODS

    monkeypatch.setattr(METHODS, "_registered", dict(METHODS._registered))
    monkeypatch.setattr(METHODS, "_made", dict(METHODS._made))
    METHODS.add("halved", lambda original, module, generator: original / 2, others=asked)
    model = small_model("jamba", head=False)
    before = model.layers[0].mamba.A_log.detach().clone()
    corrupt(model, CorruptionSpec(level=1, method="halved"))
    assert torch.equal(model.layers[0].mamba.A_log, before / (1 if asked == "keep" else 2))


def test_relative_position_tables_inside_layers_are_drawn_as_their_architecture_does():
    config = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64}
    model = RobertaModel(RobertaConfig(vocab_size=90, **config))
    attention = model.encoder.layer[0].attention.self
    attention.distance_embedding = nn.Embedding(400, 8)
    corrupt(model, ALL)
    assert attention.distance_embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)


# Sharing.


@pytest.mark.parametrize("level", [0.5, 5 / 6])
def test_layers_that_share_a_block_are_not_hit_through_it(level):
    model = small_model("zamba", head=False)
    with pytest.raises(
        UserError, match="layer 5 shares parameters with the layers that it would hit, such as layers.2"
    ):
        corrupt(model, CorruptionSpec(level=level))


def test_layers_before_the_shared_block_can_be_hit():
    receipt = corrupt(small_model("zamba", head=False), CorruptionSpec(level=1 / 3))
    assert receipt.summary["layers_hit"] == [0, 1]


def test_shared_parameters_count_once():
    model = small_model("zamba", head=False)
    receipt = corrupt(model, ALL)
    names = [entry["name"] for entry in receipt.tensors]
    assert receipt.summary["fraction_of_encoder"] == 1 and len(names) == len(set(names))
    assert receipt.summary["scalars"] == sum(p.numel() for p in model.layers.parameters())


def test_blocks_that_take_turns_over_are_hit_whole_or_not_at_all():
    model = small_model("perceiver", num_blocks=2)
    stack = find_layers(model)
    assert (stack.order, stack.depth, stack.repeats) == ((0, 1, 2, 3, 0, 1, 2, 3), 8, 2)
    with pytest.raises(UserError, match="applies .* 4 .* 2 times"):
        corrupt(model, CorruptionSpec(level=0.5))
    assert corrupt(model, ALL).summary["fraction_of_encoder"] == 1


def test_an_encoder_tied_to_its_decoder_is_not_hit_alone():
    model = small_model("bart", head=False)
    model.decoder.layers[1].self_attn = model.encoder.layers[1].self_attn
    with pytest.raises(UserError, match="the model outside its layers shares parameters"):
        corrupt(model, CorruptionSpec(level=0.5))


def test_both_sides_have_the_level_each():
    model = small_model("bart", head=False)
    receipt = corrupt(model, CorruptionSpec(level=0.5, side="both"))
    starts = {".".join(entry["name"].split(".")[:3]) for entry in receipt.tensors}
    assert starts == {f"{side}.layers.{index}" for side in ("encoder", "decoder") for index in (0, 1)}
    assert receipt.summary["layers_hit"] == [0, 1, 4, 5] and receipt.summary["num_layers"] == 8


@pytest.mark.parametrize(
    "name, side, expected",
    [
        ("t5", "encoder", {"shared.weight"}),
        ("bart", "encoder", {"shared.weight", "encoder.embed_positions.weight", "encoder.layernorm_embedding.weight",
                             "encoder.layernorm_embedding.bias"}),
        ("esm", "encoder", {"embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"}),
        ("mpnet", "encoder", {"embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
                              "embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"}),
        ("t5gemma2", "encoder", {"encoder.text_model.embed_tokens.weight",
                                 "encoder.text_model.embed_tokens.eoi_embedding"}),
        ("gemma3", "encoder", {"language_model.embed_tokens.weight"}),
    ],
)  # fmt: skip
def test_embeddings_are_embeddings_only(name, side, expected):
    from healbert.damage.components import COMPONENTS

    assert {path for path, _ in COMPONENTS["embeddings"](find_layers(small_model(name), side))} == expected
