"""Where the parameters of a model are: in its head or in its encoder, how deep, hit by the damage or not.

Names are those of `named_parameters`. An adapter belongs to the tensor that it adapts.
"""

import re

from ..utils.draws import seed_of

# What PEFT puts into the path of a tensor that it adapts, and of the adapter itself.
ADAPTER = re.compile(r"\.(base_layer|lora_\w+\.default)(?=\.|$)")


def own_name(name):
    """The name of a tensor as it was before adapters; an adapter's is that of the weight that it adapts."""
    found = ADAPTER.search(name)
    if not found:
        return name
    rest = name[found.end() :]
    return name[: found.start()] + (rest if found[1] == "base_layer" else ".weight")


def is_adapter(name):
    """Whether a tensor was added by an adapter."""
    found = ADAPTER.search(name)
    return bool(found) and found[1] != "base_layer"


def hit_paths(receipt):
    """The paths inside the base model that were hit, of a `CorruptionReceipt`; none of None, which is no damage.

    A tensor of which some outputs were hit is one of them. Layers that were taken out are not: they train no more, and
    others have their numbers now.
    """
    tensors = receipt.tensors if receipt is not None else ()
    # "attn.Wqkv.weight[0-31]" names some outputs of a tensor.
    return frozenset(tensor["name"].partition("[")[0] for tensor in tensors if tensor.get("rule") != "dropped")


def head_names(model):
    """The names of the parameters that are not the base model's.

    Of a model that is its own base they are its last linear layer's, and of one that writes texts (T5), those of the
    layer that chooses tokens: none, where these are the embeddings.
    """
    from ..models.wrappers import outside_base
    from .head import classification_layer

    base = getattr(model, "base_model", model)
    if base is not model:
        return {name for name, _ in outside_base(model)}
    chooses = model.get_output_embeddings()
    if chooses is None:
        head = set(map(id, classification_layer(model).parameters()))
    else:
        head = set(map(id, chooses.parameters())) - set(map(id, model.get_input_embeddings().parameters()))
    return {name for name, parameter in model.named_parameters() if id(parameter) in head}


def hit_names(model, paths):
    """The names of the parameters that were hit, their adapters among them.

    Args:
        model: a model, with its head, adapters or not.
        paths: as of `hit_paths`.
    """
    base = getattr(model, "base_model", model)
    # With all names of a parameter that has several: the receipt has one of them.
    hit = {id(p) for path, p in base.named_parameters(remove_duplicate=False) if own_name(path) in paths}
    return {name for name, parameter in model.named_parameters() if id(parameter) in hit}


def depths(model):
    """How deep each parameter lies, and the depth of the head.

    ELECTRA's count (``_get_layer_lrs`` in its model/optimization.py): the embeddings are 0, the n layers 1 to n from
    the bottom, the head n + 2. What is of the encoder and neither (a pooler, the last norm) is n + 1.

    Returns:
        tuple: ({name: depth}, depth of the head).
    """
    from ..damage.components import embeddings

    stack = layers_of(model)
    count, head = len(stack.layers), head_names(model)
    known = {id(parameter): 0 for _, parameter in embeddings(stack)}
    for index, layer in enumerate(stack.layers):
        known |= {id(parameter): index + 1 for parameter in layer.parameters()}
    found = {
        name: count + 2 if name in head else known.get(id(parameter), count + 1)
        for name, parameter in model.named_parameters()
    }
    return found, count + 2


def layers_of(model):
    """The `LayerStack` of a model; of an encoder and a decoder, both, the decoder's layers above the encoder's."""
    from ..models.layers import find_layers

    config = getattr(getattr(model, "base_model", model), "config", None)
    return find_layers(model, "both" if getattr(config, "is_encoder_decoder", False) else "encoder")


def linear_maps(model):
    """The linear maps in the layers of the encoder: {path in the model: module}, of `nn.Linear` or GPT-2's `Conv1D`."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    inside = {id(module) for layer in layers_of(model).layers for module in layer.modules()}
    return {
        path: module
        for path, module in model.named_modules()
        if id(module) in inside and isinstance(module, (nn.Linear, Conv1D))
    }


def generator_for(device, *names):
    """A random generator of its own for a draw, seeded by what it is called, so that no other draw shifts it.

    Args:
        device: where it draws.
        names: what it is for: a word, a seed, a path, a step.
    """
    import torch

    return torch.Generator(device).manual_seed(seed_of(*names))
