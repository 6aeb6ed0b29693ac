"""The vocabulary means in every architecture what it says: told by what the model computes, not by names.

With its value weights at 0, attention gives nothing to its output map. With its query weights at 0, what it gives does
not depend on the keys, and with its key weights at 0 not on the queries. Without the first map of the feed-forward
network, or the second, that network gives nothing.
"""

import pytest
import torch
from helpers.small_models import small_model

from healbert import CorruptionSpec
from healbert.damage.selection import select_tensors
from healbert.damage.vocabulary import word_of
from healbert.models.layers import find_layers

# Architectures of their kinds: separate maps, fused in blocks, fused by head, grouped queries, compressed keys.
SEPARATE = "bert distilbert albert electra mpnet roformer esm llama mistral qwen2 gemma opt gptj t5"
FUSED = "modernbert gpt2 openai-gpt mpt gpt_neox bloom persimmon falcon phi3 gpt_bigcode deepseek_v3 minicpm3"
NAMES = f"{SEPARATE} {FUSED}".split()
slow = [pytest.param(name, marks=() if name in FUSED.split() or name == "bert" else pytest.mark.slow) for name in NAMES]
every = pytest.mark.parametrize("name", slow)


COMPRESSED = {"num_key_value_heads": 4, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "head_dim": 8}
OPTIONS = {
    "persimmon": {"qk_layernorm": False},  # its bias would make queries of nothing
    "deepseek_v3": COMPRESSED,
    "minicpm3": COMPRESSED,
}


def small(name):
    return small_model(name, head=False, **OPTIONS.get(name, {}))


def hits(model, component):
    return select_tensors(find_layers(model, "encoder"), CorruptionSpec(components=component, layers="0"))


def silence(model, component):
    """Sets what a component holds in the first layer to 0, and its biases."""
    for hit in hits(model, component):
        hit.write(torch.zeros(hit.shape))


def shake(model, component, seed=1):
    for hit in hits(model, component):
        hit.write(torch.randn(hit.shape, generator=torch.Generator().manual_seed(seed)))


def what_attention_gives(model):
    """The input of the first layer's output map, for a text of eight tokens."""
    path = next(hit.path for hit in hits(model, "attention_output") if hit.path.endswith("weight"))
    base, seen = find_layers(model).base, []
    owner = base.get_submodule(path.rpartition(".")[0])
    handle = owner.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach().clone()))
    tokens = torch.arange(5, 13).unsqueeze(0)
    with torch.no_grad():
        (base.get_encoder() if model.config.is_encoder_decoder else base)(input_ids=tokens)
    handle.remove()
    return seen[0]


@every
def test_attention(name):
    model = small(name)
    normal = what_attention_gives(model)
    assert normal.abs().max() > 0
    # Part of the compressed keys is no key alone: it comes from what keys and values share.
    directions = (("query", "key"), ("key", "query"))[: 1 if OPTIONS.get(name) is COMPRESSED else 2]
    for first, second in directions:
        model = small(name)
        silence(model, first)
        before = what_attention_gives(model)
        shake(model, second)
        assert torch.allclose(before, what_attention_gives(model), atol=1e-5), f"{first} is 0, and {second} counts"
        assert not torch.allclose(before, normal, atol=1e-5), f"{first} is 0, and nothing changes"
    model = small(name)
    shake(model, "key")
    assert not torch.allclose(what_attention_gives(model), normal, atol=1e-5), "keys are another, and nothing changes"
    silence(model, "value")
    assert what_attention_gives(model).abs().max() == 0


def what_the_network_gives(model):
    """The output of the second map of the first layer's feed-forward network."""
    path = next(hit.path for hit in hits(model, "ffn_out"))
    base, seen = find_layers(model).base, []
    owner = base.get_submodule(path.rpartition(".")[0])
    handle = owner.register_forward_hook(lambda module, given, output: seen.append(output.detach().clone()))
    with torch.no_grad():
        (base.get_encoder() if model.config.is_encoder_decoder else base)(input_ids=torch.arange(5, 13).unsqueeze(0))
    handle.remove()
    return seen[0]


@every
def test_feed_forward(name):
    for component in ("ffn_in", "ffn_out"):
        model = small(name)
        with torch.no_grad():
            for hit in hits(model, "ffn_out"):
                if hit.path.endswith("bias"):
                    hit.write(torch.zeros(hit.shape))
        assert what_the_network_gives(model).abs().max() > 0
        silence(model, component)
        assert what_the_network_gives(model).abs().max() == 0


@pytest.mark.parametrize(
    "path, word",
    [
        ("encoder.layer.0.attention.self.query.bias", "query"),
        ("encoder.layer.0.attention.self.q_bias", "query"),
        ("encoder.layer.0.attention.output.dense.weight", "attention_output"),
        ("encoder.layer.0.attention.output.LayerNorm.weight", None),
        ("encoder.layer.0.output.dense.weight", "ffn_out"),
        ("attentions.0.q_lin.weight", "query"),
        ("ffns.1.lin1.weight", "ffn_in"),
        ("encoder.layers.0.attention.self_attention.query_key.weight", "attention"),
        ("layers.0.mlp.experts.gate_up_proj", "ffn_in"),
        ("layers.0.mlp.shared_expert.down_proj.weight", "ffn_out"),
        ("layers.0.mlp.gate.weight", "ffn"),
        ("layers.0.mamba.in_proj.weight", None),
        ("blocks.0.0.attention.post_proj.weight", "attention_output"),
    ],
)
def test_words(path, word):
    assert word_of(path) == word
