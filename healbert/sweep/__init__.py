"""Sweeps: many runs from one file, each run once, whatever happens in between."""
