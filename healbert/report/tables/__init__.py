"""The tables of a report. One is a function of the `Analysis`: -> `Table`, or a list of them, or None."""

from ...utils.registry import table
from . import kinds, main, recovery, reproducibility, runs, scans, verdicts  # noqa: F401 - they register themselves, in this order
from .base import Cell, Row, Table

TABLES = table("table")


__all__ = ["TABLES", "Cell", "Row", "Table"]
