"""The tables of a report. One is a function of the `Analysis`: -> `Table`, or a list of them, or None."""

from ...utils.registry import table  # noqa: I001 - what is imported next registers itself, in the order of the page
from . import main, kinds, recovery, aggregates, speed, layers, language, harness, pareto  # noqa: F401
from . import reproducibility, runs, scans, verdicts, pair  # noqa: F401
from .base import Cell, Row, Table

TABLES = table("table")


__all__ = ["TABLES", "Cell", "Row", "Table"]
