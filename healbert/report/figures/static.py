"""Figures as png and svg files, by matplotlib."""

import concurrent.futures
import dataclasses
import multiprocessing
import pathlib
import textwrap
import warnings

import numpy as np

from ...probing.tsne import draw_scatter
from ...utils.machine import cpu_cores
from ...utils.text import clean
from .base import CIVIDIS, GREY, Heat, Lines, Scatter

MARKERS = dict(zip("circle square diamond triangle-up x triangle-down cross star".split(), "osD^XvP*", strict=True))
MARKERS["none"] = ""


DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


PANEL_INCHES = (3.5, 2.9)
DPI = 150  # from the start: letters are not as wide at every size, and room is made for them before they are saved


SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a label's $ is a dollar
    "svg.hashsalt": "healbert",  # the same figures give the same bytes
}


FEW = 6  # figures that are drawn sooner than a second process has started


def save_figures(figures, folder):
    """Writes ``<name>.png`` and ``<name>.svg`` of every `Figure` into a folder, on all cores.

    Returns:
        bool: whether a figure has characters that the font lacks.
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
        _save_both(figure, folder)
    lacking = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in (warning for warning in caught if warning not in lacking):
        warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
    return bool(lacking)


def _save_both(figure, folder):
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        rows, columns = len(figure.rows), max(map(len, figure.rows))
        width, height = _panel_size(figure)
        drawn = Figure(figsize=(width * columns, height * rows), dpi=DPI, layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False)
        for axis in axes.flat:
            axis.set_visible(False)
        for row, line in zip(axes, figure.rows, strict=True):
            for axis, panel in zip(row, line, strict=False):
                if panel:
                    _draw(axis, panel)
        _share_labels(axes, figure)
        _shared_legend(drawn, figure)
        drawn.get_layout_engine().execute(drawn)
        drawn.set_layout_engine(None)  # laid out once, not again for every file
        drawn.savefig(pathlib.Path(folder) / f"{figure.name}.png")
        drawn.savefig(pathlib.Path(folder) / f"{figure.name}.svg", metadata={"Date": None})


def _share_labels(axes, figure):
    """Leaves class names at the left and at the foot alone where all panels have the same."""
    if figure.kind != "confusion":
        return
    for (row, column), axis in np.ndenumerate(axes):
        below = row + 1 < len(axes) and axes[row + 1, column].get_visible()
        axis.tick_params(labelleft=column == 0, labelbottom=not below)
        axis.set(ylabel=axis.get_ylabel() if column == 0 else "", xlabel="" if below else axis.get_xlabel())


def _panel_size(figure):
    width, height = PANEL_INCHES
    content = figure.panels[0].content
    if isinstance(content, Heat):
        labels = 0.07 * max(len(name) for name in content.rows)
        cell = 0.95 if content.row_tags else 0.42 if len(content.columns) <= 12 else 0.14
        tall = 0.26 if len(content.rows) > len(content.columns) else cell
        if content.row_tags:  # two lines of text in a place
            tall = 0.55 if len(content.rows) <= 12 else 0.33
        return max(2.8, cell * len(content.columns) + labels + 1), max(2.0, tall * len(content.rows) + labels + 0.7)
    if isinstance(content, Scatter):
        return 3.0, 3.0
    return width, height


def _draw(axis, panel):
    axis.set_visible(True)
    axis.set_title("\n".join(textwrap.wrap(clean(panel.title), 44)), fontsize=9)
    DRAW[type(panel.content)](axis, panel.content)


def _draw_lines(axis, lines):
    for series in lines.series:
        look = {"color": series.colour, "marker": MARKERS[series.marker], "linestyle": DASHES[series.dash]}
        axis.plot(series.x, series.y, label=clean(series.name), markersize=4, linewidth=1.5, **look)
        y, spread = np.array(series.y), np.array(series.spread)
        if len(y) == 1 and spread.any():  # a band of one point has no width
            axis.errorbar(series.x, y, spread, color=series.colour, linewidth=1, capsize=2)
        elif spread.any():
            axis.fill_between(series.x, y - spread, y + spread, color=series.colour, alpha=0.15, linewidth=0)
    for number, (name, y) in enumerate(lines.levels):
        axis.axhline(y, color=GREY, linestyle=(0, (1, 1.5 + 2 * number)), linewidth=1.2, label=name)
    if lines.log:
        axis.set_xscale("log")
    if lines.ticks:
        axis.set_xticks(list(lines.ticks), list(lines.ticks.values()))
        axis.minorticks_off()
    else:
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel(lines.x_label)
    axis.set_ylabel(lines.y_label)
    axis.grid(alpha=0.25, linewidth=0.6)


def _draw_heat(axis, heat):
    from matplotlib.colors import LinearSegmentedColormap

    low, high = heat.limits
    colours = LinearSegmentedColormap.from_list("cividis in nine steps", CIVIDIS)  # as in the page
    axis.imshow(np.ma.masked_invalid(heat.values), cmap=colours, vmin=low, vmax=high, aspect="auto")
    upright = heat.row_tags or max(map(len, heat.columns)) <= 3
    axis.set_xticks(range(len(heat.columns)), heat.columns, rotation=0 if upright else 90)
    axis.set_yticks(range(len(heat.rows)), heat.rows)
    axis.tick_params(length=0, labelsize=6 if len(heat.rows) > 12 else 8)
    axis.set_xlabel(heat.x_label)
    axis.set_ylabel(heat.y_label)
    for row, (texts, inks) in enumerate(zip(heat.texts, heat.inks, strict=True)):
        for column, (text, colour) in enumerate(zip(texts, inks, strict=True)):
            axis.text(column, row, text, ha="center", va="center", fontsize=7, color=colour or "black")


def _draw_scatter(axis, scatter):
    draw_scatter(axis, scatter.points, scatter.labels, [clean(name) for name in scatter.names])


def _shared_legend(drawn, figure):
    """One legend under the panels, of every name that occurs in them."""
    if isinstance(figure.panels[0].content, Heat):
        return
    handles = {}
    for axis in drawn.axes:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(textwrap.shorten(name, 40, placeholder="\u2026"), handle)
    columns = max(1, int(drawn.get_size_inches()[0] / (0.5 + 0.075 * max(map(len, handles), default=1))))
    drawn.legend(handles.values(), handles, loc="outside lower center", ncols=min(columns, len(handles)), frameon=False)


DRAW = {Lines: _draw_lines, Heat: _draw_heat, Scatter: _draw_scatter}
