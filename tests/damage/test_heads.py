"""Which slices are heads where keys are shared, a layer has two attentions, or heads are arranged in another way."""

import pytest
import torch
from transformers import AutoModel, BartConfig, ConvBertConfig, DeepseekV3Config, FalconConfig

from healbert import CorruptionSpec, corrupt
from healbert.utils.errors import UserError

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3}


def pruned(config, share, **spec):
    """The tensors of a model that lost a share of its heads: {name: (rows that are 0, columns that are 0)}."""
    torch.manual_seed(0)
    model = AutoModel.from_config(config)
    corrupt(model, CorruptionSpec(level=1, method="structured_prune", options={"share": share}, **spec))
    return {
        name: tuple(tuple(torch.nonzero((parameter == 0).all(d)).flatten().tolist()) for d in (1, 0))
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2
    }


def test_a_key_that_all_heads_share_stays():
    found = pruned(FalconConfig(**SIZES, multi_query=True, new_decoder_architecture=False), 0.34)
    rows, _ = found["h.0.self_attention.query_key_value.weight"]
    assert len(rows) == 8 and rows[0] % 8 == 0 and rows[-1] - rows[0] == 7 and max(rows) < 24  # a head of the query
    assert found["h.0.self_attention.dense.weight"][1] == rows


def test_two_attentions_lose_heads_of_their_own_number():
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 2}
    layers = {"encoder_layers": 1, "decoder_layers": 3, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    found = pruned(BartConfig(vocab_size=50, d_model=16, **heads, **layers), 0.5, side="decoder")
    gone = {}
    for attention in ("self_attn", "encoder_attn"):
        for layer in range(3):
            path = f"decoder.layers.{layer}.{attention}"
            rows = {found[f"{path}.{part}.weight"][0] for part in ("q_proj", "k_proj", "v_proj")}
            assert rows == {found[f"{path}.out_proj.weight"][1]} and len(rows) == 1
            (gone[attention, layer],) = rows
    assert set(gone.values()) == {tuple(range(8)), tuple(range(8, 16))}
    assert any(gone["self_attn", layer] != gone["encoder_attn", layer] for layer in range(3))


@pytest.mark.parametrize(
    "config",
    [
        ConvBertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, head_ratio=2),
        DeepseekV3Config(**SIZES, q_lora_rank=4, kv_lora_rank=4, qk_nope_head_dim=4, qk_rope_head_dim=4, v_head_dim=4),
    ],
    ids=["a part of the output map is of convolutions", "queries of a rank that heads share"],
)
def test_heads_that_are_not_known_are_refused(config):
    with pytest.raises(UserError, match="heads is not known for .* and an output map that takes .*structure=neurons"):
        pruned(config, 0.5)
