"""How a panel is drawn: one function for each kind of content. The same drawing is a file and a part of the page."""

import textwrap

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from ...probing.tsne import COLOURS, class_style
from ...probing.tsne import MARKERS as SCATTERED
from ...utils.text import clean
from ..scales import log_ticks
from ..text import number
from .base import CIVIDIS, LEVELS, MARKERS, Forest, Heat, Lines, Scatter, style
from .frame import BOTTOM_ONLY, inches, numbers
from .svg import BAND, GRID, TEXT, Mark

SIGNS = dict(zip(MARKERS, "osD^XvP*", strict=True)) | {"none": ""}
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


IN_MAPS = LinearSegmentedColormap.from_list("cividis in nine steps", CIVIDIS)
PANEL_INCHES = (3.5, 2.9)
DENSE = 24  # points of a line, beyond which its markers are small
LABEL_INCHES = 0.075  # of a letter of the labels of a forest plot
LINE_INCHES, LINES_INCHES = (0.06, 0.14), 4.1  # of a line of it, at least and at most; of all that lines should take
SHARE_OF_INTERVALS = 1.5  # how far beyond the effects, in parts of their range, intervals are drawn


def panel_inches(figure):
    """Width and height of each panel of a figure."""
    content = figure.panels[0].content
    return SIZES[type(content)](content)


def draw_panel(frame, panel):
    """Draws a `Panel` in a `frame.Frame`; gives its list of `Mark`."""
    frame.title = clean(panel.title)
    return DRAW[type(panel.content)](frame, panel.content)


def _draw_lines(frame, lines):
    places = np.log10 if lines.log else np.asarray
    marks, xs, ys = [], [], [y for _, y, _ in lines.levels]
    for place, series in enumerate(lines.series):
        look = {"color": series.colour, "marker": SIGNS[series.marker], "linestyle": DASHES[series.dash]}
        own, x = f"{frame.get_gid()}-series-{place}", places(series.x)
        size = 4 if len(x) <= DENSE else 2
        frame.line(x, series.y, label=clean(series.name), markersize=size, linewidth=1.5, gid=own, **look)
        marks.append(Mark(own, _line_titles(lines, series), runs=series.runs))
        low, high = series.ends
        if len(low) == 1 and (high > low).any():  # a band of one point has no width
            frame.line([x[0], x[0]], [low[0], high[0]], color=series.colour, linewidth=1, marker="_", markersize=4)
        elif (high > low).any():
            around = np.column_stack([[*x, *x[::-1]], [*low, *high[::-1]]])
            frame.area(around, color=series.colour, alpha=0.15)
        dots = [(at, value) for at, values in zip(x, series.each, strict=False) for value in values]
        if dots:
            look = {"linestyle": "none", "marker": ".", "markersize": 4, "alpha": 0.6}
            frame.line(*np.transpose(dots), color=series.colour, **look)
        xs, ys = [*xs, *x], [*ys, *low, *high, *(value for _, value in dots)]
    frame.fit(xs, ys)
    for name, y, dash in lines.levels:
        colour, width = LEVELS[dash]
        frame.line(frame.limits[0], [y, y], color=colour, linestyle=DASHES[dash], linewidth=width, label=name)
    ticks = lines.ticks or (log_ticks([x for series in lines.series for x in series.x]) if lines.log else None)
    named = {float(places(x)): label for x, label in ticks.items()} if ticks else None
    frame.ticks = named or numbers(frame.limits[0], whole=lines.whole), numbers(frame.limits[1], 8)
    frame.labels = lines.x_label, lines.y_label
    return marks


def _line_titles(lines, series):
    found = []
    points = zip(series.x, series.y, series.spread, series.counts, *series.ends, strict=True)
    for x, y, spread, count, low, high in points:
        where = (lines.ticks or {}).get(x, f"{x:.4g}").replace("\n", ", ")
        spread = f" \u00b1 {spread:.4f}" if count > 1 else ""
        spread = f" ({low:.4f} to {high:.4f})" if series.band else spread
        found.append(f"{clean(series.name)}\n{lines.x_label}: {where}\n{y:.4f}{spread} (n {count})")
    return found


def _draw_heat(frame, heat):
    (low, high), (height, width) = heat.limits, heat.values.shape
    colours = IN_MAPS(np.ma.masked_invalid((heat.values - low) / (high - low)), bytes=True)
    frame.limits = (-0.5, width - 0.5), (height - 0.5, -0.5)
    frame.ticks = dict(enumerate(heat.columns)), dict(enumerate(heat.rows))
    frame.labels = heat.x_label, heat.y_label
    frame.grid, frame.spines = (False, False), None
    frame.turned = not heat.row_tags and max(map(len, heat.columns)) > 3
    frame.tick_size = 6 if height > 12 else 8
    for row, line in enumerate(colours):  # a picture each, which filters act on
        frame.picture(line[None], (-0.5, row - 0.5, width - 0.5, row + 0.5))
    for row, (texts, inks) in enumerate(zip(heat.texts, heat.inks, strict=True)):
        for column, (text, colour) in enumerate(zip(texts, inks, strict=True)):
            if text:
                frame.write(column, row, text, fontsize=7, color=colour or TEXT)
    if heat.bar:
        _draw_bar(frame, heat)
    return []


def _draw_bar(frame, heat):
    """What colour is how much, at the right; the ends say so where figures lie beyond them."""
    low, high = heat.limits
    frame.bar(IN_MAPS(np.linspace(0, 1, 64), bytes=True))
    known = heat.values[np.isfinite(heat.values)]
    below, above = known.size and known.min() < low, known.size and known.max() > high
    names = [("\u2264 " if below else "") + f"{low:.3g}", f"{(low + high) / 2:.3g}"]
    names.append(("\u2265 " if above else "") + f"{high:.3g}")
    for place, name in zip((0, 0.5, 1), names, strict=True):
        frame.write_beside(1.05, place, name, fontsize=7, ha="left")
    frame.room = 0.05 * _heat_inches(heat)[0] + max(inches(name, 7) for name in names)


def _heat_inches(heat):
    rows, columns = len(heat.rows), len(heat.columns)
    labels = 0.07 * max(len(name) for name in heat.rows)
    cell = 0.95 if heat.row_tags else 0.42 if columns <= 12 else 0.14
    tall = 0.26 if rows > columns else cell
    if heat.row_tags:  # two lines of text in a place
        tall = 0.55 if rows <= 12 else 0.33
    return max(2.8, cell * columns + labels + 1), max(2.0, tall * rows + labels + 0.7)


def _draw_scatter(frame, scatter):
    marks, titles = [], [[] for _ in scatter.names]
    for label, name in zip(scatter.labels, scatter.ids, strict=True):
        titles[label].append(name)
    for i, name in enumerate(map(clean, scatter.names)):
        own, (colour, marker) = scatter.points[scatter.labels == i], class_style(i)
        look = {"linestyle": "none", "marker": SCATTERED[marker], "markersize": 3, "markeredgewidth": 0}
        gid = f"{frame.get_gid()}-class-{i}"
        frame.line(own[:, 0], own[:, 1], color=f"{colour}b3", label=name, gid=gid, **look)
        # Beyond so many colours the marker changes.
        marks.append(Mark(gid, titles[i], dots=3 * (i < len(COLOURS)), name=f"{name}, example "))
    frame.fit(*scatter.points.T)
    if scatter.note:
        frame.write_beside(0.5, 0.5, scatter.note)
    return marks


def _draw_forest(frame, forest):
    rows, slots = _slots(forest)
    size = min(7, 75 * _line_inches(slots))  # points, of a diamond
    heights = [len(places) + 1 for places in slots]
    starts = np.cumsum([0, *heights])
    low, high = _forest_limits(forest)
    frame.limits = (low, high), (starts[-1] - 0.5, -0.8)
    if forest.margin:
        left, right, (bottom, top) = -forest.margin, forest.margin, frame.limits[1]
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        frame.area(corners, color=BAND, zorder=0, label=f"within {forest.margin:g}")
    frame.line([0, 0], frame.limits[1], color=TEXT, linewidth=0.8, zorder=1)
    marks = []
    for place, point in enumerate(forest.points):
        y = rows[point.line, point.dataset]
        marks += _draw_point(frame, forest, point, y, size, f"{frame.get_gid()}-point-{place}")
    for start in starts[1:-1]:
        frame.line([low, high], [start - 0.5, start - 0.5], color=GRID, linewidth=0.8, zorder=0)
    middles = [start + (height - 1) / 2 - 0.5 for start, height in zip(starts, heights, strict=False)]
    frame.ticks = numbers((low, high)), dict(zip(middles, map(clean, forest.lines), strict=True))
    frame.labels, frame.grid, frame.spines = (forest.x_label, ""), (True, False), BOTTOM_ONLY
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


def _draw_point(frame, forest, point, y, size, gid):
    """An effect and its interval; an arrow where the interval goes on beyond the plot."""
    pooled = point.dataset is None
    look = {"colour": TEXT, "marker": "diamond"} if pooled else style(forest.datasets.index(point.dataset))
    if point.interval:
        (low, high), (left, right) = point.interval, frame.limits[0]
        width, ends = 2.2 if pooled else 1.3, [max(low, left), min(high, right)]
        frame.line(ends, [y, y], color=look["colour"], linewidth=width, gid=f"{gid}-line")
        for end, outside, arrow in ((left, low < left, "<"), (right, high > right, ">")):
            if outside:
                frame.line([end], [y], color=look["colour"], marker=arrow, markersize=4)
    name = "all datasets" if pooled else clean(point.dataset)
    shown = {"color": look["colour"], "marker": SIGNS[look["marker"]], "markersize": size if pooled else 0.65 * size}
    _write_effect(frame, forest, point, y)
    frame.line([point.effect], [y], linestyle="none", label=name, gid=gid, zorder=3, **shown)
    tags = None if pooled else {"dataset": clean(point.dataset)}
    return [Mark(gid, [point.text], tags, runs=[point.runs]), Mark(f"{gid}-line", tags=tags)]


def _write_effect(frame, forest, point, y):
    """At the right, of all datasets together or of the only one."""
    if point.dataset is None or len(forest.datasets) == 1:
        text, (bottom, top) = number(point.effect), frame.limits[1]
        frame.write_beside(1.02, (y - bottom) / (top - bottom), text, ha="left", fontsize=8)
        frame.room = max(frame.room, 0.02 * _forest_inches(forest)[0] + inches(text, 8))


def _forest_inches(forest):
    _, on = _slots(forest)
    labels = LABEL_INCHES * max(len(line) for line in forest.lines)
    return 3.6 + labels, max(2.0, _line_inches(on) * sum(len(datasets) + 1 for datasets in on) + 1.1)


def _line_inches(on):
    lines, (least, most) = sum(len(datasets) + 1 for datasets in on), LINE_INCHES
    return min(most, max(least, LINES_INCHES / lines))


def shared_legend(drawn, frames):
    """One legend under the panels, of every name that occurs in them; gives its height in inches."""
    handles = {}
    for part in (part for frame in frames for part in frame.parts if part.get_label()):
        handles.setdefault(textwrap.shorten(part.get_label(), 40, placeholder="\u2026"), part)
    if not handles:
        return 0.0
    columns = max(1, int(drawn.get_size_inches()[0] / (0.5 + 0.075 * max(map(len, handles)))))
    look = {"loc": "lower center", "ncols": min(columns, len(handles)), "frameon": False, "borderaxespad": 0}
    legend = drawn.legend(handles.values(), handles, **look)
    return legend.get_window_extent(drawn.canvas.get_renderer()).height / drawn.dpi


DRAW = {Lines: _draw_lines, Heat: _draw_heat, Scatter: _draw_scatter, Forest: _draw_forest}
SIZES = {
    Lines: lambda content: PANEL_INCHES,
    Heat: _heat_inches,
    Scatter: lambda content: (3.0, 3.0),
    Forest: _forest_inches,
}
