"""The tables of a report. One is a function of the `Analysis`: -> `Table`, or a list of them, or None."""

from ...utils.registry import table
from . import layers, main, pareto, recovery, reproducibility, runs, speed, verdicts  # noqa: F401, I001 - in order
from .base import Cell, Row, Table

TABLES = table("table")


__all__ = ["TABLES", "Cell", "Row", "Table"]
