"""Axes of our own: a large report has hundreds of panels, and matplotlib's axes take many times as long for each."""

import functools
import math
import textwrap

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from ..scales import short
from ..text import number
from .svg import AXIS, GRID

SIZE = 9  # points, of letters
LINE, LETTER = 0.16, 0.07  # inches of a line of text, and of a letter on average
GAP = 0.05  # inches between what stands around a panel's inside
MARGIN = 0.05  # of the limits, around the data
ROUNDING = 1e-12  # of the values, by which they differ where they do not
HUGE = 1e5  # numbers from here on are shortened: 100k
BOTH, BOTTOM_ONLY, NONE = ([0, 0, 1], [1, 0, 0]), ([0, 1], [0, 0]), None  # lines at the edges of the inside


class Group(Artist):
    """Artists that are one group in an SVG file."""

    def __init__(self, figure, gid):
        super().__init__()
        self.set_gid(gid)
        self.parts = []
        figure.add_artist(self)

    def add(self, part):
        """Adds an artist, and gives it back."""
        part.set_figure(self.get_figure())
        self.parts.append(part)
        return part

    def draw(self, renderer):
        """Draws the parts, those of a lower zorder first."""
        renderer.open_group("panel", gid=self.get_gid())
        for part in sorted(self.parts, key=lambda part: part.get_zorder()):
            part.draw(renderer)
        renderer.close_group("panel")


class Picture(Artist):
    """Coloured places (rows, columns, 4) uint8, the lowest row first, over ``box`` (x, y, x, y) of a transform."""

    def __init__(self, colours, box, transform):
        super().__init__()
        self.colours, self.box = colours, np.reshape(box, (2, 2))
        self.set_transform(transform)

    def draw(self, renderer):
        """Draws a dot for each place where the format enlarges it (SVG), else all dots of it."""
        (left, low), (right, high) = np.sort(self.get_transform().transform(self.box), axis=0)
        gc = renderer.new_gc()
        if renderer.option_scale_image():
            renderer.draw_image(gc, left, low, self.colours, Affine2D().scale(right - left, high - low))
        else:
            left, low, right, high = map(round, (left, low, right, high))
            rows, columns = self.colours.shape[:2]
            down = np.arange(high - low) * rows // max(1, high - low)
            across = np.arange(right - left) * columns // max(1, right - left)
            renderer.draw_image(gc, left, low, self.colours[down][:, across])
        gc.restore()


class Frame(Group):
    """A panel: its inside, where data are placed, and what stands around it.

    A drawing function says what is in it: ``limits`` ((left, right), (bottom, top)), ``ticks`` ({x: label},
    {y: label}), ``labels`` of x and y, ``title``, whether it has a ``grid`` along x and y, which ``spines``, whether
    ticks of x are ``turned``, ``room`` (inches) for what stands at the right. Then `place` says where it lies.
    """

    def __init__(self, figure, gid):
        super().__init__(figure, gid)
        self.title, self.labels, self.ticks, self.limits = "", ("", ""), ({}, {}), ((0, 1), (0, 1))
        self.grid, self.spines, self.turned, self.tick_size, self.room = (True, True), BOTH, False, SIZE, 0.0
        self._scale, self._inside = Affine2D(), Affine2D()
        self.inches = figure.dpi_scale_trans
        self.unit = self._inside + self.inches  # of the inside as the unit square
        self.data = self._scale + self.unit

    def fit(self, x, y):
        """Takes limits around values (n,) of x and of y, with a little room."""
        self.limits = tuple(_around(np.asarray(values, float)) for values in (x, y))

    def line(self, x, y, **look):
        """Draws a line, with markers or without."""
        return self.add(Line2D(x, y, transform=self.data, **look))

    def area(self, points, **look):
        """Fills a polygon (points, 2)."""
        return self.add(Polygon(points, transform=self.data, linewidth=0, **look))

    def write(self, x, y, text, **look):
        """Writes at a place of the data, centred."""
        return self.add(Text(x, y, text, transform=self.data, **{"ha": "center", "va": "center"} | look))

    def write_beside(self, x, y, text, **look):
        """The same at a place of the unit square that the inside is."""
        return self.add(Text(x, y, text, transform=self.unit, **{"ha": "center", "va": "center"} | look))

    def picture(self, colours, box):
        """Shows coloured places over a box of the data, as `Picture`."""
        return self.add(Picture(colours, box, self.data))

    def bar(self, colours):
        """Shows colours at the right of the inside, the lowest first."""
        return self.add(Picture(colours[:, None], (1.02, 0, 1.04, 1), self.unit))

    def sides(self, width, height):
        """Inches that ticks and labels take at the left and the right of the inside of a panel of this size."""
        x, y = ([(place, inches(label, self.tick_size)) for place, label in self._fractions(axis)] for axis in (0, 1))
        self._upright = _wrapped(self.labels[1], 0.75 * height)
        left = max([wide for _, wide in y], default=0.0) + LINE * len(self._upright) + GAP * bool(self._upright)
        over = [0.0] if self.turned else [wide / 2 - (1 - place) * 0.7 * width for place, wide in x]
        return left + 2 * GAP, max(0.0, self.room, *over) + 2 * GAP

    def ends(self, width):
        """Inches at the bottom and the top, for titles of up to this width."""
        lines = [len(_wrapped(text, width)) for text in (self.labels[0], self.title)]
        return self._tall_ticks() + lines[0] * LINE + 3 * GAP, lines[1] * LINE + 2 * GAP

    def _tall_ticks(self):
        """Inches that ticks of x take under the inside."""
        labels = [label for _, label in self._fractions(0)]
        lines = max((label.count("\n") + 1 for label in labels), default=0)
        return max(inches(label, self.tick_size) for label in labels) if labels and self.turned else LINE * lines

    def place(self, box, width):
        """Puts the inside at ``box`` (left, bottom, right, top) in inches; titles get up to this width."""
        (left, bottom, right, top), ((x0, x1), (y0, y1)) = box, self.limits
        self._inside.clear().scale(right - left, top - bottom).translate(left, bottom)
        self._scale.clear().translate(-x0, -y0).scale(1 / (x1 - x0), 1 / (y1 - y0))
        self._draw_grid()
        x, y = self._fractions(0), self._fractions(1)
        for place, label in x:
            look = {"va": "top", "ha": "center", "rotation": 90 * self.turned, "fontsize": self.tick_size}
            self._put(left + place * (right - left), bottom - GAP, label, **look)
        for place, label in y:
            look = {"va": "center_baseline", "ha": "right", "fontsize": self.tick_size}
            self._put(left - GAP, bottom + place * (top - bottom), label, **look)
        middle = (left + right) / 2
        self._put(middle, top + 1.5 * GAP, "\n".join(_wrapped(self.title, width)), up=True, ha="center")
        under = "\n".join(_wrapped(self.labels[0], width))
        self._put(middle, bottom - self._tall_ticks() - 2 * GAP, under, ha="center", va="top")
        beside = max([inches(label, self.tick_size) for _, label in y], default=0)
        look = {"rotation": 90, "rotation_mode": "anchor", "ha": "center", "va": "bottom"}
        for line, text in enumerate(reversed(self._upright)):
            self._put(left - beside - 2 * GAP - line * LINE, (bottom + top) / 2, text, **look)

    def _put(self, x, y, text, up=False, **look):
        """Writes at a place in inches, each line by itself: a browser centres it, whatever its font; ``up`` from it."""
        lines = text.split("\n")
        for place, line in enumerate(lines):
            above = len(lines) - 1 - place if up else -place
            self.add(Text(x, y + above * LINE, line, transform=self.inches, **look))

    def _fractions(self, axis):
        """[(where between the limits, label), ...] of the ticks that lie there."""
        low, high = self.limits[axis]
        found = [((place - low) / (high - low), label) for place, label in self.ticks[axis].items()]
        return [(place, label) for place, label in found if -1e-6 <= place <= 1 + 1e-6]

    def _draw_grid(self):
        across = [place for place, _ in self._fractions(0)] if self.grid[0] else []
        up = [place for place, _ in self._fractions(1)] if self.grid[1] else []
        both = [([x, x], [0, 1]) for x in across] + [([0, 1], [y, y]) for y in up]
        if both:  # one line with gaps
            x, y = (np.concatenate([[*pair[i], np.nan] for pair in both]) for i in (0, 1))
            self.add(Line2D(x, y, transform=self.unit, color=GRID, linewidth=0.6, zorder=0.5))
        if self.spines:
            self.add(Line2D(*self.spines, transform=self.unit, color=AXIS, linewidth=0.8, zorder=2.5))


def _around(values):
    known = values[np.isfinite(values)].tolist() or [0.0, 1.0]
    low, high = min(known), max(known)
    size = max(abs(low), abs(high))
    room = MARGIN * (high - low) if high - low > ROUNDING * size else MARGIN * (size or 1)
    return low - room, high + room


def numbers(limits, most=6, whole=False):
    """{place: label}: up to so many steps between round numbers within limits."""
    low, high = sorted(limits)
    places = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high).tolist()
    places = [place for place in places if low <= place <= high]
    if low >= 0 and high >= HUGE:
        return {place: short(place) for place in places}
    step = places[1] - places[0] if len(places) > 1 else high - low
    digits = next((d for d in range(9) if math.isclose(step, round(step, d), rel_tol=1e-6)), 9)
    return {place: number(place, digits) for place in places}


@functools.cache
def inches(text, size=SIZE):
    """The width of a text's longest line."""
    renderer, letters = _renderer(), FontProperties(size=size)
    wide = [renderer.get_text_width_height_descent(line, letters, False)[0] for line in text.split("\n") if line]
    return max(wide, default=0.0) / 72


@functools.cache
def _renderer():
    return RendererAgg(1, 1, 72)


def _wrapped(text, width):
    return textwrap.wrap(text, max(12, int(width / LETTER)))
