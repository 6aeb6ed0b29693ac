"""Parts of a model by what they do, found in any architecture.

A component is a function of the layer stack that gives what belongs to it: a list of `Hit`, or of (path inside the base
model, parameter).
"""

import re

from transformers import PreTrainedConfig

from ..utils.registry import register, table
from .hits import Hit, output_dimension, part
from .rules import is_table, rule_of
from .vocabulary import PARTS_OF, WORDS, rows_of, word_of

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


def _inside(stack):
    return [place for index in range(len(stack.layers)) for place in stack.layer_places(index)]


def is_norm(place, stack):
    """Whether a parameter is the weight of a norm."""
    return rule_of(place, stack.layer_of(place.path) is not None).kind == "norm"


@register("component", "norm")
def norm(stack):
    """The weights of the norms in the layers."""
    return [Hit(place.path, place.parameter) for place in _inside(stack) if is_norm(place, stack)]


@register("component", "bias")
def bias(stack):
    """All biases in the layers."""
    return [Hit(place.path, place.parameter) for place in _inside(stack) if rule_of(place).kind == "bias"]


def _of_word(word):
    def find(stack):
        return [hit for place in _inside(stack) if (hit := _called(word, place))]

    find.__doc__ = f"What is the {word} of its layer, in the words of `vocabulary`."
    return find


def _called(word, place):
    """The `Hit` of what a parameter has of ``word``; None where it has nothing of it."""
    found = word_of(place.path)
    if found == "fused" and word in ("query", "key", "value"):
        outputs = place.parameter.shape[output_dimension(place.parameter, place.owner)]
        rows = rows_of(word, place.path, outputs, _config(place))
        return rows and part(place.path, place.parameter, place.owner, rows)
    if found == word or found in PARTS_OF.get(word, ()) or (found == "fused" and word == "attention"):
        return Hit(place.path, place.parameter)
    return None


def _config(place):
    """The configuration of the model that a parameter lies in: of a multimodal one, that of its part."""
    return next(module.config for module in reversed(place.chain) if hasattr(module, "config"))


for _word in WORDS:
    register("component", _word)(_of_word(_word))
