"""Whole layers in other places, or taken out."""

import torch

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .draws import generator_of

ALL = {"norms": "method", "biases": "method", "others": "method"}


def layers_of(job):
    """{layer's index: {name inside the layer: parameter}} of the layers that are hit, in depth order.

    Raises:
        UserError: if something beside whole layers is hit, or the layers are not alike.
    """
    hit = {one.name for one in job.hit}
    layers = {index: _inside(job.stack, index) for index in range(len(job.stack.layers))}
    chosen = {i: inside for i, inside in layers.items() if hit & {name for name, _ in inside.values()}}
    method = job.spec.method
    if {name for inside in chosen.values() for name, _ in inside.values()} != hit:
        raise UserError(f"method '{method}' moves whole layers; leave out components, parameters, embeddings, pooler")
    shapes = {tuple((key, tuple(p.shape)) for key, (_, p) in inside.items()) for inside in chosen.values()}
    if len(shapes) > 1:
        raise UserError(f"method '{method}' cannot be used: layers {_listed(chosen)} are not alike")
    return chosen


def _inside(stack, index):
    start = f"{stack.path}.{index}."
    return {name.removeprefix(start): (name, p) for name, p in stack.layer_parameters(index)}


def _listed(layers):
    return ", ".join(map(str, layers))


def _moved(job, sources):
    """{path: the values that come there}; ``sources`` says from which layer each layer takes them."""
    layers, found = layers_of(job), {}
    kept = {
        index: {key: p.detach().cpu().clone() for key, (_, p) in layers[index].items()}
        for index in set(sources.values())
    }
    for index, source in sources.items():
        found |= {name: kept[source][key] for key, (name, _) in layers[index].items()}
    return found


def _permuted(job):
    indices = list(layers_of(job))
    generator, order = generator_of(job.spec.seed, "layers"), indices
    while order == indices and len(indices) > 1:  # the order that is there is no damage
        order = [indices[i] for i in torch.randperm(len(indices), generator=generator)]
    return _moved(job, dict(zip(indices, order, strict=True)))


@register("method", "permute_layers", prepare=_permuted, **ALL)
def permute_layers(original, module, generator, name, context):
    """The layers that are hit change places at random; never all of them stay."""
    return context[name].float()


def _reversed(job):
    indices = list(layers_of(job))
    return _moved(job, dict(zip(indices, indices[::-1], strict=True)))


@register("method", "reverse_layers", prepare=_reversed, **ALL)
def reverse_layers(original, module, generator, name, context):
    """The layers that are hit come in the opposite order."""
    return context[name].float()


def _repeated(job, source):
    indices = list(layers_of(job))
    if source >= len(indices):
        raise UserError(f"source {source} is not there: {len(indices)} layers are hit, counted from 0")
    return _moved(job, dict.fromkeys(indices, indices[source]))


@register(
    "method",
    "repeat_layer",
    options={"source": Option(0, "which of the layers that are hit, counted from 0", least=0)},
    prepare=_repeated,
    **ALL,
)
def repeat_layer(original, module, generator, name, context, source):
    """Every layer that is hit becomes a copy of one of them."""
    return context[name].float()
