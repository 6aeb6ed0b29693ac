"""Finding the stack of layers in any transformers model, by its shape and not by its type."""

import dataclasses
import functools

from torch import nn

from .lists import choose
from .wrappers import base_of, places, unwrap

SIDES = ("encoder", "decoder", "both")


@dataclasses.dataclass
class LayerStack:
    """The encoder of a model: its layers in depth order, nearest the embeddings first.

    ``base`` is the model without its task head and without what wraps it, ``path`` the stack's path in it, ``layers``
    one module for each layer, and ``order`` the indices of the layers as a text passes through them: more of them
    than there are layers where layers are applied several times. ``paths`` are those of each layer's parts inside the
    base model (several where a layer lies in several lists), ``container`` is the list that holds the layers, None
    where there is more than one. Of an encoder and a decoder together, ``parts`` are the stacks of the two.
    """

    base: nn.Module
    path: str
    layers: nn.ModuleList
    order: tuple = ()
    paths: tuple = ()
    container: nn.ModuleList | None = None
    parts: tuple = ()

    def __post_init__(self):
        self.order = self.order or tuple(range(len(self.layers)))
        self.paths = self.paths or tuple((f"{self.path}.{index}",) for index in range(len(self.layers)))

    @property
    def sides(self):
        """The stacks in which a region is meant, one by one: this one, or those of an encoder and a decoder."""
        return self.parts or (self,)

    @property
    def depth(self):
        """How many layers a text passes through."""
        return len(self.order)

    @property
    def repeats(self):
        """How many times each layer is applied; of layers that differ in this, the mean rounded down."""
        return self.depth // len(self.layers)

    def layer_places(self, index):
        """Where the parameters of layer ``index`` stand: a list of `Place`, each parameter once.

        One that several layers share goes by the path that it has in the first of them.
        """
        here = [self._first[id(place.parameter)] for place in self._by_layer[index]]
        return list({place.path: place for place in here}.values())

    def layer_parameters(self, index):
        """The parameters of layer ``index``: a list of (path inside the base model, parameter), each once."""
        return [(place.path, place.parameter) for place in self.layer_places(index)]

    def parameters(self):
        """All encoder parameters in depth order: a list of (path inside the base model, parameter), each once."""
        return [(place.path, place.parameter) for place in self._first.values()]

    def layer_of(self, path):
        """The index of the layer in which a path inside the base model lies; None where it lies in none."""
        while path and path not in self._index:
            path = path.rpartition(".")[0]
        return self._index.get(path)

    @functools.cached_property
    def places(self):
        """Where the parameters of the base model stand: a list of `Place`, shared ones at each place."""
        return places(self.base)

    @functools.cached_property
    def _index(self):
        return {part: index for index, parts in enumerate(self.paths) for part in parts}

    @functools.cached_property
    def _by_layer(self):
        found = [[] for _ in self.layers]
        for place in self.places:
            index = self.layer_of(place.path)
            if index is not None:
                found[index].append(place)
        return found

    @functools.cached_property
    def _first(self):
        found = {}
        for place in (place for layer in self._by_layer for place in layer):
            found.setdefault(id(place.parameter), place)
        return found


def find_layers(model, side="encoder"):
    """Finds the layer stack of a transformers model, with or without a task head, wrapped or not.

    The stack is the outermost `nn.ModuleList` of weight-holding modules whose length is the configuration's
    ``num_hidden_layers``; failing that, the only one. Lists of one length in one module are the parts of one encoder
    (XLM), and so are lists in a list (Funnel). Of a model that takes texts and pictures, the stack is that of the
    texts. Entries without weights (`nn.Identity` in the place of a layer) are no layers.

    Args:
        model: the model.
        side: of a model with an encoder and a decoder, which one: "encoder", "decoder" or "both".

    Raises:
        UserError: if there is no such list, or several that are not told apart by length and size, or no such side.
    """
    base = base_of(model)
    found = [_stack(base, chosen) for chosen in choose(base, side, type(unwrap(model)).__name__)]
    return found[0] if len(found) == 1 else _together(base, found)


def _stack(base, chosen):
    return LayerStack(base, chosen.path, nn.ModuleList(chosen.layers), chosen.order, chosen.paths, chosen.container)


def _together(base, stacks):
    order, start = [], 0
    for stack in stacks:
        order += [start + index for index in stack.order]
        start += len(stack.layers)
    layers = nn.ModuleList(layer for stack in stacks for layer in stack.layers)
    paths = tuple(path for stack in stacks for path in stack.paths)
    path = ", ".join(stack.path for stack in stacks)
    return LayerStack(base, path, layers, tuple(order), paths, parts=tuple(stacks))
