"""The points of a scan: where each one damages the model, how strongly, and which bits."""

import dataclasses
import warnings

from ..damage.components import COMPONENTS
from ..damage.selection import select_tensors
from ..damage.spans import read_spans
from ..utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class Point:
    """One damage of a scan, apart from its seed.

    Args:
        layer, region, component, strength, bit: what it is of each; None of what is not gone through.
        settings: the ``corrupt_...`` settings that make it, by name: those of a run with the same damage.
    """

    layer: int | None
    region: str | None
    component: str | None
    strength: float | None
    bit: int | None
    settings: dict

    def describe(self):
        """What scan.json says of it."""
        return dataclasses.asdict(self)

    def line(self):
        """The point in a few words."""
        place = self.region if self.layer is None else f"layer {self.layer}"
        strength = None if self.strength is None else f"{self.strength:g}"
        bit = None if self.bit is None else f"bit {self.bit}"
        return " ".join(filter(None, (place, self.component, strength, bit))) or "all"


def plan(stack, scan):
    """The points of a scan, in the order in which they are measured: those of one place together.

    Args:
        stack: the `LayerStack` of the model.
        scan: a `Scan`.

    Raises:
        UserError: if a layer or component that was named cannot be had, or there is no point at all.
    """
    places = [found for place in _places(stack, scan) for found in _with_parts(stack, scan, place)]
    if not places:
        raise UserError(f"--over {scan.options.over}: none of these components is in these layers")
    return [
        Point(**where, strength=strength, bit=bit, settings=scan.damage_at(**where, strength=strength, bit=bit))
        for where in _each_once(places)
        for strength in scan.options.strength_list()
        for bit in scan.bits()
    ]


def _places(stack, scan):
    """Where along the layers: a list of {"layer", "region"}."""
    wanted = scan.options.places
    if wanted != ["layers"]:
        return [{"layer": None, "region": region} for region in wanted or [None]]
    total = min(len(side.layers) for side in stack.sides)
    listed = scan.damage.get("corrupt_layers")
    layers = range(total) if listed is None else read_spans(scan.spec({"corrupt_layers": listed}).layers)
    missing = [layer for layer in layers if layer >= total]
    if missing:
        raise UserError(f"there is no layer {missing[0]}; the model has layers 0 to {total - 1}")
    return [{"layer": layer, "region": None} for layer in layers]


def _with_parts(stack, scan, place):
    """The place with each component that it has; alone where components are not gone through."""
    if not scan.options.parts:
        return [_inside_or_not(stack, _hits(stack, scan, place | {"component": None}), place | {"component": None})]
    named = scan.damage.get("corrupt_components")
    names = list(COMPONENTS) if named is None else scan.spec({"corrupt_components": named}).components.split(",")
    found = [_part(stack, scan, place | {"component": name}, named is not None) for name in names]
    return list(filter(None, found))


def _part(stack, scan, where, is_named):
    """The place of a component, without a layer where it lies outside them; None where there is none of it."""
    try:
        hits = _hits(stack, scan, where)
    except UserError:
        if is_named and not _is_there(stack, scan, where["component"]):
            raise
        return None
    return _inside_or_not(stack, hits, where) if hits else None


def _inside_or_not(stack, hits, where):
    """The place, without a layer or a region where all that is hit lies outside the layers."""
    outside = bool(hits) and all(stack.layer_of(hit.path) is None for hit in hits)
    return where | {"layer": None, "region": None} if outside else where


def _is_there(stack, scan, component):
    """Whether any layer has a component of this name, or it lies outside them."""
    try:
        return bool(_hits(stack, scan, {"layer": None, "region": None, "component": component}))
    except UserError:
        return False


def _hits(stack, scan, where):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of levels that are not exact: said when the point is measured
        return select_tensors(stack, scan.spec(scan.damage_at(**where)))


def _each_once(places):
    return list({tuple(where.items()): where for where in places}.values())
