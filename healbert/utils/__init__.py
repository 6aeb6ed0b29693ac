"""Errors, files, machine: used by all rooms, knows nothing of them."""
