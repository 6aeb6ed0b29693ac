"""The tables of a report: figures for reading, and the same in full precision for CSV."""

import dataclasses
from urllib.parse import quote

# Parts of the page with tables of their own.
VERDICTS, REPRODUCIBILITY, SCANS, COMPARISON = "verdicts", "reproducibility", "scans", "comparison"


@dataclasses.dataclass
class Cell:
    """One place of a table.

    ``text`` is the figure, ``note`` a remark under it, ``kind`` what colours it: "without-score", "missing", "holds",
    "fails", "equal", "open" or ""; ``link`` a place in the page.
    """

    text: str
    note: str = ""
    kind: str = ""
    link: str = ""


@dataclasses.dataclass
class Row:
    """A line of a table: its cells (`Cell`, or text for a plain one), and the tags that the page's filters go by."""

    cells: list
    tags: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.cells = [cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in self.cells]


@dataclasses.dataclass
class Table:
    """One table of a report.

    Args:
        name: stem of its files, which no other table of the report has.
        title, caption: texts over and under it.
        columns: titles of its columns.
        rows: list of `Row`, for reading.
        records: list of dicts, for the CSV file: the same in full precision.
        group: the `Group` in whose part of the page it stands; None of a table on all groups.
        part: where a table on all groups stands: `VERDICTS`, `REPRODUCIBILITY`, `SCANS`, `COMPARISON`, or "" for the
            part of its own.
        shown: whether it stands in the page; else it is a file alone.
        folded: whether the page shows its title first, and the rest on demand.
        paper: the same as a `Table` in the layout of the paper, for LaTeX.
        spans: titles over several columns each, as (title or "", columns).
        kind: the name it is registered by; the report fills it in.
    """

    name: str
    title: str
    caption: str
    columns: list
    rows: list
    records: list
    group: object = None
    part: str = ""
    shown: bool = True
    folded: bool = False
    paper: object = None
    spans: list = dataclasses.field(default_factory=list)
    kind: str = ""


def tags(group, dataset=""):
    """What the page's filters go by; a dataset of "" is all of them."""
    return {"dataset": dataset, "model": group.model, "method": group.method}


def file_stem(kind, group):
    """Name of a table's or a figure's files: the group's number and label follow where there are several groups."""
    return "-".join(filter(None, (kind, group.slug)))


def to_run(name):
    """The page of a run, as a link."""
    return f"#run-{quote(name, safe='')}"


def to_runs(numbers):
    """The page of a run or of several, by their numbers, as a link; "" of none."""
    return f"#runs-{'.'.join(map(str, numbers))}" if numbers else ""


def ends(name, pair):
    """The two ends of an interval as entries of a record."""
    return {f"{name}_low": pair and pair[0], f"{name}_high": pair and pair[1]}
