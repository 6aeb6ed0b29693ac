"""Panels as they are drawn: data where the scales say, colours where they belong, in files that stay small."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from healbert.report.figures import Figure, Heat, Lines, Panel, static
from healbert.report.figures.base import CIVIDIS, Series, averaged
from healbert.report.figures.drawing import panel_inches

SVG = "{http://www.w3.org/2000/svg}"


def figure(*contents):
    panels = [Panel(f"panel {i}", content, {}, "") for i, content in enumerate(contents)]
    return Figure("drawn", "Drawn", "", [panels])


def lines(x, y, **more):
    still = [0.0] * len(x)
    return Lines([Series("a line", x, y, still, [1] * len(x), "#D55E00")], "x", "y", **more)


def heat(values):
    values = np.array(values, float)
    rows, columns = values.shape
    texts = [[""] * columns for _ in range(rows)]
    return Heat([f"row {i}" for i in range(rows)], list("abc")[:columns], values, texts, "x", "y", (0, 1))


def drawn(content):
    found = static.draw(content)
    return Image.open(io.BytesIO(found.png)).convert("RGB"), ElementTree.fromstring(found.svg)


def places(root):
    (panel,) = [group for group in root.iter(f"{SVG}g") if group.get("id") == "panel-0"]  # not the legend
    return np.array([[float(use.get(name)) for name in "xy"] for use in panel.iter(f"{SVG}use")])


def ticks(root, axis):
    """{number written: its place along an axis} of ticks."""
    found = {}
    for text in root.iter(f"{SVG}text"):
        if re.fullmatch(r"[\d.]+", text.text or ""):
            found.setdefault(float(text.text), float(text.get("xy"[axis])))
    return found


def test_seeds_are_dots_beside_their_mean_unless_they_are_many():
    samples = {0.0: [0.25, 0.75], 1.0: [0.5], 2.0: [i / 10 for i in range(11)]}
    series = averaged("a line", samples, dots=True, colour="#D55E00")
    assert series.each == [[0.25, 0.75], [], []] and averaged("a line", samples, colour="#D55E00").each == []
    _, root = drawn(figure(Lines([series], "x", "y")))
    of_means, dots = places(root)[:3], places(root)[3:]
    assert dots.shape == (2, 2) and dots[:, 0].tolist() == [of_means[0, 0]] * 2
    assert dots[:, 1].mean() == pytest.approx(of_means[0, 1], abs=0.1) and dots[0, 1] > dots[1, 1]


def test_markers_lie_where_the_scales_say():
    x, y = [0.0, 1.0, 4.0], [0.25, 0.75, 0.5]
    _, root = drawn(figure(lines(x, y, ticks={0.0: "0", 1.0: "1", 4.0: "4"})))
    at = places(root)
    assert at.shape == (3, 2)
    assert (at[1, 0] - at[0, 0]) / (at[2, 0] - at[0, 0]) == pytest.approx(1 / 4, abs=0.01)
    assert (at[1, 1] - at[0, 1]) / (at[2, 1] - at[0, 1]) == pytest.approx(2, abs=0.05) and at[1, 1] < at[0, 1]
    down = ticks(root, 1)
    scale = [(value, place) for value, place in down.items() if 0 < value < 1]
    (low, bottom), (high, top) = min(scale), max(scale)
    baseline = 3  # points, about half a letter
    by_scale = bottom - baseline + (top - bottom) * (0.75 - low) / (high - low)
    assert at[1, 1] == pytest.approx(by_scale, abs=2)


def test_a_scale_of_powers_has_its_ticks_between():
    _, root = drawn(figure(lines([1e-5, 1e-4, 1e-3], [0.1, 0.2, 0.3], ticks={1e-5: "a", 1e-4: "b"}, log=True)))
    across = places(root)[:, 0]
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.1)


def test_places_of_a_map_have_their_colours():
    picture, root = drawn(figure(heat([[0, 1, 0.5], [1, np.nan, 0]])))
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 2, "a picture for each row, which filters act on"
    boxes = []
    for image in images:
        a, _, _, d, e, f = map(float, re.findall(r"[-\d.e]+", image.get("transform")))
        boxes.append((e, f, a * float(image.get("width")), d * float(image.get("height"))))
    assert boxes[0][1] + boxes[0][3] / 2 < boxes[1][1] + boxes[1][3] / 2, "the first row is on top"
    first, last = (tuple(int(CIVIDIS[i][j : j + 2], 16) for j in (1, 3, 5)) for i in (0, -1))
    for row, (left, top, width, height) in enumerate(boxes):
        for column, colour in enumerate([(first, last, None), (last, (255, 255, 255), first)][row]):
            point = left + width * (column + 0.5) / 3, top + height / 2
            seen = picture.getpixel(tuple(int(value * static.DPI / 72) for value in point))
            assert colour is None or seen == pytest.approx(colour, abs=8)


def test_a_figure_may_have_both_and_everything_is_inside():
    content = figure(heat([[0, 1], [1, 0]]), lines([1, 2, 3], [1e6, 2e6, 4e6]))
    width, height = panel_inches(content)
    picture, root = drawn(content)
    assert picture.size[0] == round(2 * width * static.DPI)
    boxes = {group.get("id"): group.get("data-box") for group in root.iter(f"{SVG}g") if group.get("data-box")}
    assert set(boxes) == {"panel-0", "panel-1"}
    assert {text.text for text in root.iter(f"{SVG}text")} >= {"panel 0", "panel 1", "row 1", "2M", "a line"}


def test_one_value_and_none_are_drawn():
    for y in ([0.5], [0.0], []):
        found = static.draw(figure(lines(list(range(len(y))), y)))
        assert found.png[:4] == b"\x89PNG" and set(found.panels) == {"panel-0"} and not found.lacks
