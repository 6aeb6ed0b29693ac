"""Sweeps: many cells from one file, each run once, whatever happens in between."""

from .cells import Plan, PlannedCell, make_plan
from .run import run_grid
from .sweep_file import Sweep, read_sweep

__all__ = ["Plan", "PlannedCell", "Sweep", "make_plan", "read_sweep", "run_grid"]
