"""One cell, start to end: load, damage, evaluate, heal, evaluate, write."""

from .loading import LoadCache
from .run import run_experiment

__all__ = ["LoadCache", "run_experiment"]
