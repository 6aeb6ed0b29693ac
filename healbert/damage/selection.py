"""Which tensors a spec hits: layers, what of them, and what lies outside them."""

import numbers
import re
import warnings

from ..utils.errors import UserError, check_choice
from .components import COMPONENTS, is_norm
from .hits import Hit, as_hit, join
from .regions import REGIONS, layers_hit
from .sharing import require_alone
from .spans import read_spans


def select_tensors(stack, spec):
    """What ``spec`` hits: a list of `Hit`, in depth order.

    Looks at names and shapes alone, so that the model may be on the meta device.

    Raises:
        UserError: if what is asked for cannot be had in this model.
    """
    if spec.intact:
        return []
    chosen = [hit for side in stack.sides for hit in _of_side(side, spec)]
    before = _outside("embeddings", stack) if spec.embeddings else []
    after = _outside("pooler", stack) if spec.pooler else []
    # Each once: what several layers share, or an encoder and a decoder.
    found = list({id(hit.parameter): hit for hit in [*before, *chosen, *after]}.values())
    return _without_norms(stack, found) if spec.keep_norms else found


def _outside(component, stack):
    return [as_hit(found) for found in COMPONENTS[component](stack)]


def _of_side(stack, spec):
    everything = [Hit(path, parameter) for path, parameter in stack.parameters()]
    if spec.unit == "layer":
        found = _narrow(stack, _whole_layers(stack, spec), spec)
    else:
        found = _up_to_level(_narrow(stack, everything, spec), spec)
    return _inverted(everything, found) if spec.invert else found


def _inverted(everything, found):
    by_parameter = {id(hit.parameter): hit for hit in found}
    rest = [by_parameter[id(hit.parameter)].rest() if id(hit.parameter) in by_parameter else hit for hit in everything]
    if not any(rest):
        raise UserError("--corrupt_invert leaves nothing to hit: all of the encoder was chosen")
    return [hit for hit in rest if hit]


def _without_norms(stack, hits):
    places = {id(place.parameter): place for place in reversed(stack.places)}
    return [hit for hit in hits if not is_norm(places[id(hit.parameter)], stack)]


def _narrow(stack, hits, spec):
    """Of what lies in the layers, what the components and the pattern name."""
    if spec.components:
        hits = _of_components(stack, hits, spec.components)
    if spec.parameters:
        found = [hit for hit in hits if re.search(spec.parameters, hit.path)]
        if not found:
            listed = ", ".join(hit.path for hit in hits[:3])
            raise UserError(f"--corrupt_parameters {spec.parameters} matches nothing; here are {listed} ...")
        hits = found
    return hits


def _of_components(stack, hits, names):
    named = {}
    for name in names.split(","):
        check_choice("component", name, COMPONENTS)
        for found in map(as_hit, COMPONENTS[name](stack)):
            named[id(found.parameter)] = join(named.get(id(found.parameter)), found)
    here = {id(hit.parameter) for hit in hits}
    inside = [named[id(hit.parameter)] for hit in hits if id(hit.parameter) in named]
    outside = [hit for key, hit in named.items() if key not in here and stack.layer_of(hit.path) is None]
    if not inside and not outside:
        raise UserError(f"--corrupt_components {names} matches nothing in these layers; {_matching(stack, here)}")
    return [*inside, *outside]


def _matching(stack, here):
    found = []
    for name in COMPONENTS:
        try:
            if any(id(as_hit(hit).parameter) in here for hit in COMPONENTS[name](stack)):
                found.append(name)
        except UserError:
            continue  # it cannot be told apart here, so it is no suggestion
    return f"there are {', '.join(found) or 'none that have a name'}"


def _whole_layers(stack, spec):
    indices = _listed(stack, spec.layers) if spec.layers is not None else _indices(stack, spec)
    if spec.layers is None:
        _compare_levels(stack, spec, len(indices) / len(stack.layers))
    require_alone(stack, indices, f"level {spec.level:g}" if spec.layers is None else f"layers {spec.layers}")
    return [Hit(*pair) for index in indices for pair in stack.layer_parameters(index)]


def _listed(stack, layers):
    found, total = read_spans(layers), len(stack.layers)
    missing = [index for index in found if index >= total]
    if missing:
        raise UserError(
            f"--corrupt_layers {layers}: there is no layer {missing[0]}; the model has layers 0 to {total - 1}"
        )
    return found


def _indices(stack, spec):
    """The layers that the region names, in depth order; a plugin's function may return anything."""
    total, given = len(stack.layers), REGIONS[spec.region](stack, spec)
    named = list(given) if hasattr(given, "__iter__") else [given]
    if not all(_is_index(index, total) for index in named) or len(set(named)) < len(named):
        shown = f"layers {named}" if hasattr(given, "__iter__") else given
        raise UserError(
            f"corruption region '{spec.region}' names {shown}; each must be one of 0 to {total - 1}, once, in a list"
        )
    # A level too small for one layer is a rounding, which has its warning; else the model would silently stay intact.
    if not named and layers_hit(spec.level, stack) > 0:
        raise UserError(
            f"corruption region '{spec.region}' names no layers at level {spec.level:g}; "
            f"it must return at least one of 0 to {total - 1}"
        )
    return sorted(int(index) for index in named)


def _is_index(value, total):
    # True counts as 1 in Python: a mask of layers would pass for a list of indices.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and 0 <= value < total


def _compare_levels(stack, spec, effective):
    """Refuses or warns of a level that whole layers cannot make."""
    if effective == spec.level:
        return
    total, hit = len(stack.layers), round(effective * len(stack.layers))
    if stack.repeats > 1:
        raise UserError(
            f"level {spec.level:g} cannot be applied: the model applies {total} group(s) of layers that share their "
            f"parameters {stack.repeats} times each; use level 0 or 1, or --corrupt_unit parameter"
        )
    if hit != layers_hit(spec.level, stack):
        warnings.warn(
            f"corruption region '{spec.region}' names {hit} of {total} layers, not level {spec.level:g} of them",
            stacklevel=5,
        )
        return
    warnings.warn(
        f"level {spec.level:g} of {total} layers is not a whole number: {hit} layers are damaged, "
        f"an effective level of {effective:.4g}",
        stacklevel=5,
    )


def _up_to_level(hits, spec):
    """Tensors from one end until their share of the scalars comes as near the level as whole tensors allow."""
    if spec.region not in ("bottom", "top"):
        raise UserError(f"corruption region '{spec.region}' goes by whole layers; leave out --corrupt_unit parameter")
    ordered = hits if spec.region == "bottom" else hits[::-1]
    target = spec.level * sum(hit.count for hit in hits)
    best, reached, distance = 0, 0, target
    for position, hit in enumerate(ordered, start=1):
        reached += hit.count
        if abs(reached - target) <= distance:  # of two equally near, the one with more tensors
            best, distance = position, abs(reached - target)
    return ordered[:best] if spec.region == "bottom" else ordered[:best][::-1]
