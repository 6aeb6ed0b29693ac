"""Figures as png and svg files, by matplotlib; the page shows the panels of the svg files."""

import concurrent.futures
import dataclasses
import io
import multiprocessing
import pathlib
import warnings

from ...utils.machine import cpu_cores
from . import svg
from .drawing import PANEL, draw_panel, panel_inches, shared_legend

DPI = 100  # from the start: letters are not as wide at every size, and room is made for them before they are saved
COLOURS = 128  # of a png, which is a third as large as with all of them


SETTINGS = {
    "font.size": 9,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), svg.TEXT),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), svg.AXIS),
    "axes.facecolor": "none",
    "grid.color": svg.GRID,
    **dict.fromkeys(("xtick.bottom", "ytick.left"), False),  # labels alone: there is a grid
    "image.composite_image": False,  # rows of a map are pictures of their own, which filters act on
    "path.simplify": False,
    "text.parse_math": False,  # a label's $ is a dollar
    "svg.fonttype": "none",
    "svg.hashsalt": "healbert",  # the same figures give the same bytes
}


FEW = 6  # figures that are drawn sooner than a second process has started


def save_figures(figures, folder):
    """Writes ``<name>.png`` and ``<name>.svg`` of every `Figure` into a folder, on all cores.

    Returns:
        bool: whether a figure has characters that the font of the png files lacks.
    """
    # Without the group, of which only the page makes use: all its runs would be copied to every process.
    jobs = [(dataclasses.replace(figure, group=None), str(folder)) for figure in figures]
    workers = min(cpu_cores(), 4)
    if len(jobs) <= FEW or workers == 1:
        return sum(_save(*job) for job in jobs) > 0
    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(_save, *zip(*jobs, strict=True))) > 0


def _save(figure, folder):
    with warnings.catch_warnings(record=True) as caught:
        _save_both(figure, pathlib.Path(folder))
    lacking = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in (warning for warning in caught if warning not in lacking):
        warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
    return bool(lacking)


def _save_both(figure, folder):
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        drawn, axes, marks = _drawn(figure)
        boxes = {gid: _box(drawn, axis) for gid, axis in axes.items() if gid.startswith(PANEL)}
        _save_png(drawn, folder / f"{figure.name}.png")
        text = io.StringIO()
        drawn.savefig(text, format="svg", metadata={"Date": None})
    (folder / f"{figure.name}.svg").write_text(svg.finished(text.getvalue(), marks, boxes), encoding="utf-8")


def _drawn(figure):
    """A `Figure` as matplotlib's, laid out; {gid: axis of each panel}; list of `svg.Mark`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(figure.rows), max(map(len, figure.rows))
    width, height = panel_inches(figure)
    drawn = Figure(figsize=(width * columns, height * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    grid, axes, marks = drawn.subplots(rows, columns, squeeze=False), {}, []
    for axis in grid.flat:
        axis.set_visible(False)
    places = {id(panel): place for place, panel in enumerate(figure.panels)}
    for row, line in zip(grid, figure.rows, strict=True):
        for axis, panel in zip(row, line, strict=False):
            if panel:
                gid = f"{PANEL}{places[id(panel)]}"
                gid = f"again-{len(marks)}" if gid in axes else gid  # a panel may stand in several rows
                marks += draw_panel(axis, panel, gid)
                axes[gid] = axis
    shared_legend(drawn, figure)
    drawn.get_layout_engine().execute(drawn)
    drawn.set_layout_engine(None)  # laid out once, not again for every file
    return drawn, axes, marks


def _box(drawn, axis):
    """What a panel covers, as (x, y, width, height) in points from the top."""
    points = 72 / drawn.dpi
    box = axis.get_tightbbox(drawn.canvas.get_renderer()).padded(4)
    return box.x0 * points, (drawn.bbox.height - box.y1) * points, box.width * points, box.height * points


def _save_png(drawn, path):
    import numpy as np
    from PIL import Image

    drawn.canvas.draw()
    picture = Image.fromarray(np.asarray(drawn.canvas.buffer_rgba())[..., :3].copy())
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True, dpi=(DPI, DPI))
