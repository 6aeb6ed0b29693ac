"""Figures as plotly.js charts for the HTML report: plain dicts of traces and layout."""

import html
import math

from ...probing.tsne import class_style
from ...utils.text import clean
from .base import CIVIDIS, GREY, Heat, Lines, Scatter

MANY_ROWS = 12  # of a heatmap, beyond which its labels are small


CLASS_SYMBOLS = ("circle", "triangle-up", "square", "x")


def chart(panel):
    """The plotly.js chart of a `Panel`: {"data": traces, "layout": layout, "height": CSS pixels}."""
    made = CHART[type(panel.content)](panel.content)
    layout = {
        "title": {"text": safe(panel.title), "font": {"size": 14}, "x": 0.5, "xanchor": "center", "y": 0.98},
        "margin": {"l": 58, "r": 14, "t": 40, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12},
        "hoverlabel": {"font": {"size": 12}},
        "showlegend": False,
    }
    return {"data": made["data"], "layout": layout | made["layout"], "height": made["height"]}


def safe(text):
    """Text from data as plotly.js shows it: nothing in it is taken for a tag."""
    return html.escape(clean(str(text)), quote=False)


def _lines(lines):
    data = []
    for series in lines.series:
        alone = len(series.x) == 1  # a band of one point has no width
        data += _band(series) if any(series.spread) and not alone else []
        spread = [f" \u00b1 {s:.4f}" if n > 1 else "" for s, n in zip(series.spread, series.counts, strict=True)]
        data.append(
            {
                "type": "scatter",
                "mode": "lines" if series.marker == "none" else "lines+markers",
                "name": safe(series.name),
                "x": series.x,
                "y": series.y,
                "customdata": [list(pair) for pair in zip(spread, series.counts, strict=True)],
                "hovertemplate": f"{safe(series.name)}<br>{lines.x_label}: %{{x}}<br>%{{y:.4f}}%{{customdata[0]}} "
                "(n %{customdata[1]})<extra></extra>",
                "line": {"color": series.colour, "dash": series.dash, "width": 2},
                **({"error_y": {"type": "data", "array": series.spread, "thickness": 1}} if alone else {}),
                **({} if series.marker == "none" else {"marker": {"symbol": series.marker, "size": 7}}),
            }
        )
    ends = _ends(lines)
    for number, (name, y) in enumerate(lines.levels):
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": safe(name),
                "x": ends,
                "y": [y, y],
                "hovertemplate": f"{safe(name)}: %{{y:.4f}}<extra></extra>",
                "line": {"color": GREY, "dash": ("dot", "dashdot")[number % 2], "width": 1.5},
            }
        )
    x_axis = {"title": {"text": safe(lines.x_label)}, "zeroline": False}
    if lines.log:
        x_axis["type"] = "log"
    elif not lines.ticks and _ends(lines)[1] <= 12:  # epochs, layers
        x_axis["dtick"] = 1
    if lines.ticks:
        x_axis |= {"tickmode": "array", "tickvals": list(lines.ticks), "ticktext": list(lines.ticks.values())}
    layout = {
        "xaxis": x_axis,
        "yaxis": {"title": {"text": safe(lines.y_label)}, "zeroline": False},
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.28, "x": 0.5, "xanchor": "center", "yanchor": "top"},
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout, "height": 340 + 20 * (len(lines.series) // 3)}


def _band(series):
    """Mean plus and minus one standard deviation, as a closed outline."""
    upper = [y + s for y, s in zip(series.y, series.spread, strict=True)]
    lower = [y - s for y, s in zip(series.y, series.spread, strict=True)]
    band = {"type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip", "showlegend": False}
    band |= {"x": series.x + series.x[::-1], "y": upper + lower[::-1], "line": {"width": 0}}
    red, green, blue = (int(series.colour[i : i + 2], 16) for i in (1, 3, 5))
    return [band | {"fillcolor": f"rgba({red},{green},{blue},0.15)"}]


def _ends(lines):
    xs = [x for series in lines.series for x in series.x]
    return [min(xs), max(xs)] if xs else [0, 1]


def _heat(heat):
    trace = {
        "type": "heatmap",
        "x": [safe(name) for name in heat.columns],
        "y": [safe(name) for name in heat.rows],
        "z": [[None if math.isnan(v) else v for v in row] for row in heat.values.tolist()],
        # what the script writes over it
        "meta": {"inks": heat.inks, "texts": _broken(heat.texts), "brief": _broken(heat.brief or heat.texts)},
        "hovertemplate": f"%{{y}}, %{{x}}<br>%{{z:.2f}} {heat.hover}<extra></extra>",
        "hoverongaps": False,
        "colorscale": [[i / 8, colour] for i, colour in enumerate(CIVIDIS)],
        "zmin": heat.limits[0],
        "zmax": heat.limits[1],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    if heat.row_tags:  # rows that the page's filters choose among
        trace["meta"]["rows"] = [{name: clean(tag) for name, tag in tags.items()} for tags in heat.row_tags]
    many = len(heat.rows) > MANY_ROWS
    axis = {"type": "category", "automargin": True, "showgrid": False, "zeroline": False}
    axis |= {"tickfont": {"size": 9 if many else 12}}
    layout = {
        "xaxis": axis | {"title": {"text": safe(heat.x_label)}, "range": [-0.5, len(heat.columns) - 0.5]},
        "yaxis": axis | {"title": {"text": safe(heat.y_label)}, "range": [len(heat.rows) - 0.5, -0.5]},
    }
    per_row = 56 if heat.row_tags else 15 if many else 34
    return {"data": [trace], "layout": layout, "height": max(260, per_row * len(heat.rows) + 150)}


def _broken(texts):
    return [[safe(text).replace("\n", "<br>") for text in row] for row in texts]


def _scatter(scatter):
    data = []
    for index, name in enumerate(scatter.names):
        own = [i for i, label in enumerate(scatter.labels) if label == index]
        colour, symbol = class_style(index)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": safe(name),
                "x": [round(float(scatter.points[i, 0]), 2) for i in own],
                "y": [round(float(scatter.points[i, 1]), 2) for i in own],
                "text": [safe(scatter.ids[i]) for i in own],
                "hovertemplate": f"{safe(name)}, example %{{text}}<extra></extra>",
                "marker": {
                    "size": 6,
                    "opacity": 0.8,
                    "color": colour,
                    "symbol": CLASS_SYMBOLS[symbol],
                },
            }
        )
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False}
    legend = {"orientation": "h", "y": -0.05, "x": 0.5, "xanchor": "center", "yanchor": "top"}
    layout = {"xaxis": axis, "yaxis": axis, "showlegend": True, "legend": legend}
    return {"data": data, "layout": layout | {"margin": {"l": 14, "r": 14, "t": 40, "b": 20}}, "height": 340}


CHART = {Lines: _lines, Heat: _heat, Scatter: _scatter}
