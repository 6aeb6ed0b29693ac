"""The weights of a model by layer and component, for comparison with those of the same layers in another model."""

import copy

import torch

from ..damage.components import COMPONENTS
from ..damage.hits import as_hit
from ..damage.vocabulary import WORDS
from ..models.layers import find_layers
from ..models.wrappers import base_of
from ..utils.errors import UserError
from .similarity import sums_of

ALL, EMBEDDINGS = "all", 0  # every parameter of a layer; the number that the embeddings have, below layer 1
PARTS = (*WORDS, "norm", "bias")


class LayerWeights:
    """The weights of a model as they are now, in which adapters (LoRA, DoRA) count as merged.

    Args:
        model: a classifier, or a base model.
        numbers: the number of each of its layers, from 1; default: 1, 2, ... Of a model whose layers were taken out,
            the numbers that those that are left had before.
    """

    def __init__(self, model, numbers=None):
        stack = find_layers(model)
        self.numbers = tuple(numbers or range(1, len(stack.layers) + 1))
        self._adapted = _adapted(base_of(model))
        self._tensors = {EMBEDDINGS: dict(COMPONENTS["embeddings"](stack))}
        for index, number in enumerate(self.numbers):
            places = stack.layer_places(index)
            self._tensors[number] = {_inside(place.path, stack, index): place.parameter for place in places}
        self._hits = {name: _by_layer(name, stack, self.numbers) for name in PARTS}

    @property
    def parts(self):
        """The components that some layer has, `ALL` first."""
        return [ALL, *(name for name in PARTS if self._hits[name])]

    def copy(self, like=None):
        """{number: {name inside the layer: float32 tensor on the CPU}}; what is as in ``like`` is shared."""
        like = like or {}
        return {
            number: {name: _shared(self._read(one), like.get(number, {}).get(name)) for name, one in own.items()}
            for number, own in self._tensors.items()
        }

    def sums(self, references):
        """What distances and cosines are made of.

        Args:
            references: {name: what `copy` returned of a model of the same layers}.

        Returns:
            dict: {reference: {component: {number: numpy (4,), see `similarity.sums_of`}}}.

        Raises:
            KeyError: if a reference lacks a tensor.
        """
        found = {name: {part: {} for part in self.parts} for name in references}
        for number, own in self._tensors.items():
            for name, parameter in own.items():
                now = self._read(parameter)
                for called, reference in references.items():
                    self._add(found[called], number, name, now, reference[number][name])
        return found

    def _add(self, found, number, name, now, reference):
        whole = sums_of(now, reference)
        _plus(found[ALL], number, whole)
        for part in self.parts[1:]:
            hit = self._hits[part].get((number, name))
            if hit is not None:
                same = hit.rows is None
                _plus(found[part], number, whole if same else sums_of(hit.of(now), hit.of(reference)))

    @torch.no_grad()
    def _read(self, parameter):
        module = self._adapted.get(id(parameter))
        if module is not None:
            merged = copy.deepcopy(module)  # merging and taking back would leave rounding in what trains
            merged.merge()
            parameter = merged.get_base_layer().weight
        return parameter.detach().to("cpu", torch.float32, copy=True)


def _plus(found, number, sums):
    found[number] = found[number] + sums if number in found else sums


def _adapted(base):
    """{id of a weight: the adapter's module around it}."""
    modules = (module for module in base.modules() if hasattr(module, "get_base_layer") and hasattr(module, "merge"))
    return {id(module.get_base_layer().weight): module for module in modules}


def _inside(path, stack, index):
    """A path below its layer, the same whatever the layer's place; of what lies elsewhere, the whole path."""
    for part, prefix in enumerate(stack.paths[index]):
        if path.startswith(f"{prefix}."):
            return f"{part}.{path.removeprefix(f'{prefix}.')}"
    return path


def _by_layer(name, stack, numbers):
    """{(number, name inside the layer): `Hit`} of a component; empty where it is not known what belongs to it."""
    try:
        hits = [as_hit(found) for found in COMPONENTS[name](stack)]
    except UserError:  # query, key and value in one weight, and it is not known how
        return {}
    found = {}
    for hit in hits:
        index = stack.layer_of(hit.path)
        found[numbers[index], _inside(hit.path, stack, index)] = hit
    return found


def _shared(values, other):
    return other if other is not None and other.shape == values.shape and torch.equal(other, values) else values
