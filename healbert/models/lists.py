"""The lists of modules in a model that may be its stack of layers, and which of them is meant."""

import dataclasses

from torch import nn

from ..utils.errors import UserError
from .wrappers import modules_by_path


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may be a stack: its path, its layers, the paths of their parts, the order in which they are applied."""

    path: str
    layers: tuple
    paths: tuple
    config: object  # of the model part that holds it
    container: nn.ModuleList | None = None

    @property
    def order(self):
        """The indices of the layers as a text passes through them."""
        return _order(self.config, len(self.layers))


def choose(base, side, name):
    """The stacks of ``base`` that are meant: a list of one `Candidate`, or of two for both sides.

    Args:
        base: a model without its head.
        side: "encoder", "decoder" or "both".
        name: what to call the model in an error.

    Raises:
        UserError: if it is not known which is meant.
    """
    candidates = _of_texts(_joined(_lists(base), modules_by_path(base)))
    if not candidates:
        raise UserError(_no_stack(base, name))
    by_side = {kind: [c for c in candidates if kind in c.path.split(".")[0]] for kind in ("encoder", "decoder")}
    if getattr(getattr(base, "config", None), "is_encoder_decoder", False) and all(by_side.values()):
        sides = ("encoder", "decoder") if side == "both" else (side,)
        return [_only(by_side[kind], None, name) for kind in sides]
    if side != "encoder":
        raise UserError(f"{name} has one stack of layers and no {side} beside it; leave out --corrupt_side")
    return [_only(candidates, _depth(getattr(base, "config", None)), name)]


def _depth(config):
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return getattr(text, "num_hidden_layers", None)


def _only(candidates, depth, name):
    """The one that is meant: as long as the model's depth, or as that of the part that holds it."""
    exact = [c for c in candidates if len(c.layers) == (depth or getattr(c.config, "num_hidden_layers", None))]
    shared = [c for c in candidates if len(c.order) > len(c.layers)]
    found = exact or shared or candidates
    if len(found) > 1:
        shown = ", ".join(sorted(c.path for c in found))
        raise UserError(
            f"{name} has several stacks of layers ({shown}), and neither their lengths nor its configuration tell "
            "which is meant; use a model with one encoder or one decoder"
        )
    return found[0]


def _order(config, layers):
    """Which layer is applied when: by the settings of the few architectures that apply layers several times."""
    groups, depth = getattr(config, "num_hidden_groups", None), getattr(config, "num_hidden_layers", None)
    if groups == layers and depth:  # ALBERT: layer i is of group i * groups // depth
        return tuple(index * groups // depth for index in range(depth))
    if getattr(config, "num_self_attends_per_block", None) == layers:  # Perceiver: all of them, then all again
        return tuple(range(layers)) * config.num_blocks
    sizes, repeats = getattr(config, "block_sizes", None), getattr(config, "block_repeats", None)
    if sizes and repeats and sum(sizes) == layers:  # Funnel: each layer of a block several times in a row
        each = [count for size, count in zip(sizes, repeats, strict=True) for _ in range(size)]
        return tuple(index for index, count in enumerate(each) for _ in range(count))
    return tuple(range(layers))


def _lists(base):
    """The outermost lists of layers: (path, list) pairs."""
    found = {}
    for path, module in modules_by_path(base).items():
        inside_found = any(path.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and not inside_found and _holds_layers(module):
            found[path] = module
    return found


def _holds_layers(modules):
    """Whether a list holds layers: modules with maps in them, some of which may have been put out of use."""
    if len(modules) and all(isinstance(module, nn.ModuleList) for module in modules):
        return all(_holds_layers(module) for module in modules)
    simple = (nn.ModuleList, nn.Linear, nn.Embedding)
    return any(_has_weights(m) for m in modules) and all(
        not isinstance(m, simple) and (any(p.ndim >= 2 for p in m.parameters()) or not _has_weights(m)) for m in modules
    )


def _has_weights(module):
    return any(True for _ in module.parameters())


def _joined(lists, modules):
    """Candidates: lists that lie in one module and are equally long, and lists in a list, are one."""
    found, used = [], set()
    for path, layers in lists.items():
        if path in used:
            continue
        beside = _beside(path, lists, modules)
        used.update(beside)
        if len(beside) > 1:
            found.append(_parallel(beside, modules))
        elif isinstance(layers[0], nn.ModuleList):
            found.append(_nested(path, layers, modules))
        else:
            found.append(_single(path, layers, modules))
    return found


def _beside(path, lists, modules):
    """The paths of the lists that make up layers together with this one: itself alone, for most."""
    parent, length = path.rpartition(".")[0], len(modules[path])
    of_layers = [p for p, found in lists.items() if p.rpartition(".")[0] == parent and len(found) == length]
    if len(of_layers) < 2:
        return [path]
    alike = [p for p, m in modules.items() if isinstance(m, nn.ModuleList) and len(m) == length]
    return [p for p in alike if p.rpartition(".")[0] == parent and all(_has_weights(m) for m in modules[p])]


def _single(path, layers, modules):
    real = {index: layer for index, layer in enumerate(layers) if _has_weights(layer)}
    paths = tuple((f"{path}.{index}",) for index in real)
    return Candidate(path, tuple(real.values()), paths, _config_above(path, modules), layers)


def _nested(path, blocks, modules):
    paths = tuple((f"{path}.{i}.{j}",) for i, block in enumerate(blocks) for j in range(len(block)))
    layers = tuple(layer for block in blocks for layer in block)
    return Candidate(path, layers, paths, _config_above(path, modules))


def _parallel(lists, modules):
    paths = tuple(zip(*([f"{path}.{index}" for index in range(len(modules[path]))] for path in lists), strict=True))
    layers = tuple(nn.ModuleList(parts) for parts in zip(*(modules[path] for path in lists), strict=True))
    return Candidate(", ".join(lists), layers, paths, _config_above(lists[0], modules))


def _config_above(path, modules):
    """The configuration of the innermost part of the model that holds a list and has one of its own."""
    while True:
        config = getattr(modules[path], "config", None)
        if config is not None or not path:
            return config
        path = path.rpartition(".")[0]


def _of_texts(candidates):
    """Of a model that takes pictures or sounds as well, those in the part that has a vocabulary."""
    of_texts = [c for c in candidates if getattr(c.config, "vocab_size", None)]
    return of_texts or candidates


def _no_stack(base, name):
    packed = next((p for p, m in base.named_modules() if hasattr(m, "_packed_params")), None)
    if packed:
        return f"{packed} of {name} holds quantised weights; damage the model before it is quantised"
    return (
        f"no stack of layers recognised in {name}: it has no list of equal modules; "
        "use a transformer encoder or decoder such as google-bert/bert-base-uncased"
    )
