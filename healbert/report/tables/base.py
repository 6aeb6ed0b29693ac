"""The tables of a report: figures for reading, and the same in full precision for CSV."""

import dataclasses


@dataclasses.dataclass
class Cell:
    """What stands in one place of a table: a figure, a remark under it, and what kind it is ("lost", "good", ...)."""

    text: str
    note: str = ""
    kind: str = ""


@dataclasses.dataclass
class Row:
    """Runs (`Cell` or text), and what filters go by."""

    cells: list
    tags: dict

    def __post_init__(self):
        self.cells = [cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in self.cells]


@dataclasses.dataclass
class Table:
    """``name`` is its file's stem; ``records`` are dicts for the CSV file."""

    name: str
    title: str
    caption: str
    columns: list
    rows: list
    records: list
    tags: dict = dataclasses.field(default_factory=dict)


def tags(group, dataset=""):
    return {"dataset": dataset, "model": group.model, "method": group.method}


def file_stem(kind, group):
    return "-".join(filter(None, (kind, group.slug)))


def ends(name, pair):
    return {f"{name}_low": pair and pair[0], f"{name}_high": pair and pair[1]}
