"""A model with layers taken out: shorter in fact and in its configuration, so that it saves and loads so."""

import copy

import torch

from ..models.layers import find_layers
from ..models.wrappers import unwrap
from ..utils.errors import UserError
from .methods import METHODS
from .receipt import compare
from .selection import select_tensors

NUMBERS = ("layer_idx", "layer_id")  # how a module of a decoder knows its place in the cache


def depth_after(model, spec):
    """How many layers a text passes through once ``model``, which is intact yet, is damaged by ``spec`` (or a list)."""
    left = layers_left(model, spec)
    return find_layers(model).depth if left is None else len(left)


def layers_left(model, spec):
    """Indices of the layers that are left once ``model``, which is intact yet, is damaged by ``spec``; None: all.

    Of several damages in a row, none drops layers.
    """
    if isinstance(spec, list) or spec.intact or not METHODS[spec.method].drops or spec.side == "decoder":
        return None
    stack = find_layers(model)
    gone = {stack.layer_of(one.path) for one in select_tensors(stack, spec)}
    return [index for index in range(len(stack.layers)) if index not in gone]


def drop_layers(model, stack, hit):
    """Takes the layers that are hit out of ``model``.

    Args:
        model: a transformers model.
        stack: its `LayerStack`.
        hit: as of `select_tensors`: whole layers.

    Returns:
        list: the receipt's entries, one per tensor that went.

    Raises:
        UserError: if something beside whole layers is hit, none would be left, or the shorter model would not load
            again as it is.
    """
    gone = _layers(stack, hit)
    config = _shorter_config(stack, gone)
    _require_loadable(stack, gone, config)
    entries = [_entry(one) for one in hit]
    kept = [layer for index, layer in enumerate(stack.layers) if index not in gone]
    for place in reversed(range(len(stack.container))):
        if not any(stack.container[place] is layer for layer in kept):
            del stack.container[place]
    for number, layer in enumerate(kept):
        for module in layer.modules():
            for name in NUMBERS:
                if isinstance(getattr(module, name, None), int):
                    setattr(module, name, number)
    before = vars(stack.base.config.get_text_config())
    changed = {name: value for name, value in vars(config.get_text_config()).items() if value != before.get(name)}
    for part in (unwrap(model), stack.base):
        _take_over(part.config, config, changed)
    return entries


def _layers(stack, hit):
    names = {one.name for one in hit}
    gone = {i for i in range(len(stack.layers)) if names & {path for path, _ in stack.layer_parameters(i)}}
    if names != {path for index in gone for path, _ in stack.layer_parameters(index)}:
        raise UserError("drop_layers takes out whole layers; leave out components, parameters, embeddings, pooler")
    if len(gone) == len(stack.layers):
        raise UserError(f"drop_layers would leave none of the {len(gone)} layers; damage fewer")
    if stack.container is None or stack.repeats > 1:
        raise UserError("drop_layers needs layers of one list, each applied once; this model's are not")
    return gone


def _shorter_config(stack, gone):
    config, total = copy.deepcopy(stack.base.config), len(stack.layers)
    text = config.get_text_config()
    for name, value in list(vars(text).items()):
        if isinstance(value, (list, tuple)) and len(value) == total:  # such as layer_types: an entry for each layer
            setattr(text, name, type(value)(entry for index, entry in enumerate(value) if index not in gone))
    text.num_hidden_layers = total - len(gone)
    return config


def _require_loadable(stack, gone, config):
    """The shorter model must be what its configuration makes: the same parameters of the same shapes."""
    with torch.device("meta"):
        made = {name: p.shape for name, p in type(stack.base)(config).named_parameters() if _inside(name, stack)}
    numbers = {old: new for new, old in enumerate(index for index in range(len(stack.layers)) if index not in gone)}
    left = {}
    for path, parameter in stack.base.named_parameters():
        index = stack.layer_of(path)
        if index is not None and index not in gone:
            left[_renumbered(path, stack, index, numbers)] = parameter.shape
    if left != made:
        odd = sorted(set(left.items()) ^ set(made.items()))[0][0]
        raise UserError(
            f"drop_layers: the model without layers {', '.join(map(str, sorted(gone)))} would not load again, since "
            f"its layers are not alike ({odd}); drop others"
        )


def _inside(name, stack):
    return name.startswith(f"{stack.path}.")


def _renumbered(path, stack, index, numbers):
    return path.replace(f"{stack.path}.{index}.", f"{stack.path}.{numbers[index]}.", 1)


def _take_over(config, shorter, changed):
    """Makes a configuration, the base's or that of what is around it, say what changed in the base's, and no more."""
    if hasattr(config, "take_encoder"):
        config.take_encoder(shorter)
        return
    text = config.get_text_config()
    for name, value in changed.items():
        if name in vars(text):
            setattr(text, name, value)


def _entry(hit):
    before = hit.read()
    values = compare(before, before)
    after = {name: None for name in values if name.endswith("_after")} | {"relative_l2": None, "cosine": None}
    return {"name": hit.name, "shape": hit.shape, "count": hit.count, "rule": "dropped", **values, **after}
