"""The report as Markdown, and tables as plain text for the terminal."""

import shutil
import textwrap

import jinja2

from ...utils.registry import register
from ...utils.text import clean, escape_markdown
from ..sentences import first_line

WIDEST = (44, 32, 24, 18, 14, 11)  # characters of a column, the first that lets a table fit


def pipe_table(table):
    """A `Table` as GitHub's Markdown; remarks stand on a second line of their place."""
    head = [escape_markdown(column) for column in table.columns]
    lines = [head, ["---"] * len(head), *([_pipe_cell(cell) for cell in row.cells] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pipe_cell(cell):
    text = "<br>".join(escape_markdown(line) for line in cell.text.split("\n"))
    return f"{text}<br>{escape_markdown(cell.note)}" if cell.note else text


def text_table(table):
    """A `Table` for the terminal: remarks in brackets, text cut over several lines so that it fits, if it can."""
    rows = [[f"{cell.text}\n[{cell.note}]" if cell.note else cell.text for cell in row.cells] for row in table.rows]
    room = shutil.get_terminal_size((120, 24)).columns
    options = (_widths(table, rows, widest) for widest in WIDEST)
    widths = next((found for found in options if sum(found) + 2 * (len(found) - 1) <= room), None)
    widths = widths or _widths(table, rows, WIDEST[-1])
    lines = [_text_row(table.columns, widths), "  ".join("-" * width for width in widths)]
    return "\n".join([table.title, "", *lines, *(_text_row(row, widths) for row in rows)])


def _widths(table, rows, widest):
    columns = zip(table.columns, *rows, strict=True)
    return [max(len(max(_cut(text, widest), key=len)) for text in column) for column in columns]


def _cut(text, width):
    return [part for line in clean(str(text)).split("\n") for part in textwrap.wrap(line, width)] or [""]


def _text_row(texts, widths):
    cut = [_cut(text, width) for text, width in zip(texts, widths, strict=True)]
    height = max(map(len, cut))
    padded = [part + [""] * (height - len(part)) for part in cut]
    return "\n".join(
        "  ".join(f"{line[i]:<{width}}" for line, width in zip(padded, widths, strict=True)).rstrip()
        for i in range(height)
    )


@register("format", "markdown")
def markdown(content, folder):
    """Writes report.md."""
    (folder / "report.md").write_text(markdown_report(content), encoding="utf-8")


def markdown_report(content):
    """The findings, the main tables and the first figures as Markdown, and links to all the others.

    Args:
        content: what `healbert.report.make_content` returns.
    """
    loader = jinja2.PackageLoader("healbert.report")
    environment = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {"text": escape_markdown, "pipes": pipe_table, "first_line": first_line}
    return environment.get_template("report.md.j2").render(content=content)
