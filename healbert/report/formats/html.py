"""The report as one HTML file that needs nothing else."""

import jinja2
import markupsafe

from ...utils.registry import register
from ...utils.text import clean
from ..figures.interactive import chart
from ..sentences import NOT_COMPARED, details, first_line


@register("format", "html")
def html(content, folder):
    """Writes report.html."""
    (folder / "report.html").write_text(html_report(content), encoding="utf-8")


def html_report(content):
    """The whole report as HTML, with style, script and plotly.js inside.

    Everything that comes from data is escaped: by jinja2 in the page, as JSON in what the script reads.

    Args:
        content: what `healbert.report.make_content` returns.
    """
    loader = jinja2.PackageLoader("healbert.report")
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=True, finalize=_cleaned
    )
    environment.filters |= {"chart": chart, "first_line": first_line, "details": details, "breaks": _breaks}

    def trusted(name):
        return markupsafe.Markup(loader.get_source(environment, name)[0])

    return environment.get_template("report.html.j2").render(
        content=content,
        not_compared=NOT_COMPARED,
        style=trusted("report.css"),
        script=trusted("report.js"),
        plotly=markupsafe.Markup(_plotly()),
    )


def _cleaned(value):
    return clean(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value


def _breaks(text):
    """Text that may break after the underscores of a setting's name."""
    return markupsafe.Markup(str(markupsafe.escape(clean(text))).replace("_", "_<wbr>"))


def _plotly():
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
