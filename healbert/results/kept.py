"""Folders with a settings.json that are no runs: of a damaged model that was kept, and of other programs."""

from ..utils.files import read_json

KEPT = "damaged"  # the part of settings.json that says so, and whether all of it was written
BEGUN, WHOLE = "begun", "whole"


def is_others(folder, names):
    """Whether a folder's settings.json is another program's, such as an editor's.

    One that cannot be read may be a run's; that of an early version is its flat settings.

    Args:
        folder: a path.
        names: of what lies in it.
    """
    found = read_json(folder / "settings.json") if "results.json" not in names else None
    return isinstance(found, dict) and bool(found) and not {"healbert", "corrupt_level"} & found.keys()


def keeps_damaged(folder):
    """How far the writing of a damaged model has come in a folder: `BEGUN` or `WHOLE`; None where there is none.

    Args:
        folder: a path.
    """
    found = read_json(folder / "settings.json")
    ours = found.get("healbert") if isinstance(found, dict) else None
    return ours.get(KEPT) if isinstance(ours, dict) else None
