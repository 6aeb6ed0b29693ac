"""Controlled damage to a pretrained transformer, and a receipt that proves it."""

import concurrent.futures
import contextlib
import dataclasses
import warnings

import torch

from ..models.layers import find_layers
from ..models.wrappers import base_of, places
from ..utils.draws import seed_of
from ..utils.errors import UserError
from .hits import Hit
from .methods import METHODS
from .methods.base import Job
from .methods.draws import generator_of
from .own_values import own_values
from .receipt import CorruptionReceipt, compare, quick_digest, summarise, versions
from .rules import Rule, rule_of
from .selection import select_tensors
from .series import as_list, corrupt_in_a_row
from .shorter import drop_layers

SAME = 0.1  # relative L2 distance below which values are not new
SAID = {"one": "scale 1", "zero": "zero", "keep": "kept", "own": "own initial values", "method": "method"}


def corrupt(model, spec, undoable=True, donor=None):
    """Damages ``model`` in place and returns the receipt.

    Args:
        model: any transformers model with a recognisable stack of layers, with or without a task head, wrapped (PEFT,
            DataParallel, compiled) or not, on any device, in any floating-point type.
        spec: a `CorruptionSpec`, or a list of them, which are applied one after another.
        undoable: whether the receipt keeps what was there, on the CPU, so that its ``undo`` can bring it back.
        donor: a model for methods that take values from another one, or {name: model}; default: what ``spec.donor``
            names.

    Returns:
        CorruptionReceipt: the touched tensors and totals; every other tensor was checked to be bit-identical.

    Raises:
        UserError: if the layer stack is not found, or its layers share parameters so that ``spec.level`` would
            hit another share than it says, or there is no rule for a tensor, or the weights are not on this machine
            (meta device, ZeRO-3) or not floating-point values.
    """
    spec, *further = as_list(spec)
    if further:
        return corrupt_in_a_row(corrupt, model, [spec, *further], undoable, donor)
    stack = find_layers(model, spec.side)
    hit = select_tensors(stack, spec)
    others, not_finite = _others(model, hit), _not_finite(stack)
    if METHODS[spec.method].drops and hit:
        return _drop(model, stack, spec, hit, others, not_finite)
    steps = _plan(stack, hit, spec, donor)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # hashing and tensor arithmetic release the GIL
        others_before = list(pool.map(lambda read: quick_digest(read()), others.values()))
        done = list(pool.map(lambda step: _replace(step, spec, undoable), steps))
        others_after = list(pool.map(lambda read: quick_digest(read()), others.values()))
    _require_same(others, others_before, others_after)
    entries = [entry for entry, _ in done]
    _warn_of_same(spec, entries)
    summary = summarise(model, stack, hit, entries, len(others)) | {"not_finite_before": not_finite}
    return CorruptionReceipt(spec, summary, entries, versions(), [kept for _, kept in done] if undoable else None)


def _drop(model, stack, spec, hit, others, not_finite):
    summary = summarise(model, stack, hit, [], len(others)) | {"not_finite_before": not_finite}
    before = [quick_digest(read()) for read in others.values()]
    entries = drop_layers(model, stack, hit)
    _require_same(others, before, [quick_digest(read()) for read in others.values()])
    return CorruptionReceipt(spec, summary, entries, versions())


def _require_same(others, before, after):
    changed = [name for name, a, b in zip(others, before, after, strict=True) if a != b]
    if changed:
        raise RuntimeError(f"tensors outside the damage changed: {', '.join(changed)}")


def _warn_of_same(spec, entries):
    """Warns where a model has been damaged in the same way before: new values would be apart by the norm of both."""
    drawn = [entry for entry in entries if entry["rule"] == "method" and entry["relative_l2"] is not None]
    same = [entry["name"] for entry in drawn if entry["relative_l2"] < SAME]
    if METHODS[spec.method].anew and same:
        warnings.warn(
            f"{len(same)} of {len(drawn)} tensors (the first is {same[0]}) hold what {spec.method} draws with seed "
            f"{spec.seed}, or nearly, as if damaged so before: for them this is no damage; choose another seed",
            stacklevel=3,
        )


@contextlib.contextmanager
def corrupted(model, spec, donor=None):
    """A context in which ``model`` is damaged; on leaving, every bit is as it was. Gives the receipt.

    Args: as of `corrupt`.

    Raises:
        UserError: as of `corrupt`, and for methods that take layers out, which nothing brings back.
    """
    lasting = next((one.method for one in as_list(spec) if METHODS[one.method].drops and not one.intact), None)
    if lasting:
        raise UserError(f"{lasting} cannot be undone; damage a copy of the model with corrupt")
    receipt = corrupt(model, spec, donor=donor)
    try:
        yield receipt
    finally:
        receipt.undo(model)


@dataclasses.dataclass(frozen=True)
class _Step:
    """What is to be done to one hit.

    Args:
        hit: the `Hit`.
        owner: the module that holds its parameter.
        rule: the parameter's `Rule`.
        asked: what becomes of it: "method", "keep", "one", "zero" or "own".
        given: keywords of the method's function beside its options.
    """

    hit: Hit
    owner: torch.nn.Module
    rule: Rule
    asked: str
    given: dict = dataclasses.field(default_factory=dict)


def _plan(stack, hit, spec, donor=None):
    """Everything that may be refused is found out here, before anything is changed."""
    found = {id(place.parameter): place for place in reversed(stack.places)}
    steps = [_step(stack, found[id(one.parameter)], one, spec) for one in hit]
    packed = next((n for n, m in stack.base.named_modules() if hasattr(m, "_packed_params")), None)
    if hit and packed:
        raise UserError(f"{packed} holds quantised weights; damage the model before it is quantised")
    method, changed = METHODS[spec.method], [step.hit for step in steps if step.asked == "method"]
    if method.prepare is None or not changed:
        return steps
    with torch.no_grad():
        context = method.prepare(Job(stack, spec, hit, changed, _donor(spec, donor)), **spec.options)
    return [dataclasses.replace(s, given=s.given | {"name": s.hit.name, "context": context}) for s in steps]


def _donor(spec, model):
    """{path inside the base model: parameter} of the donor; None where there is none."""
    model = model.get(spec.donor) if isinstance(model, dict) else model
    if model is None and spec.donor is not None:
        from transformers import AutoModel

        model = AutoModel.from_pretrained(spec.donor, use_safetensors=True)
    return None if model is None else {place.path: place.parameter for place in places(base_of(model))}


def _step(stack, place, hit, spec):
    method, rule = METHODS[spec.method], rule_of(place, stack.layer_of(place.path) is not None)
    if place.parameter.is_meta or place.parameter.numel() == 0:
        raise UserError(
            f"{place.path} holds no values in this process (meta device or ZeRO-3 partition); "
            "damage the model before it is sharded"
        )
    asked = {"norm": method.norms, "bias": method.biases, "map": "method", "own": method.others}[rule.kind]
    if asked == "own":
        return _Step(hit, place.owner, rule, asked, {"values": _own(place, spec.seed)})
    return _Step(hit, place.owner, rule, asked, {"layout": rule.layout} if method.layout else {})


def _own(place, seed):
    values = own_values(place, seed_of(seed, place.path))
    if values is None:
        raise UserError(
            f"no rule for {place.path}: it is neither a norm, a bias nor a map, and its architecture gives it no "
            "initial values of its own"
        )
    return values


def _not_finite(stack):
    """The paths of parameters that hold NaN or infinity before anything is damaged, with a warning."""
    held = {id(place.parameter): place for place in reversed(stack.places)}
    found = [place.path for place in list(held.values())[::-1] if not _is_finite(place.parameter.detach())]
    if found:
        warnings.warn(
            f"{len(found)} tensors hold NaN or infinite values before any damage, the first {found[0]}", stacklevel=3
        )
    return found


def _is_finite(values):
    # A sum takes a fifth of the time of looking at each value; one that overflowed is no proof.
    if values.is_meta or not values.is_floating_point():
        return True
    return bool(values.sum(dtype=torch.float32).isfinite()) or bool(values.isfinite().all())


def _others(model, hit):
    """What must stay as it is: {name: function that reads it}; of a tensor that is hit in part, the rest."""
    touched = {id(one.parameter) for one in hit}
    named = [*model.named_parameters(), *model.named_buffers()]
    whole = {name: tensor.detach for name, tensor in named if id(tensor) not in touched}
    return whole | {f"rest of {one.path}": one.rest().read for one in hit if one.rest()}


@torch.no_grad()
def _replace(step, spec, undoable):
    hit, before = step.hit, step.hit.read()
    hit.write(_new_values(step, before, spec))
    entry = {"name": hit.name, "shape": hit.shape, "count": hit.count, "rule": SAID[step.asked]}
    return entry | compare(before, hit.read()), (hit, before) if undoable else None


def _new_values(step, before, spec):
    """The values after the damage, float32 on the CPU: the method's, or what it says of norms, biases and others."""
    original = before.float()
    if step.asked == "keep":
        return before
    if step.asked in ("one", "zero"):  # the rules of the paper, section 3
        return torch.full_like(original, step.rule.neutral if step.asked == "one" else 0.0)
    if step.asked == "own":
        return step.hit.of(step.given["values"])
    # In float32 whatever the model's type is, so that the draw is the same for all types.
    generator = generator_of(spec.seed, step.hit.name)
    values = METHODS[spec.method].function(original.clone(), step.owner, generator, **step.given, **spec.options)
    _check_values(values, before, step.hit.name, spec)
    return values


def _check_values(values, before, name, spec):
    if not isinstance(values, torch.Tensor) or values.shape != before.shape:
        found = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise UserError(f"method '{spec.method}' gave {found} for {name}, which has shape {tuple(before.shape)}")
    # As the model will hold them: a value that float32 can hold may overflow float16.
    stored = values.to(before.dtype).float()
    if not METHODS[spec.method].finite or _is_finite(stored):
        return
    if (before.float().isfinite() & ~stored.isfinite()).any():
        kind = str(before.dtype).removeprefix("torch.")
        raise UserError(f"method '{spec.method}' gave values for {name} that are not finite in {kind}")
