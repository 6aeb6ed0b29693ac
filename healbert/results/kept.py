"""A folder in which a damaged model was kept (``--corrupt_only``): it is no run."""

from ..utils.files import read_json

KEPT = "damaged"  # the part of settings.json that says so, and whether all of it was written
BEGUN, WHOLE = "begun", "whole"


def keeps_damaged(folder):
    """How far the writing of a damaged model has come in a folder: `BEGUN` or `WHOLE`; None where there is none.

    Args:
        folder: a path.
    """
    found = read_json(folder / "settings.json")
    ours = found.get("healbert") if isinstance(found, dict) else None
    return ours.get(KEPT) if isinstance(ours, dict) else None
