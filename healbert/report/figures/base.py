"""What a figure shows, apart from how it is drawn."""

import dataclasses

import numpy as np

# Told apart by colour-blind readers, and at 3:1 or more against white and against the dark page.
BOTTOM, TOP, GREY = "#D55E00", "#0072B2", "#767676"


COLOURS = ("#0072B2", "#00916A", "#B87400", "#D55E00", "#B0518C", "#3E8FC0", "#767676", "#8C6BB1")


MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star")


CIVIDIS = "#00224e #123570 #3b496c #575d6d #707173 #8a8678 #a59c74 #c3b369 #fee838".split()


DASHES = ("solid", "dash", "dot", "dashdot")


@dataclasses.dataclass
class Series:
    """A line: ``y`` (points,), ``spread`` its standard deviation over seeds (0 with one), ``counts`` the seeds."""

    name: str
    x: list
    y: list
    spread: list
    counts: list
    colour: str
    marker: str = "circle"
    dash: str = "solid"


@dataclasses.dataclass
class Lines:
    """Lines over a common x; ``levels`` are dotted horizontals: (name, y). ``ticks`` gives x places their labels."""

    series: list
    x_label: str
    y_label: str
    levels: list = dataclasses.field(default_factory=list)
    ticks: dict | None = None
    log: bool = False


@dataclasses.dataclass
class Heat:
    """A matrix ``values`` (rows, columns), NaN where missing, with a text in each place; limits of the colour scale."""

    rows: list
    columns: list
    values: np.ndarray
    texts: list
    x_label: str
    y_label: str
    limits: tuple
    row_tags: list | None = None  # what filters go by
    hover: str = ""
    brief: list | None = None  # texts for where columns are narrow

    @property
    def inks(self):
        """The text colour of each place, None where the value is missing and the page shows."""
        return [[ink(value, self.limits) for value in row] for row in self.values.tolist()]


@dataclasses.dataclass
class Scatter:
    """Points (examples, 2) by class; ``ids`` name them."""

    points: np.ndarray
    labels: np.ndarray
    names: list
    ids: list


@dataclasses.dataclass
class Panel:
    """One plot: a title, what it shows, what filters go by, and the same in words."""

    title: str
    content: object
    tags: dict
    alt: str


@dataclasses.dataclass
class Figure:
    """Panels in rows (None leaves a place empty), one file each as png and svg."""

    kind: str
    name: str
    title: str
    caption: str
    rows: list
    tags: dict

    @property
    def panels(self):
        """Every panel once, though it may stand in several rows."""
        return list({id(panel): panel for row in self.rows for panel in row if panel}.values())

    @property
    def alt(self):
        return f"{self.title}. " + " ".join(panel.alt for panel in self.panels[:8])


def style(position, marked=0):
    """Colour, marker and dash of the ``position``-th line of a family; ``marked`` chooses the family's dash."""
    colour = COLOURS[position % len(COLOURS)]
    return {"colour": colour, "marker": MARKERS[position % len(MARKERS)], "dash": DASHES[marked % len(DASHES)]}


def ink(value, limits):
    """Black or white, whichever stands out more from the place of a value: 4.58:1 or more (WCAG 2's contrast)."""
    if np.isnan(value):
        return None
    steps = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in CIVIDIS])
    place = np.clip((value - limits[0]) / (limits[1] - limits[0]), 0, 1)
    rgb = np.array([np.interp(place, np.linspace(0, 1, len(steps)), channel) for channel in steps.T])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    return "#000000" if luminance / 0.05 > 1.05 / luminance else "#ffffff"


def in_rows(panels, columns=3):
    """Panels in rows of up to ``columns``; four of them in two rows of two."""
    columns = 2 if len(panels) == 4 and columns == 3 else columns
    return [panels[i : i + columns] for i in range(0, len(panels), columns)]


def averaged(name, samples, **look):
    """A `Series` out of {x: values over seeds}."""
    kept = {x: np.asarray(values, float) for x, values in samples.items() if len(values)}
    return Series(
        name=name,
        x=list(kept),
        y=[float(values.mean()) for values in kept.values()],
        spread=[float(values.std(ddof=1)) if len(values) > 1 else 0.0 for values in kept.values()],
        counts=[len(values) for values in kept.values()],
        **look,
    )


def in_words(series):
    """The first and last point of a line, for readers who do not see it."""
    if not series.x:
        return ""
    ends = f"{series.y[0]:.3f}" if len(series.x) == 1 else f"from {series.y[0]:.3f} to {series.y[-1]:.3f}"
    return f"{series.name}: {ends}."
