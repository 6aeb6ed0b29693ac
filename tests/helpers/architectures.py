"""A small model of every architecture that the tests cover, and what lies where in it."""

import dataclasses

import torch
import transformers
from transformers import AutoModel, AutoModelForSequenceClassification

LAYERS = 4
SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
}
SPECIALS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
BERT_EMBEDDINGS = (
    "embeddings.word_embeddings.weight",
    "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings.weight",
    "embeddings.LayerNorm.weight",
    "embeddings.LayerNorm.bias",
)
BERT_POOLER = ("pooler.dense.weight", "pooler.dense.bias")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A configuration, the path of its stack in the base model, and the names outside of the stack.

    ``pooler`` is what the model with a head has, ``bare_pooler`` what the model without a head has.
    """

    config: str
    options: dict
    stack: str
    embeddings: tuple
    pooler: tuple = ()
    bare_pooler: tuple = ()
    layers: int = LAYERS
    fan_in: int = 1  # the dimension of a stored weight that its inputs run along


ARCHITECTURES = {
    "bert": Architecture("BertConfig", SIZES, "encoder.layer", BERT_EMBEDDINGS, BERT_POOLER, BERT_POOLER),
    "distilbert": Architecture(
        "DistilBertConfig",
        {
            "vocab_size": 96,
            "dim": 32,
            "hidden_dim": 64,
            "n_layers": LAYERS,
            "n_heads": 4,
            "max_position_embeddings": 40,
        },
        "transformer.layer",
        tuple(name for name in BERT_EMBEDDINGS if "token_type" not in name),
    ),
    "roberta": Architecture("RobertaConfig", SIZES, "encoder.layer", BERT_EMBEDDINGS, (), BERT_POOLER),
    "electra": Architecture(
        "ElectraConfig",
        {**SIZES, "embedding_size": 16},
        "encoder.layer",
        (*BERT_EMBEDDINGS, "embeddings_project.weight", "embeddings_project.bias"),
    ),
    "albert": Architecture(
        "AlbertConfig",
        {**SIZES, "embedding_size": 16},
        "encoder.albert_layer_groups",
        (
            *BERT_EMBEDDINGS,
            "encoder.embedding_hidden_mapping_in.weight",
            "encoder.embedding_hidden_mapping_in.bias",
        ),
        ("pooler.weight", "pooler.bias"),
        ("pooler.weight", "pooler.bias"),
        layers=1,
    ),
    "modernbert": Architecture(
        "ModernBertConfig",
        {**SIZES, **SPECIALS, "cls_token_id": 1, "sep_token_id": 2},
        "layers",
        ("embeddings.tok_embeddings.weight", "embeddings.norm.weight"),
    ),
    "deberta-v2": Architecture(
        "DebertaV2Config",
        {
            **SIZES,
            "relative_attention": True,
            "position_buckets": 8,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_biased_input": False,
        },
        "encoder.layer",
        (
            "embeddings.word_embeddings.weight",
            "embeddings.LayerNorm.weight",
            "embeddings.LayerNorm.bias",
        ),
    ),
    "gpt2": Architecture(
        "GPT2Config",
        {**SPECIALS, "vocab_size": 96, "n_embd": 32, "n_inner": 64, "n_layer": LAYERS, "n_head": 4, "n_positions": 40},
        "h",
        ("wte.weight", "wpe.weight"),
        fan_in=0,
    ),
}
NAMES = tuple(ARCHITECTURES)
UNSHARED = tuple(name for name in NAMES if ARCHITECTURES[name].layers == LAYERS)


def build(name, head=True, seed=0, **options):
    """A model of architecture ``name`` with noise on every parameter, so that no bias is 0 and no norm weight 1."""
    architecture = ARCHITECTURES[name]
    config = getattr(transformers, architecture.config)(**{**architecture.options, **options})
    model = (AutoModelForSequenceClassification if head else AutoModel).from_config(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return model


def in_layers(architecture, names, indices):
    """Those of ``names`` (paths inside the base model) that lie in the layers with these indices."""
    starts = tuple(f"{architecture.stack}.{index}." for index in indices)
    return [name for name in names if name.startswith(starts)] if starts else []
