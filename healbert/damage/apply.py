"""Controlled damage to a pretrained transformer, and a receipt that proves it."""

import concurrent.futures
import hashlib

import torch

from ..models.layers import find_layers
from ..utils.errors import UserError
from .methods import METHODS
from .receipt import CorruptionReceipt, compare, flat, quick_digest, summarise, versions
from .regions import select_tensors


def corrupt(model, spec):
    """Damages ``model`` in place and returns the receipt.

    Args:
        model: any transformers model with a recognisable stack of layers, with or without a task head, on any
            device, in any floating-point type.
        spec: a `CorruptionSpec`.

    Returns:
        CorruptionReceipt: the touched tensors and totals; every other tensor was checked to be bit-identical.

    Raises:
        UserError: if the layer stack is not found, or its layers share parameters so that ``spec.level`` would
            hit another share than it says, or the weights are not on this machine (meta device, ZeRO-3).
    """
    stack = find_layers(model)
    hit = select_tensors(stack, spec)
    owners = {name: stack.base.get_submodule(name.rpartition(".")[0]) for name, _ in hit}
    _require_values(hit, owners)
    touched = {id(p) for _, p in hit}
    others = [(n, t) for n, t in _named_tensors(model) if id(t) not in touched]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # hashing and tensor arithmetic release the GIL
        others_before = list(pool.map(lambda pair: quick_digest(pair[1]), others))
        tensors = list(pool.map(lambda pair: _replace(*pair, owners[pair[0]], spec), hit))
        others_after = list(pool.map(lambda pair: quick_digest(pair[1]), others))
    changed = [name for (name, _), a, b in zip(others, others_before, others_after, strict=True) if a != b]
    if changed:
        raise RuntimeError(f"tensors outside the damage changed: {', '.join(changed)}")
    summary = summarise(model, stack, spec, hit, len(others))
    return CorruptionReceipt(spec, summary, tensors, versions())


def _require_values(hit, owners):
    for name, parameter in hit:
        _rule(name, parameter, owners[name])
        if parameter.is_meta or parameter.numel() == 0:
            raise UserError(
                f"{name} holds no values in this process (meta device or ZeRO-3 partition); "
                "damage the model before it is sharded"
            )


def _named_tensors(model):
    return [*model.named_parameters(), *model.named_buffers()]


@torch.no_grad()
def _replace(name, parameter, module, spec):
    before = flat(parameter)
    values = torch.empty(parameter.shape, dtype=torch.float32)
    _fill(name, values, module, spec)
    parameter.copy_(values)
    return {"name": name, "shape": list(parameter.shape), "count": parameter.numel(), **compare(before, parameter)}


def _fill(name, values, module, spec):
    rule = _rule(name, values, module)
    if rule == "method":
        METHODS[spec.method](values, module, _generator(spec.seed, name))
    else:
        values.fill_(rule)


def _rule(name, tensor, module):
    leaf = name.rpartition(".")[2]
    if leaf == "bias" or leaf.endswith("_bias"):
        return 0.0
    if "norm" in type(module).__name__.lower():
        return 1.0
    if tensor.ndim >= 2:
        return "method"
    raise UserError(f"no rule for {name}, a vector that is neither a bias nor the weight of a norm layer")


def _generator(seed, name):
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
