"""The points of a scan: where each one damages the model, how strongly, and which bits."""

import dataclasses
import warnings

from ..damage.components import COMPONENTS
from ..damage.hits import read_spans
from ..damage.methods import METHODS
from ..damage.methods.bits import bits_of
from ..damage.selection import select_tensors
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
        UserError: if a layer, component or strength that was named cannot be had, or there is no point at all.
    """
    method = METHODS[scan.method]
    if method.drops:
        raise UserError(f"method '{scan.method}' changes the depth of the model and cannot be undone; choose another")
    if "layers" in scan.options.places:
        scan.spec(corrupt_layers="0")  # a level or a region beside it is refused
    places = [found for place in _places(stack, scan) for found in _with_parts(stack, scan, place)]
    if not places:
        raise UserError(f"--over {scan.options.over}: none of these components is in these layers")
    points = [
        Point(**where, strength=strength, bit=bit, settings=_settings(scan, where, strength, bit))
        for where in _each_once(places)
        for strength in scan.options.strength_list()
        for bit in _bits(scan)
    ]
    for point in points:
        scan.spec(**point.settings)  # a strength or a bit that the method does not take
    return points


def _places(stack, scan):
    """Where along the layers: a list of {"layer", "region"}."""
    wanted, level = scan.options.places, scan.damage.get("corrupt_level")
    if wanted != ["layers"]:
        if wanted and not level:
            raise UserError(f"--over {scan.options.over} needs a --corrupt_level above 0 for its regions")
        return [{"layer": None, "region": region} for region in wanted or [None]]
    total = min(len(side.layers) for side in stack.sides)
    listed = scan.damage.get("corrupt_layers")
    layers = range(total) if listed is None else read_spans(scan.spec(corrupt_layers=listed, **_ANYWHERE).layers)
    missing = [layer for layer in layers if layer >= total]
    if missing:
        raise UserError(f"there is no layer {missing[0]}; the model has layers 0 to {total - 1}")
    return [{"layer": layer, "region": None} for layer in layers]


_ANYWHERE = {"corrupt_components": None}


def _with_parts(stack, scan, place):
    """The place with each component that it has; alone where components are not gone through."""
    if not scan.options.parts:
        _hits(stack, scan, place | {"component": None})  # says why it cannot be hit
        return [place | {"component": None}]
    named = scan.damage.get("corrupt_components")
    names = list(COMPONENTS) if named is None else scan.spec(corrupt_components=named, **_NOWHERE).components.split(",")
    found = [_part(stack, scan, place | {"component": name}, named is not None) for name in names]
    return list(filter(None, found))


_NOWHERE = {"corrupt_layers": None, "corrupt_level": None}


def _part(stack, scan, where, is_named):
    """The place of a component, without a layer where it lies outside them; None where there is none of it."""
    try:
        hits = _hits(stack, scan, where)
    except UserError:
        if is_named and not _is_there(stack, scan, where["component"]):
            raise
        return None
    if hits and all(stack.layer_of(hit.path) is None for hit in hits):
        return {"layer": None, "region": None, "component": where["component"]}
    return where if hits else None


def _is_there(stack, scan, component):
    """Whether any layer has a component of this name, or it lies outside them."""
    try:
        return bool(_hits(stack, scan, {"layer": None, "region": None, "component": component}))
    except UserError:
        return False


def _hits(stack, scan, where):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of levels that are not exact: said when the point is measured
        return select_tensors(stack, scan.spec(**_settings(scan, where)))


def _each_once(places):
    return list({tuple(where.items()): where for where in places}.values())


def _settings(scan, where, strength=None, bit=None):
    """What the damage of a point adds to or takes from that of the whole scan."""
    found = dict(scan.damage)
    if "layers" in scan.options.places:
        found.pop("corrupt_layers", None)
    if where["layer"] is not None:
        found["corrupt_layers"] = str(where["layer"])
    if where["region"] is not None:
        found["corrupt_region"] = where["region"]
    if scan.options.parts:
        found["corrupt_components"] = where["component"]
    if strength is not None:
        found["corrupt_strength"] = strength
    if bit is not None:
        found["corrupt_options"] = ",".join(filter(None, (found.get("corrupt_options"), f"bits={bit}")))
    return found


def _bits(scan):
    """The bits to go through; [None] where none were asked for."""
    if scan.options.by_bit is None:
        return [None]
    spec = scan.spec(**_NOWHERE)
    if "bits" not in spec.options or "type" not in spec.options:
        known = ", ".join(name for name in METHODS if {"bits", "type"} <= set(METHODS[name].options))
        raise UserError(f"--by_bit goes with methods that hit single bits ({known}), not with '{scan.method}'")
    kind = "float32" if spec.options["type"] == "own" else spec.options["type"]  # models are loaded so
    return bits_of(scan.options.by_bit, kind)
