"""How a panel is drawn: one function for each kind of content. The same drawing is a file and a part of the page."""

import textwrap

import numpy as np

from ...probing.tsne import COLOURS, draw_note, draw_scatter
from ...utils.text import clean
from ..text import number
from .base import CIVIDIS, GREY, Forest, Heat, Lines, Scatter, style
from .svg import BAND, GRID, TEXT, Mark

MARKERS = dict(zip("circle square diamond triangle-up x triangle-down cross star".split(), "osD^XvP*", strict=True))
MARKERS["none"] = ""


DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


LEVELS = {"dashdot": (TEXT, 1.2), "dot": (GREY, 1.6)}  # colour and width of a horizontal by its dash


PANEL = "panel-"  # how the id of a panel begins
PANEL_INCHES = (3.5, 2.9)
DENSE = 24  # points of a line, beyond which its markers are small
LABEL_INCHES = 0.075  # of a letter of the labels of a forest plot
LINE_INCHES, LINES_INCHES = (0.06, 0.14), 4.1  # of a line of it, at least and at most; of all that lines should take
SHARE_OF_INTERVALS = 1.5  # how far beyond the effects, in parts of their range, intervals are drawn


def panel_inches(figure):
    """Width and height of each panel of a figure."""
    content = figure.panels[0].content
    return SIZES[type(content)](content)


def draw_panel(axis, panel, gid):
    """Draws a `Panel` as the group ``gid``; gives its list of `Mark`."""
    axis.set_visible(True)
    axis.set_gid(gid)
    axis.set_title("\n".join(textwrap.wrap(clean(panel.title), 44)), fontsize=9)
    return DRAW[type(panel.content)](axis, panel.content, gid)


def _draw_lines(axis, lines, gid):
    marks = []
    for place, series in enumerate(lines.series):
        look = {"color": series.colour, "marker": MARKERS[series.marker], "linestyle": DASHES[series.dash]}
        own = f"{gid}-series-{place}"
        size = 4 if len(series.x) <= DENSE else 2
        axis.plot(series.x, series.y, label=clean(series.name), markersize=size, linewidth=1.5, gid=own, **look)
        marks.append(Mark(own, _line_titles(lines, series), runs=series.runs))
        low, high = series.ends
        if len(low) == 1 and (high > low).any():  # a band of one point has no width
            bars = [series.y - low, high - series.y]
            axis.errorbar(series.x, series.y, bars, color=series.colour, linewidth=1, capsize=2)
        elif (high > low).any():
            axis.fill_between(series.x, low, high, color=series.colour, alpha=0.15, linewidth=0)
    for name, y, dash in lines.levels:
        colour, width = LEVELS[dash]
        axis.axhline(y, color=colour, linestyle=DASHES[dash], linewidth=width, label=name)
    if lines.log:
        axis.set_xscale("log")
    if lines.ticks:
        axis.set_xticks(list(lines.ticks), list(lines.ticks.values()))
        axis.minorticks_off()
    elif lines.whole:
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(xlabel=lines.x_label, ylabel=lines.y_label)
    axis.grid(linewidth=0.6)
    axis.set_axisbelow(True)
    return marks


def _line_titles(lines, series):
    found = []
    points = zip(series.x, series.y, series.spread, series.counts, *series.ends, strict=True)
    for x, y, spread, count, low, high in points:
        where = (lines.ticks or {}).get(x, f"{x:.4g}")
        spread = f" \u00b1 {spread:.4f}" if count > 1 else ""
        spread = f" ({low:.4f} to {high:.4f})" if series.band else spread
        found.append(f"{clean(series.name)}\n{lines.x_label}: {where}\n{y:.4f}{spread} (n {count})")
    return found


def _draw_heat(axis, heat, gid):
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("cividis in nine steps", CIVIDIS)
    low, high = heat.limits
    look = {"cmap": colours, "vmin": low, "vmax": high, "aspect": "auto", "interpolation": "none"}
    height, width = heat.values.shape
    for row, values in enumerate(heat.values):  # a picture each, which filters act on
        extent = (-0.5, width - 0.5, row + 0.5, row - 0.5)
        axis.imshow(np.ma.masked_invalid(values[None]), extent=extent, **look)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel=heat.x_label, ylabel=heat.y_label)
    upright = heat.row_tags or max(map(len, heat.columns)) <= 3
    axis.set_xticks(range(width), heat.columns, rotation=0 if upright else 90)
    axis.set_yticks(range(height), heat.rows)
    axis.tick_params(length=0, labelsize=6 if height > 12 else 8)
    axis.spines[:].set_visible(False)
    marks = []
    for row, (texts, inks) in enumerate(zip(heat.texts, heat.inks, strict=True)):
        for column, (text, colour) in enumerate(zip(texts, inks, strict=True)):
            if text:
                axis.text(column, row, text, ha="center", va="center", fontsize=7, color=colour or TEXT)
    if heat.bar:
        _draw_bar(axis, heat, look)
    return marks


def _draw_bar(axis, heat, look):
    """What colour is how much, at the right; the ends say so where figures lie beyond them."""
    low, high = heat.limits
    bar = axis.inset_axes([1.02, 0, 0.02, 1])
    bar.imshow(np.linspace(high, low, 64)[:, None], extent=(0, 1, low, high), **look)
    known = heat.values[np.isfinite(heat.values)]
    below, above = known.size and known.min() < low, known.size and known.max() > high
    names = [("\u2264 " if below else "") + f"{low:.3g}", f"{(low + high) / 2:.3g}"]
    bar.set_yticks([low, (low + high) / 2, high], [*names, ("\u2265 " if above else "") + f"{high:.3g}"])
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.tick_params(length=2, labelsize=7)
    bar.spines[:].set_visible(False)


def _heat_inches(heat):
    rows, columns = len(heat.rows), len(heat.columns)
    labels = 0.07 * max(len(name) for name in heat.rows)
    cell = 0.95 if heat.row_tags else 0.42 if columns <= 12 else 0.14
    tall = 0.26 if rows > columns else cell
    if heat.row_tags:  # two lines of text in a place
        tall = 0.55 if rows <= 12 else 0.33
    return max(2.8, cell * columns + labels + 1), max(2.0, tall * rows + labels + 0.7)


def _draw_scatter(axis, scatter, gid):
    draw_scatter(axis, scatter.points, scatter.labels, [clean(name) for name in scatter.names], gid)
    if scatter.note:
        draw_note(axis, scatter.note)
    titles = [[] for _ in scatter.names]
    for label, name in zip(scatter.labels, scatter.ids, strict=True):
        titles[label].append(name)
    return [
        Mark(f"{gid}-class-{i}", titles[i], dots=3 * (i < len(COLOURS)), name=f"{clean(name)}, example ")
        for i, name in enumerate(scatter.names)  # beyond so many colours the marker changes
    ]


def _draw_forest(axis, forest, gid):
    rows, slots = _slots(forest)
    size = min(7, 75 * _line_inches(slots))  # points, of a diamond
    if forest.margin:
        axis.axvspan(
            -forest.margin, forest.margin, color=BAND, linewidth=0, zorder=0, label=f"within {forest.margin:g}"
        )
    axis.axvline(0, color=TEXT, linewidth=0.8, zorder=1)
    low, high = _forest_limits(forest)
    marks = []
    for place, point in enumerate(forest.points):
        y = rows[point.line, point.dataset]
        marks += _draw_point(axis, forest, point, y, size, (low, high), f"{gid}-point-{place}")
    heights = [len(places) + 1 for places in slots]
    starts = np.cumsum([0, *heights])
    for start in starts[1:-1]:
        axis.axhline(start - 0.5, color=GRID, linewidth=0.8, zorder=0)
    axis.set_yticks([start + (height - 1) / 2 - 0.5 for start, height in zip(starts, heights, strict=False)])
    axis.set_yticklabels([clean(line) for line in forest.lines])
    axis.set(xlim=(low, high), ylim=(starts[-1] - 0.5, -0.8), xlabel=forest.x_label)
    axis.xaxis.get_major_locator().set_params(nbins=6)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x", linewidth=0.6)
    axis.set_axisbelow(True)
    return marks


def _slots(forest):
    """{(line, dataset): its height in the plot}, from the top; and what stands on each line, all datasets first."""
    on = [[] for _ in forest.lines]
    for point in forest.points:
        on[point.line].append(point.dataset)
    order = [None, *forest.datasets]
    on = [sorted(datasets, key=order.index) for datasets in on]
    rows, height = {}, 0
    for line, datasets in enumerate(on):
        rows |= {(line, dataset): height + place for place, dataset in enumerate(datasets)}
        height += len(datasets) + 1
    return rows, on


def _forest_limits(forest):
    """Ends of the axis: all effects and the margin, and of the intervals what does not make them a dot."""
    effects = [point.effect for point in forest.points] + [0, forest.margin or 0, -(forest.margin or 0)]
    low, high = min(effects), max(effects)
    beyond = SHARE_OF_INTERVALS * (high - low)
    ends = [end for point in forest.points for end in point.interval or ()]
    low, high = max(min([low, *ends]), low - beyond), min(max([high, *ends]), high + beyond)
    room = 0.04 * (high - low or 1)
    return low - room, high + room


def _draw_point(axis, forest, point, y, size, limits, gid):
    """An effect and its interval; an arrow where the interval goes on beyond the plot."""
    pooled = point.dataset is None
    look = {"colour": TEXT, "marker": "diamond"} if pooled else style(forest.datasets.index(point.dataset))
    if point.interval:
        (low, high), (left, right) = point.interval, limits
        axis.plot(
            [max(low, left), min(high, right)],
            [y, y],
            color=look["colour"],
            linewidth=2.2 if pooled else 1.3,
            gid=f"{gid}-line",
        )
        for end, outside, arrow in ((left, low < left, "<"), (right, high > right, ">")):
            if outside:
                axis.plot([end], [y], color=look["colour"], marker=arrow, markersize=4, clip_on=False)
    name = "all datasets" if pooled else clean(point.dataset)
    shown = {"color": look["colour"], "marker": MARKERS[look["marker"]], "markersize": size if pooled else 0.65 * size}
    _write_effect(axis, forest, point, y)
    axis.plot([point.effect], [y], linestyle="none", label=name, gid=gid, zorder=3, **shown)
    tags = None if pooled else {"dataset": clean(point.dataset)}
    return [Mark(gid, [point.text], tags, runs=[point.runs]), Mark(f"{gid}-line", tags=tags)]


def _write_effect(axis, forest, point, y):
    """At the right, of all datasets together or of the only one."""
    if point.dataset is None or len(forest.datasets) == 1:
        place = {"ha": "left", "va": "center", "fontsize": 8, "transform": axis.get_yaxis_transform()}
        axis.text(1.02, y, number(point.effect), **place)


def _forest_inches(forest):
    _, on = _slots(forest)
    labels = LABEL_INCHES * max(len(line) for line in forest.lines)
    return 3.6 + labels, max(2.0, _line_inches(on) * sum(len(datasets) + 1 for datasets in on) + 1.1)


def _line_inches(on):
    lines, (least, most) = sum(len(datasets) + 1 for datasets in on), LINE_INCHES
    return min(most, max(least, LINES_INCHES / lines))


def shared_legend(drawn, figure):
    """One legend under the panels, of every name that occurs in them."""
    if isinstance(figure.panels[0].content, Heat):
        return
    handles = {}
    for axis in drawn.axes:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(textwrap.shorten(name, 40, placeholder="\u2026"), handle)
    columns = max(1, int(drawn.get_size_inches()[0] / (0.5 + 0.075 * max(map(len, handles), default=1))))
    drawn.legend(handles.values(), handles, loc="outside lower center", ncols=min(columns, len(handles)), frameon=False)


DRAW = {Lines: _draw_lines, Heat: _draw_heat, Scatter: _draw_scatter, Forest: _draw_forest}
SIZES = {
    Lines: lambda content: PANEL_INCHES,
    Heat: _heat_inches,
    Scatter: lambda content: (3.0, 3.0),
    Forest: _forest_inches,
}
