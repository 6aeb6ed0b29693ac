"""Drawn figures as SVG: small, with exact values as titles; and taken apart into the panels that the page shows."""

import dataclasses
import re
from xml.etree import ElementTree

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"


# Colours that stand for a part of the page's theme, and the page's name of each.
TEXT, AXIS, GRID, BAND = "#1b1f24", "#7b848e", "#e3e7eb", "#dfe3e8"
THEME = {TEXT: "var(--text)", AXIS: "var(--axis)", GRID: "var(--grid)", BAND: "var(--band)"}


PANEL = "panel-"  # how the id of a panel begins
NUMBER = re.compile(r"(-?\d+)\.(\d{3,})")
GEOMETRY = ("d", "x", "y", "width", "height", "transform")
REFERENCE = re.compile(r"url\(#([^)]+)\)")
SPACES = re.compile(r" *([A-Za-z]) *")  # around the commands of a path
DEFAULTS = re.compile(r"font-size: 9px; |font-family: [^;]*; |stroke-linejoin: miter; |; stroke-linecap: butt")
FAMILY = "'DejaVu Sans', Verdana, sans-serif"


@dataclasses.dataclass
class Mark:
    """What belongs to a drawn group: a title for each of its markers, and tags that the page's filters go by.

    ``dots`` is the width of many round markers that become one path, 0 of others; their titles begin with ``name``.
    ``runs`` are the numbers of each marker's runs, or nothing.
    """

    gid: str
    titles: list = dataclasses.field(default_factory=list)
    tags: dict | None = None
    dots: float = 0
    name: str = ""
    runs: list = dataclasses.field(default_factory=list)


def finished(text, marks, boxes):
    """What matplotlib wrote, with titles and tags, without what no reader sees.

    Args:
        text: the SVG.
        marks: list of `Mark`.
        boxes: {gid of a panel: (x, y, width, height) of all that it shows, in the SVG's units}.

    Returns:
        str: SVG.
    """
    root = ElementTree.fromstring(text)
    groups = {group.get("id"): group for group in root.iter(f"{{{SVG}}}g")}
    for mark in marks:
        if mark.gid in groups:  # nothing is drawn of a series without points
            _apply(mark, groups[mark.gid])
    for gid, box in boxes.items():
        groups[gid].set("data-box", " ".join(f"{value:.1f}" for value in box))
    _shorten(root, set(boxes))
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _apply(mark, group):
    uses = list(group.iter(f"{{{SVG}}}use"))
    if mark.dots and uses:
        _join(mark, group, uses)
    else:
        for use, title in zip(uses, mark.titles, strict=False):
            ElementTree.SubElement(use, f"{{{SVG}}}title").text = mark.name + title
        same = len(uses) > 1 and all(runs == mark.runs[0] for runs in mark.runs)
        for element, runs in zip([group] if same else uses, mark.runs, strict=False):
            if runs:
                element.set("data-runs", ".".join(map(str, runs)))
    if mark.tags is not None:
        group.set("class", "part")
        for name, value in mark.tags.items():
            group.set(f"data-{name}", value)


def _join(mark, group, uses):
    """Dots of one look as one path, a tenth of the size; ``data-titles`` says what they are, a line each."""
    style = dict(part.split(": ") for part in uses[0].get("style").split("; "))
    look = f"fill: none; stroke: {style['fill']}; stroke-opacity: {style.get('fill-opacity', 1)}"
    places = [(float(use.get("x")), float(use.get("y"))) for use in uses]
    for child in list(group):
        group.remove(child)
    path = ElementTree.SubElement(group, f"{{{SVG}}}path")
    path.set("d", "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places))
    path.set("style", f"{look}; stroke-width: {mark.dots}; stroke-linecap: round")
    path.set("data-of", mark.name)
    path.set("data-titles", "\n".join(mark.titles))


def _shorten(root, kept):
    root.set("font-family", FAMILY)
    root.set("font-size", "9px")
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    used = _references(root)
    for element in root.iter():
        if element.get("id") not in used | kept:
            element.attrib.pop("id", None)
        for name in GEOMETRY:
            if name in element.attrib:
                short = NUMBER.sub(_rounded, element.get(name))
                element.set(name, SPACES.sub(r"\1", short) if name == "d" else short)
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        if "style" in element.attrib:
            element.set("style", DEFAULTS.sub("", element.get("style")))
        element.text = element.text if element.text and element.text.strip() else None
        element.tail = None
    _unwrap(root)
    for group in root.iter(f"{{{SVG}}}g"):
        _share_style(group)


def _unwrap(element):
    """Takes away groups that hold nothing, and those that say nothing of what they hold."""
    for child in list(element):
        _unwrap(child)
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            place = list(element).index(child)
            element.remove(child)
            for offset, grandchild in enumerate(list(child)):
                element.insert(place + offset, grandchild)


def _rounded(found):
    return f"{round(float(found[0]), 2):g}"


def _share_style(group):
    """Moves what all markers of a group look like to the group."""
    uses = group.findall(f"{{{SVG}}}use")
    styles = {use.get("style") for use in uses}
    if len(uses) > 1 and len(uses) == len(group) - len(group.findall(f"{{{SVG}}}defs")) and len(styles) == 1:
        style = styles.pop()
        if style:
            group.set("style", style)
            for use in uses:
                del use.attrib["style"]


def _references(root):
    found = set()
    for element in root.iter():
        found.add(element.get(HREF, "").removeprefix("#"))
        found |= {name for value in element.attrib.values() for name in REFERENCE.findall(value)}
    return found


def panels(text, name):
    """Each panel of a `finished` figure for the page, as an svg element: {gid: markup}.

    Colours are those of the page's theme, ids begin with ``name``, so that no two elements of the page have the same.
    """
    root = ElementTree.fromstring(text)
    shared = {}
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag == f"{{{SVG}}}defs"]:
            shared |= {element.get("id"): element for element in child if element.get("id")}
            parent.remove(child)
    groups = [group for group in root.iter(f"{{{SVG}}}g") if group.get("data-box")]
    return {group.get("id"): _panel(group, shared, f"{name}-{place}-") for place, group in enumerate(groups)}


def _panel(group, shared, prefix):
    x, y, width, height = map(float, group.attrib.pop("data-box").split())
    group.attrib.pop("id")
    needed = {name: shared[name] for name in sorted(_references(group)) if name in shared}
    box = {"viewBox": f"{x:g} {y:g} {width:g} {height:g}"}
    whole = ElementTree.Element("svg", box | {"width": f"{width * 4 / 3:.0f}", "height": f"{height * 4 / 3:.0f}"})
    definitions = ElementTree.SubElement(whole, "defs")
    definitions.extend(ElementTree.fromstring(ElementTree.tostring(element)) for element in needed.values())
    whole.append(group)
    for element in whole.iter():
        element.tag = element.tag.rpartition("}")[2]
        _for_page(element, prefix)
    return ElementTree.tostring(whole, encoding="unicode")


def _for_page(element, prefix):
    attributes = element.attrib
    if "id" in attributes:
        attributes["id"] = prefix + attributes["id"]
    link = attributes.pop(HREF, None)
    if link is not None:
        attributes["href"] = f"#{prefix}{link[1:]}" if link.startswith("#") else link  # else a picture
    for name, value in attributes.items():
        if "url(#" in value:
            attributes[name] = REFERENCE.sub(rf"url(#{prefix}\1)", value)
    style = attributes.get("style")
    if style:
        for colour, variable in THEME.items():
            style = style.replace(colour, variable)
        attributes["style"] = style
