"""The damage of earlier versions, bit by bit: what is recorded here must never change."""

import hashlib

import pytest
import torch
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

from healbert import CorruptionSpec, corrupt


def bert():
    sizes = {"hidden_size": 8, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    return BertModel(BertConfig(vocab_size=20, max_position_embeddings=16, **sizes))


def gpt2():
    return GPT2Model(GPT2Config(vocab_size=20, n_embd=8, n_layer=4, n_head=2, n_positions=16))


RECORDED = [  # (model, spec, tensors hit, first letters of the SHA-256 over their names and digests)
    (bert, {"level": 0.5}, 32, "506b5e2aa1b2b7f6"),
    (bert, {"level": 1, "seed": 3}, 64, "82665442e061de61"),
    (bert, {"level": 0.5, "region": "top", "seed": 3}, 32, "c4b421679a49e1a0"),
    (bert, {"level": 0.3, "unit": "parameter", "embeddings": True, "pooler": True}, 26, "3b482dd739d439ed"),
    (bert, {"level": 1}, 64, "bd3c9491cd1fed18"),
    (bert, {"level": 0.5, "seed": 3}, 32, "828277c3e4f5e7c8"),
    (gpt2, {"level": 0.5}, 24, "d36018438f22d329"),
    (gpt2, {"level": 1, "seed": 3}, 48, "9c28761d9b23e8be"),
    (gpt2, {"level": 0.5, "unit": "parameter", "seed": 3}, 24, "359c1735330ee384"),
]


@pytest.mark.parametrize("make, spec, tensors, digest", RECORDED)
def test_values_stay_those_of_earlier_versions(make, spec, tensors, digest):
    torch.manual_seed(0)
    receipt = corrupt(make(), CorruptionSpec(**spec))
    text = "".join(entry["name"] + entry["sha256_after"] for entry in receipt.tensors)
    assert (len(receipt.tensors), hashlib.sha256(text.encode()).hexdigest()[:16]) == (tensors, digest)
