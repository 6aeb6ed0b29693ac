"""How far damage moved several tensors together, from what the receipt says of each."""

import math


def distance_of(entries):
    """The relative L2 distance |after - before| / |before| of all values together, and the cosine of both.

    Args:
        entries: dicts of tensors as in ``corruption.json``, with ``norm_before``, ``norm_after``, ``relative_l2`` and
            ``cosine``.

    Returns:
        tuple: (relative L2, cosine), each a float, or None where it is no number.
    """
    if not entries or any(entry["norm_before"] is None or entry["norm_after"] is None for entry in entries):
        return None, None
    before, after = (math.fsum(entry[f"norm_{when}"] ** 2 for entry in entries) for when in ("before", "after"))
    moved = math.fsum(_moved(entry) ** 2 for entry in entries)
    dot = math.fsum((entry["cosine"] or 0) * entry["norm_before"] * entry["norm_after"] for entry in entries)
    return (
        math.sqrt(moved / before) if before else None,
        dot / math.sqrt(before * after) if before and after else None,
    )


def _moved(entry):
    # Of a tensor that was zero there is no relative distance: what it became is how far it moved.
    return entry["norm_after"] if entry["relative_l2"] is None else entry["relative_l2"] * entry["norm_before"]
