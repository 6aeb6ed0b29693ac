"""Controlled damage to a pretrained transformer, and a receipt that proves it."""

import concurrent.futures

import torch

from ..models.layers import find_layers
from ..utils.errors import UserError
from .components import role
from .methods import METHODS
from .methods.base import Job
from .methods.draws import generator_of
from .receipt import CorruptionReceipt, compare, flat, quick_digest, summarise, versions
from .regions import select_tensors

CONSTANTS = {"one": 1.0, "zero": 0.0}  # the rules of the paper, section 3


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
    roles = {name: role(name, parameter, owners[name]) for name, parameter in hit}
    more = _context(Job(stack, spec, hit, roles))
    touched = {id(p) for _, p in hit}
    others = [(n, t) for n, t in _named_tensors(model) if id(t) not in touched]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # hashing and tensor arithmetic release the GIL
        others_before = list(pool.map(lambda pair: quick_digest(pair[1]), others))
        tensors = list(pool.map(lambda pair: _replace(*pair, owners[pair[0]], spec, more), hit))
        others_after = list(pool.map(lambda pair: quick_digest(pair[1]), others))
    changed = [name for (name, _), a, b in zip(others, others_before, others_after, strict=True) if a != b]
    if changed:
        raise RuntimeError(f"tensors outside the damage changed: {', '.join(changed)}")
    summary = summarise(model, stack, hit, len(others))
    return CorruptionReceipt(spec, summary, tensors, versions())


def _require_values(hit, owners):
    for name, parameter in hit:
        if role(name, parameter, owners[name]) is None:
            raise UserError(f"no rule for {name}, a vector that is neither a bias nor the weight of a norm layer")
        if parameter.is_meta or parameter.numel() == 0:
            raise UserError(
                f"{name} holds no values in this process (meta device or ZeRO-3 partition); "
                "damage the model before it is sharded"
            )


def _named_tensors(model):
    return [*model.named_parameters(), *model.named_buffers()]


@torch.no_grad()
def _context(job):
    """What the method's function is given beside its options: a function of the tensor's path that gives keywords."""
    method = METHODS[job.spec.method]
    if method.prepare is None or not job.hit:
        return lambda name: {}
    context = method.prepare(job, **job.spec.options)
    return lambda name: {"name": name, "context": context}


@torch.no_grad()
def _replace(name, parameter, module, spec, more):
    before = flat(parameter)
    parameter.copy_(_new_values(name, before.view(parameter.shape), module, spec, more))
    return {"name": name, "shape": list(parameter.shape), "count": parameter.numel(), **compare(before, parameter)}


def _new_values(name, before, module, spec, more):
    """The values after the damage, float32 on the CPU: the method's, or what it says of norms and biases."""
    method, original = METHODS[spec.method], before.float()
    rule = {"norm": method.norms, "bias": method.biases, "map": "method"}[role(name, before, module)]
    if rule == "keep":
        return original
    if rule in CONSTANTS:
        return torch.full_like(original, CONSTANTS[rule])
    # In float32 whatever the model's type is, so that the draw is the same for all types.
    values = method.function(original.clone(), module, generator_of(spec.seed, name), **more(name), **spec.options)
    _check_values(values, before, name, spec, method.finite)
    return values


def _check_values(values, before, name, spec, finite):
    if not isinstance(values, torch.Tensor) or values.shape != before.shape:
        found = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise UserError(f"method '{spec.method}' gave {found} for {name}, which has shape {tuple(before.shape)}")
    # As the model will hold them: a value that float32 can hold may overflow float16.
    stored = values.to(before.dtype).float()
    if finite and (before.float().isfinite() & ~stored.isfinite()).any():
        kind = str(before.dtype).removeprefix("torch.")
        raise UserError(f"method '{spec.method}' gave values for {name} that are not finite in {kind}")
