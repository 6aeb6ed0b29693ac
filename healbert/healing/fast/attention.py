"""The attention functions that fast paths give an encoder, by transformers' attention interface."""

import functools

from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ...models.wrappers import base_of
from .packing import Packed, attention

PLAIN, PACKED, CHEAP = "sdpa", "healbert_packed", "healbert_cheap_dropout"

# Model type -> the class in it that holds the layers: rows of hidden states go in, rows come out, and attention, which
# goes by the interface, is all that looks at several of them. tests/healing/fast/ compares each with its plain way.
ENCODERS = {
    "albert": "AlbertTransformer",
    "bert": "BertEncoder",
    "camembert": "CamembertEncoder",
    "data2vec-text": "Data2VecTextEncoder",
    "distilbert": "Transformer",
    "electra": "ElectraEncoder",
    "ernie": "ErnieEncoder",
    "roberta": "RobertaEncoder",
    "roberta-prelayernorm": "RobertaPreLayerNormEncoder",
    "xlm-roberta": "XLMRobertaEncoder",
}


def _attend(module, query, key, value, attention_mask, dropout=0.0, scaling=None, *, cheap, **more):
    if isinstance(attention_mask, Packed):
        return attention_mask.attend(query, key, value, scaling, dropout, cheap), None
    if dropout and cheap:
        found = attention(query, key, value, attention_mask, scaling, dropout, cheap)
        return found.transpose(1, 2).contiguous(), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more)


for _name, _cheap in {PACKED: False, CHEAP: True}.items():
    AttentionInterface.register(_name, functools.partial(_attend, cheap=_cheap))
    AttentionMaskInterface.register(_name, sdpa_mask)


def encoder_of(model):
    """The module of a model that holds its layers, where it is one of `ENCODERS`; else None.

    Args:
        model: a transformers model, with its head.
    """
    base = base_of(model)
    name, own = ENCODERS.get(base.config.model_type), type(base).__module__.startswith("transformers.models.")
    return next((child for child in base.children() if own and type(child).__name__ == name), None)


def why_own_attention(model):
    """Why the attention of a model cannot be given it: words, or None."""
    config = base_of(model).config
    if encoder_of(model) is None or getattr(config, "is_decoder", False):
        return f"{type(base_of(model)).__name__} is none of the encoders that this is known to be right for"
    if config._attn_implementation not in (PLAIN, PACKED, CHEAP):
        return f"the model attends by {config._attn_implementation}"
    return None


def set_attention(model, name):
    """Has a model attend in another way; returns how it did."""
    base = base_of(model)
    before = base.config._attn_implementation
    base.set_attn_implementation(name)
    return before
