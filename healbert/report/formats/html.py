"""The report as one HTML file that needs nothing else."""

import json
import os
from urllib.parse import quote

import jinja2
import markupsafe

from ...analysis.verdict import POOLED
from ...probing.tsne import class_style
from ...utils.registry import register
from ...utils.text import clean
from ..figures import svg
from ..figures.base import LEVELS, MARKERS, Forest, Heat, Lines, Scatter, style
from ..headline import caveats
from ..sentences import details, first_line

GLYPHS = dict(zip(MARKERS, "\u25cf\u25a0\u25c6\u25b2\u2716\u25bc\u271a\u2605", strict=True))
CLASS_GLYPHS = "\u25cf\u25b2\u25a0\u2716"


@register("format", "html")
def html(content, folder):
    """Writes report.html."""
    (folder / "report.html").write_text(html_report(content), encoding="utf-8")


def html_report(content):
    """The whole report as HTML, with style, script and figures inside.

    Everything that comes from data is escaped: by jinja2 in the page, by ElementTree in figures.

    Args:
        content: what `healbert.report.make_content` returns.
    """
    loader = jinja2.PackageLoader("healbert.report")
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=True, finalize=_cleaned
    )
    environment.filters |= {
        "first_line": first_line,
        "details": details,
        "breaks": _breaks,
        "legend": legend,
        "caveats": caveats,
    }
    environment.filters |= {"heat": _heat, "panels": lambda figure: _panels(figure, content.drawn[figure.name]())}

    def trusted(name):
        return markupsafe.Markup(loader.get_source(environment, name)[0])

    return environment.get_template("report.html.j2").render(
        content=content,
        style=trusted("report.css"),
        script=trusted("report.js"),
        reloading=trusted("reloading.js"),
        run_script=trusted("run_page.js"),
        runs=_runs(content),
    )


def _runs(content):
    """What the pages of runs are made of, as JSON that ends no script; with where each run's files are, for links."""
    pages = _all_cleaned(content.pages)
    if content.output:
        places = [os.path.relpath(folder.resolve(), content.output) for folder in content.folders]
        runs = [run | {"at": quote(place)} for run, place in zip(pages["runs"], places, strict=True)]
        pages = pages | {"runs": runs}
    text = json.dumps(pages, separators=(",", ":"), allow_nan=False)
    return markupsafe.Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _all_cleaned(value):
    if isinstance(value, dict):
        return {_cleaned(name): _all_cleaned(inner) for name, inner in value.items()}
    return [_all_cleaned(inner) for inner in value] if isinstance(value, (list, tuple)) else _cleaned(value)


def _cleaned(value):
    return clean(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value


def _breaks(text):
    """Text that may break after the underscores of a setting's name."""
    return markupsafe.Markup(str(markupsafe.escape(clean(text))).replace("_", "_<wbr>"))


def _panels(figure, drawn):
    """[(`Panel`, its drawing), ...] of a figure, and of it `Drawn`."""
    return [(panel, markupsafe.Markup(drawn.panels[f"{svg.PANEL}{i}"])) for i, panel in enumerate(figure.panels)]


def legend(figure):
    """[(colour, dash or "", sign, name), ...]: every name that occurs in a figure's panels, once."""
    found = {}
    for panel in figure.panels:
        content = panel.content
        if isinstance(content, Lines):
            for one in content.series:
                sign = GLYPHS.get(one.marker, "")
                found.setdefault(one.name, (one.colour, one.dash, sign, one.name))
            for name, _, dash in content.levels:
                colour, _ = LEVELS[dash]
                found.setdefault(name, (svg.THEME.get(colour, colour), dash, "", name))
        elif isinstance(content, Scatter):
            for i, name in enumerate(content.names):
                colour, marker = class_style(i)
                found.setdefault(name, (colour, "", CLASS_GLYPHS[marker], name))
        elif isinstance(content, Forest):
            if any(point.dataset is None for point in content.points):
                found.setdefault(POOLED, ("var(--text)", "solid", GLYPHS["diamond"], POOLED))
            for i, name in enumerate(content.datasets):
                look = style(i)
                found.setdefault(name, (look["colour"], "solid", GLYPHS[look["marker"]], name))
    return list(found.values())


def _heat(panel):
    """What the page needs to say of a place of a map, as JSON; "" of other panels."""
    heat = panel.content
    if not isinstance(heat, Heat):
        return ""
    values = [[float(f"{value:.5g}") if value == value else None for value in row] for row in heat.values.tolist()]
    found = {"rows": heat.rows, "columns": heat.columns, "values": values, "unit": heat.hover}
    tags = [{name: clean(tag) for name, tag in tags.items()} for tags in heat.row_tags or []]
    runs = [[".".join(map(str, numbers)) for numbers in row] for row in heat.runs]
    return json.dumps(found | ({"tags": tags} if tags else {}) | ({"runs": runs} if runs else {}))
