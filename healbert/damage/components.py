"""Parts of a model by what they do, found in any architecture.

A component is a function of the layer stack that gives its parameters: a list of (path inside the base model,
parameter).
"""

import re

from transformers import PreTrainedConfig

from ..utils.registry import register, table
from .rules import is_table

COMPONENTS = table("component")

# Of the layers, although they lie outside: tables of relative positions, which attention reads.
RELATIVE = re.compile(r"(^|[._])rel(ative)?([._]|$)")
# Norms that follow the layers, such as ESM's emb_layer_norm_after.
AFTER = re.compile(r"after|final")


@register("component", "embeddings")
def embeddings(stack):
    """Parameters outside the layers that embed tokens: of embedding tables, or with "emb" in their path.

    Of an encoder and a decoder, those of the sides that the stack holds, and what both share.
    """
    found = {}
    for place in stack.places:
        if stack.layer_of(place.path) is None and _embeds(place) and _on_side(place.path, stack):
            found.setdefault(id(place.parameter), (place.path, place.parameter))
    return list(found.values())


def _embeds(place):
    named = "emb" in place.path.lower() or is_table(place.owner)
    return named and not RELATIVE.search(place.path) and not AFTER.search(place.path) and _of_texts(place.chain[1:])


def _of_texts(chain):
    """Whether a parameter lies in no part of the model that has no vocabulary, one for pictures or sounds."""
    configs = [getattr(module, "config", None) for module in chain]
    return all(hasattr(config, "vocab_size") for config in configs if isinstance(config, PreTrainedConfig))


def _on_side(path, stack):
    if not getattr(getattr(stack.base, "config", None), "is_encoder_decoder", False):
        return True
    room, held = path.split(".")[0], {part.split(".")[0] for parts in stack.paths for part in parts}
    return room in held or not any(kind in room for kind in ("encoder", "decoder"))


@register("component", "pooler")
def pooler(stack):
    """Parameters of the base model's pooler; an empty list where it has none."""
    return [(place.path, place.parameter) for place in stack.places if place.path.split(".")[0] == "pooler"]
