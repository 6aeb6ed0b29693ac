"""The figures of a report. A new kind is one function (results, context) -> list of `Figure`, named here."""

from .base import Figure, Panel
from .curves import by_depth, by_epoch, by_level, by_rate
from .grids import confusion, recovery_map, tsne
from .interactive import chart
from .static import save_figures

FIGURES = (by_level, recovery_map, by_epoch, by_rate, by_depth, confusion, tsne)


__all__ = ["FIGURES", "Figure", "Panel", "chart", "make_figures", "save_figures"]


def make_figures(results, context):
    """Every figure that a group's runs have data for.

    Args:
        results: `Results` of a group.
        context: holds the group's ``costs``, ``predictions`` and ``features``.
    """
    return [figure for make in FIGURES for figure in make(results, context)]
