"""Finding the stack of layers in any transformers model, by its shape and not by its type."""

import dataclasses

from torch import nn

from ..utils.errors import UserError


@dataclasses.dataclass
class LayerStack:
    """The encoder of a model: its layers in depth order, nearest the embeddings first.

    ``base`` is the model without its task head, ``path`` the stack's path in it, ``layers`` the list of
    modules, and ``repeats`` how many times in a row each is applied (more than once where layers share parameters).
    """

    base: nn.Module
    path: str
    layers: nn.ModuleList
    repeats: int = 1

    @property
    def depth(self):
        """How many layers a text passes through."""
        return len(self.layers) * self.repeats

    def layer_parameters(self, index):
        """The parameters of layer ``index``: a list of (path inside the base model, parameter)."""
        return [(f"{self.path}.{index}.{name}", p) for name, p in self.layers[index].named_parameters()]

    def parameters(self):
        """All encoder parameters in depth order: a list of (path inside the base model, parameter)."""
        return [pair for index in range(len(self.layers)) for pair in self.layer_parameters(index)]


def find_layers(model):
    """Finds the layer stack of a transformers model, with or without a task head.

    The stack is the outermost `nn.ModuleList` of weight-holding modules whose length is the configuration's
    ``num_hidden_layers``; failing that (layers that share parameters), the one whose length divides it.

    Raises:
        UserError: if there is no such list, or several that are not told apart by length and size.
    """
    base = getattr(model, "base_model", model)
    candidates = _outermost_lists(base)
    config = getattr(base, "config", None)
    depth = getattr(config, "num_hidden_layers", None)
    exact = {path: layers for path, layers in candidates.items() if len(layers) == depth}
    shared = {path: layers for path, layers in candidates.items() if depth and depth % len(layers) == 0}
    # The encoder's stack and the decoder's may differ in length: neither is the one meant.
    found = candidates if getattr(config, "is_encoder_decoder", False) else exact or shared or candidates
    if not found:
        raise UserError(
            f"no stack of layers recognised in {type(model).__name__}: it has no list of equal modules; "
            "use a transformer encoder or decoder such as google-bert/bert-base-uncased"
        )
    if len(found) > 1:
        raise UserError(
            f"{type(model).__name__} has several stacks of layers ({', '.join(sorted(found))}); "
            "use a model with one encoder or one decoder"
        )
    path, layers = next(iter(found.items()))
    layers = nn.ModuleList(dict.fromkeys(layers))  # one module may stand in several places
    repeats = depth // len(layers) if depth and depth % len(layers) == 0 else 1
    return LayerStack(base, path, layers, max(repeats, 1))


def _outermost_lists(base):
    found = {}
    for path, module in base.named_modules():
        inside_found = any(path.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and not inside_found and _holds_layers(module):
            found[path] = module
    return found


def _holds_layers(modules):
    simple = (nn.ModuleList, nn.Linear, nn.Embedding)
    return len(modules) > 0 and all(
        not isinstance(m, simple) and any(p.ndim >= 2 for p in m.parameters()) for m in modules
    )
