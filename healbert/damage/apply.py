"""Controlled damage to a pretrained transformer, and a receipt that proves it."""

import concurrent.futures
import dataclasses
import hashlib
import warnings

import torch

from ..models.layers import find_layers
from ..models.wrappers import Place
from ..utils.errors import UserError
from .methods import METHODS
from .own_values import own_values
from .receipt import CorruptionReceipt, compare, flat, quick_digest, summarise, versions
from .regions import select_tensors
from .rules import rule_of

SAID = {"one": "scale 1", "zero": "zero", "keep": "kept", "method": "method"}  # in the receipt


def corrupt(model, spec):
    """Damages ``model`` in place and returns the receipt.

    Args:
        model: any transformers model with a recognisable stack of layers, with or without a task head, wrapped (PEFT,
            DataParallel, compiled) or not, on any device, in any floating-point type.
        spec: a `CorruptionSpec`.

    Returns:
        CorruptionReceipt: the touched tensors and totals; every other tensor was checked to be bit-identical.

    Raises:
        UserError: if the layer stack is not found, or its layers share parameters so that ``spec.level`` would
            hit another share than it says, or there is no rule for a tensor, or the weights are not on this machine
            (meta device, ZeRO-3) or not floating-point values.
    """
    stack = find_layers(model, spec.side)
    hit = select_tensors(stack, spec)
    steps = _plan(stack, hit, spec)
    touched = {id(p) for _, p in hit}
    others = [(n, t) for n, t in _named_tensors(model) if id(t) not in touched]
    not_finite = _not_finite(model, stack)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # hashing and tensor arithmetic release the GIL
        others_before = list(pool.map(lambda pair: quick_digest(pair[1]), others))
        tensors = list(pool.map(lambda step: _replace(step, spec), steps))
        others_after = list(pool.map(lambda pair: quick_digest(pair[1]), others))
    changed = [name for (name, _), a, b in zip(others, others_before, others_after, strict=True) if a != b]
    if changed:
        raise RuntimeError(f"tensors outside the damage changed: {', '.join(changed)}")
    summary = summarise(model, stack, hit, len(others)) | {"not_finite_before": not_finite}
    return CorruptionReceipt(spec, summary, tensors, versions())


@dataclasses.dataclass(frozen=True)
class _Step:
    """What is to be done to one tensor: ``says`` it in the receipt, ``values`` are those that are known already."""

    place: Place
    says: str
    values: torch.Tensor | float | None = None


def _plan(stack, hit, spec):
    """Everything that may be refused is found out here, before anything is changed."""
    places = {id(place.parameter): place for place in reversed(stack.places)}
    steps = [_step(stack, places[id(parameter)], METHODS[spec.method], spec.seed) for _, parameter in hit]
    packed = next((n for n, m in stack.base.named_modules() if hasattr(m, "_packed_params")), None)
    if hit and packed:
        raise UserError(f"{packed} holds quantised weights; damage the model before it is quantised")
    return steps


def _step(stack, place, method, seed):
    rule = rule_of(place, stack.layer_of(place.path) is not None)
    if place.parameter.is_meta or place.parameter.numel() == 0:
        raise UserError(
            f"{place.path} holds no values in this process (meta device or ZeRO-3 partition); "
            "damage the model before it is sharded"
        )
    asked = {"norm": method.norms, "bias": method.biases, "map": "method", "own": method.others}[rule.kind]
    if asked == "own":
        values = own_values(place, _seed(seed, place.path))
        if values is None:
            raise UserError(
                f"no rule for {place.path}: it is neither a norm, a bias nor a map, and its architecture gives it no "
                "initial values of its own"
            )
        return _Step(place, "own initial values", values)
    known = {"one": rule.neutral, "zero": 0.0}  # the rules of the paper, section 3
    return _Step(place, SAID[asked], known.get(asked))


def _not_finite(model, stack):
    """The paths of parameters that hold NaN or infinity before anything is damaged, with a warning."""
    found = [p.path for p in stack.places if not p.parameter.is_meta and not p.parameter.detach().isfinite().all()]
    found = list(dict.fromkeys(found))
    if found:
        warnings.warn(
            f"{len(found)} tensors hold NaN or infinite values before any damage, the first {found[0]}", stacklevel=3
        )
    return found


def _named_tensors(model):
    return [*model.named_parameters(), *model.named_buffers()]


@torch.no_grad()
def _replace(step, spec):
    name, parameter = step.place.path, step.place.parameter
    before = flat(parameter)
    parameter.copy_(_new_values(step, before.view(parameter.shape), spec))
    entry = {"name": name, "shape": list(parameter.shape), "count": parameter.numel(), "rule": step.says}
    return {**entry, **compare(before, parameter)}


def _new_values(step, before, spec):
    """The values after the damage, float32 on the CPU: the method's, or what it says of norms, biases and others."""
    name, original = step.place.path, before.float()
    if step.says == "kept":
        return original
    if step.values is not None:
        return step.values if isinstance(step.values, torch.Tensor) else torch.full_like(original, step.values)
    # In float32 whatever the model's type is, so that the draw is the same for all types.
    given, generator = original.clone(), torch.Generator().manual_seed(_seed(spec.seed, name))
    given.leaf = step.place.leaf  # a module may hold several maps, each laid out its own way
    values = METHODS[spec.method].function(given, step.place.owner, generator, **spec.options)
    _check_values(values, before, name, spec)
    return values


def _check_values(values, before, name, spec):
    if not isinstance(values, torch.Tensor) or values.shape != before.shape:
        found = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise UserError(f"method '{spec.method}' gave {found} for {name}, which has shape {tuple(before.shape)}")
    # As the model will hold them: a value that float32 can hold may overflow float16.
    stored = values.to(before.dtype).float()
    if (before.float().isfinite() & ~stored.isfinite()).any():
        kind = str(before.dtype).removeprefix("torch.")
        raise UserError(f"method '{spec.method}' gave values for {name} that are not finite in {kind}")


def _seed(seed, name):
    # Of the seed and the path alone: the same bits whatever else the model holds, and in whichever order it is damaged.
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # 63 bits: manual_seed takes no more
