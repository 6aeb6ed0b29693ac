"""Figures as PNG and SVG, by matplotlib; the page shows the panels of the SVG."""

import io
import warnings

import matplotlib
import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from . import svg
from .base import Drawn
from .drawing import draw_panel, panel_inches, shared_legend
from .frame import SIZE, Frame
from .svg import PANEL

DPI = 100
COLOURS = 128  # of a png, which is a third as large as with all of them


SETTINGS = {
    "font.size": SIZE,
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": svg.TEXT,
    "text.parse_math": False,  # a label's $ is a dollar
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "healbert",  # the same figures give the same bytes
}


def draw(figure):
    """A `Figure` as `base.Drawn`."""
    with warnings.catch_warnings(record=True) as caught:
        png, text = _as_both(figure)
    lacking = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in (warning for warning in caught if warning not in lacking):
        warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
    return Drawn(png, text, svg.panels(text, figure.name), bool(lacking))


def _as_both(figure):
    with matplotlib.rc_context(SETTINGS):
        drawn, boxes, marks = _drawn(figure)
        png, text = _as_png(drawn), io.StringIO()
        drawn.savefig(text, format="svg", metadata={"Date": None})
    return png, svg.finished(text.getvalue(), marks, boxes)


def _drawn(figure):
    """A `Figure` as matplotlib's; {gid: (x, y, width, height) of each panel in points from the top}; list of `Mark`."""
    rows, columns = len(figure.rows), max(map(len, figure.rows))
    width, height = panel_inches(figure)
    drawn = matplotlib.figure.Figure(figsize=(width * columns, height * rows), dpi=DPI)
    FigureCanvasAgg(drawn)
    frames, boxes, marks = {}, {}, []
    numbers = {id(panel): number for number, panel in enumerate(figure.panels)}
    for row, line in enumerate(figure.rows):
        for column, panel in ((column, panel) for column, panel in enumerate(line) if panel):
            gid = f"{PANEL}{numbers[id(panel)]}"
            gid = f"again-{len(frames)}" if gid in boxes else gid  # a panel may stand in several rows
            frames[row, column] = frame = Frame(drawn, gid)
            marks += draw_panel(frame, panel)
            if gid.startswith(PANEL):
                boxes[gid] = tuple(72 * value for value in (column * width, row * height, width, height))
    below = shared_legend(drawn, frames.values())
    drawn.set_size_inches(width * columns, height * rows + below)
    _place(frames, rows, width, height, below)
    return drawn, boxes, marks


def _place(frames, rows, width, height, below):
    """Puts frames, each of one size, in their (row, column), above what stands below; all insides are of one size."""
    left, right = np.max([frame.sides(width, height) for frame in frames.values()], axis=0)
    titles = width - abs(left - right)  # centred over the inside
    bottom, top = np.max([frame.ends(titles) for frame in frames.values()], axis=0)
    for (row, column), frame in frames.items():
        x, y = column * width, below + (rows - 1 - row) * height
        frame.place((x + left, y + bottom, x + width - right, y + height - top), titles)


def _as_png(drawn):
    drawn.canvas.draw()
    picture, file = Image.fromarray(np.asarray(drawn.canvas.buffer_rgba())[..., :3].copy()), io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, format="png", optimize=True, dpi=(DPI, DPI))
    return file.getvalue()
