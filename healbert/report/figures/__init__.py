"""The figures of a report. One is a function of the `Analysis`: -> `Figure`, or a list of them, or None."""

from ...utils.registry import table  # noqa: I001 - what is imported next registers itself, in the order of the page
from . import levels, forest, kinds, recovery, aggregates, curves, speed, layers, pareto, confusion, tsne, scans  # noqa: F401
from .base import Figure, Forest, Heat, Lines, Panel, Point, Scatter, averaged, in_rows

FIGURES = table("figure")


__all__ = ["FIGURES", "Figure", "Forest", "Heat", "Lines", "Panel", "Point", "Scatter", "averaged", "in_rows"]
