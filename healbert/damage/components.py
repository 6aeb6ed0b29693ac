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
    return named and not RELATIVE.search(place.path) and not AFTER.search(place.path)


def _on_side(path, stack):
    """Whether a path lies in the part of the model that the stack is of."""
    config = getattr(stack.base, "config", None)
    if isinstance(config, PreTrainedConfig) and config.get_text_config() is not config:  # of several models in one
        return path.startswith(tuple(f"{side.path.rpartition('.')[0]}." for side in stack.sides))
    if getattr(config, "is_encoder_decoder", False):
        room, held = path.split(".")[0], {side.path.split(".")[0] for side in stack.sides}
        return room in held or not any(kind in room for kind in ("encoder", "decoder"))
    return True


@register("component", "pooler")
def pooler(stack):
    """Parameters of the base model's pooler; an empty list where it has none."""
    return [(place.path, place.parameter) for place in stack.places if place.path.split(".")[0] == "pooler"]
