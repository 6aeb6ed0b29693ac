"""What a figure shows, apart from how it is drawn."""

import dataclasses

import numpy as np

from ...probing.tsne import COLOURS
from ...utils.text import clean
from ..tables.base import file_stem, tags
from .svg import TEXT

BOTTOM, TOP, GREY = "#D55E00", "#0072B2", "#767676"


LONGEST_NAME = 22  # characters of a class or dataset name on an axis


MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star")


CIVIDIS = "#00224e #123570 #3b496c #575d6d #707173 #8a8678 #a59c74 #c3b369 #fee838".split()


DASHES = ("solid", "dash", "dot", "dashdot")


LEVELS = {"dashdot": (TEXT, 1.2), "dot": (GREY, 1.6)}  # colour and width of a horizontal by its dash


BAND = "The band is one standard deviation over seeds to either side."
MOST_DOTS = 10  # seeds, up to which each is a dot: of more, the band says as much


@dataclasses.dataclass
class Series:
    """A line: ``y`` (points,), ``spread`` its standard deviation over seeds (0 with one), ``counts`` the seeds.

    ``marker`` is one of `MARKERS`, or "none". ``runs`` are the numbers of each point's runs, or nothing.
    ``band``, where there is one, holds the ends of another interval than the spread: (lower, upper), each (points,).
    ``each`` holds the values that each point is the mean of, to be drawn as dots, or nothing.
    """

    name: str
    x: list
    y: list
    spread: list
    counts: list
    colour: str
    marker: str = "circle"
    dash: str = "solid"
    runs: list = dataclasses.field(default_factory=list)
    band: tuple | None = None
    each: list = dataclasses.field(default_factory=list)

    @property
    def ends(self):
        """Lower and upper ends of the band to draw: two arrays (points,)."""
        y, spread = np.array(self.y), np.array(self.spread)
        return tuple(map(np.array, self.band)) if self.band else (y - spread, y + spread)


@dataclasses.dataclass
class Lines:
    """Lines over a common x; ``levels`` are horizontals: (name, y, "dashdot" or "dot").

    ``ticks`` gives x places their labels. ``whole`` says that x are whole numbers, as epochs are.
    """

    series: list
    x_label: str
    y_label: str
    levels: list = dataclasses.field(default_factory=list)
    ticks: dict | None = None
    log: bool = False
    whole: bool = True


@dataclasses.dataclass
class Heat:
    """A matrix ``values`` (rows, columns), NaN where missing, with a text in each place; limits of the colour scale.

    ``runs`` (rows, columns) are the numbers of each place's runs, or nothing.
    """

    rows: list
    columns: list
    values: np.ndarray
    texts: list
    x_label: str
    y_label: str
    limits: tuple
    row_tags: list | None = None  # what filters go by
    hover: str = ""
    bar: bool = False  # whether a bar says which colour is how much
    runs: list = dataclasses.field(default_factory=list)

    @property
    def inks(self):
        """The text colour of each place, None where the value is missing and the page shows."""
        return inks(self.values, self.limits)


@dataclasses.dataclass
class Scatter:
    """Points (examples, 2) by class; ``ids`` name them. ``note`` says why there are none, where there are none."""

    points: np.ndarray
    labels: np.ndarray
    names: list
    ids: list
    note: str = ""


@dataclasses.dataclass
class Point:
    """An effect with its interval (or None) on line ``line`` of a forest plot; ``dataset`` None: over all of them.

    ``text`` is the same in words; ``runs`` are the numbers of the runs behind it.
    """

    line: int
    dataset: str | None
    effect: float
    interval: tuple | None
    text: str
    runs: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Forest:
    """Effects with intervals, a line each; within ``margin`` of 0 an effect does not count (None: nothing is known)."""

    lines: list
    datasets: list
    points: list
    x_label: str
    margin: float | None = None


@dataclasses.dataclass
class Panel:
    """One plot: a title, what it shows, what filters go by, and the same in words; the numbers of its runs."""

    title: str
    content: object
    tags: dict
    alt: str
    runs: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Figure:
    """Panels that are drawn together.

    Args:
        name: stem of its files (png and svg), which no other figure of the report has.
        title, caption: texts over and under it.
        rows: lists of `Panel`; None leaves a place empty.
        group: the `Group` in whose part of the page it stands; None of a figure on all groups.
        first: whether the page shows it on top, beside the verdicts of its group.
        part: where a figure on all groups stands: "scans", or "" for the part of its own.
        kind: the name it is registered by; the report fills it in.
    """

    name: str
    title: str
    caption: str
    rows: list
    group: object = None
    first: bool = False
    part: str = ""
    kind: str = ""

    @property
    def panels(self):
        """Every panel once, though it may stand in several rows."""
        return list({id(panel): panel for row in self.rows for panel in row if panel}.values())

    @property
    def alt(self):
        return f"{self.title}. " + " ".join(panel.alt for panel in self.panels[:8])


@dataclasses.dataclass
class Drawn:
    """A `Figure` as it is written: ``png`` (bytes), ``svg`` (text), and ``panels`` for the page, {gid: markup}.

    ``lacks`` says that it has characters which the font of the PNG lacks.
    """

    png: bytes
    svg: str
    panels: dict
    lacks: bool


def style(position, marked=0):
    """Colour, marker and dash of the ``position``-th line of a family; ``marked`` chooses the family's dash."""
    around, place = divmod(position, len(COLOURS))  # the next time around a colour has another marker
    marker = MARKERS[(position + around) % len(MARKERS)]
    return {"colour": COLOURS[place], "marker": marker, "dash": DASHES[marked % len(DASHES)]}


def inks(values, limits):
    """Black or white for each place, whichever stands out more from it: 4.58:1 or more (WCAG 2's contrast).

    Args:
        values: (rows, columns), None is given where one is NaN and the page shows; limits: of the colours.
    """
    steps = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in CIVIDIS])
    place, known = np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1), np.linspace(0, 1, len(steps))
    rgb = np.stack([np.interp(place, known, channel) for channel in steps.T], axis=-1)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    black = luminance / 0.05 > 1.05 / luminance
    return np.where(np.isnan(values), None, np.where(black, "#000000", "#ffffff")).tolist()


def in_rows(panels, columns=3):
    """Panels in rows of up to ``columns``; four of them in two rows of two."""
    columns = 2 if len(panels) == 4 and columns == 3 else columns
    return [panels[i : i + columns] for i in range(0, len(panels), columns)]


def averaged(name, samples, runs=None, dots=False, **look):
    """A `Series` out of {x: values over seeds}, and {x: numbers of their runs}; ``dots``: with each value, if few."""
    kept = {x: np.asarray(values, float) for x, values in samples.items() if len(values)}
    return Series(
        name=name,
        x=list(kept),
        y=[float(values.mean()) for values in kept.values()],
        spread=[float(values.std(ddof=1)) if len(values) > 1 else 0.0 for values in kept.values()],
        counts=[len(values) for values in kept.values()],
        runs=[runs.get(x, []) for x in kept] if runs else [],
        each=[values.tolist() if 1 < len(values) <= MOST_DOTS else [] for values in kept.values()] if dots else [],
        **look,
    )


def in_words(series):
    """The first and last point of a line, for readers who do not see it."""
    if not series.x:
        return ""
    ends = f"{series.y[0]:.3f}" if len(series.x) == 1 else f"from {series.y[0]:.3f} to {series.y[-1]:.3f}"
    return f"{series.name}: {ends}."


def line_panel(title, lines, group, dataset=""):
    alt = f"{title}: " + " ".join(in_words(series) for series in lines.series)
    return Panel(title, lines, tags(group, dataset), alt)


def figure_of(kind, title, caption, rows, group):
    """A `Figure` of a group, or None without panels."""
    rows = [row for row in rows if row]
    return Figure(file_stem(kind, group), title, caption, rows, group) if rows else None


def per_dataset(analysis, make):
    """The figures of every group and dataset that ``make(results, dataset)`` has one of."""
    pairs = [(group.results, dataset) for group in analysis.groups for dataset in group.results.datasets]
    return [figure for pair in pairs if (figure := make(*pair))]


def shortened(name):
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\u2026"


def unique_short(names):
    """Short forms that stay distinct."""
    short = [shortened(clean(name)) for name in names]
    return [s if short.count(s) == 1 else f"{i} {s[:-2]}\u2026" for i, s in enumerate(short)]
