"""What a scan went through, as the axes of its table and its maps."""

import pathlib

from ..utils.text import clean

PLACE, COMPONENT, STRENGTH, BIT = "place", "component", "strength", "bit"
OUTSIDE = "outside"  # of the layers: embeddings, pooler


def label(point, axis):
    """What a point is on an axis, as a text; "" where it is nothing there."""
    if axis == PLACE:
        layer = point.get("layer")
        return str(layer) if layer is not None else clean(point.get("region") or "")
    value = point.get(axis)
    return "" if value is None else f"{value:g}" if axis == STRENGTH else clean(str(value))


def axes_of(points):
    """{axis: its labels, in the order of the scan} of what was gone through."""
    found = {axis: list(dict.fromkeys(label(p, axis) for p in points)) for axis in (PLACE, COMPONENT, STRENGTH, BIT)}
    return {axis: labels for axis, labels in found.items() if any(labels)}


def title_of(axis, points):
    """What an axis is called."""
    if axis == PLACE:
        return "layer" if any(point.get("layer") is not None for point in points) else "region"
    return axis


def shown(text):
    """A label as tables and maps show it."""
    return text or OUTSIDE


def repeated(scan):
    """Whether its points have several draws each."""
    return any(len(point["draws"]) > 1 for point in scan["points"])


def primary_of_scan(scan):
    """The primary metric: (name, title)."""
    name = scan["task"].get("primary_metric")
    about = (scan["task"].get("metrics") or {}).get(name)
    return name, str((about or {}).get("title") or name)


def tags_of(scan):
    """What the page's filters go by."""
    model = str(scan["model"].get("name"))
    return {
        "dataset": str(scan["task"].get("name")),
        "model": pathlib.PurePath(model).name if model.startswith((".", "/", "~")) else model,
        "method": method_of(scan),
    }


def method_of(scan):
    """The name of the method of damage."""
    return str((scan["config"].get("damage") or {}).get("corrupt_method") or "kaiming_uniform")


def headline(scan):
    """What was scanned, in a few words."""
    tags = tags_of(scan)
    return f"{tags['model']} on {tags['dataset']}, {tags['method']}"
