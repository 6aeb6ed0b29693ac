"""What the receipt of a run's damage says of each layer: how much of it was hit, and how far that moved."""

import collections
import json
import math

from ..utils.files import read_file

# `place` is a layer's index, or what lies outside the layers by its name ("embeddings"); a figure may be None.
Place = collections.namedtuple("Place", "place tensors scalars relative_l2 cosine")


def read_receipt(folder):
    """What the damage hit, as ``corruption.json`` says it, layers first.

    Args:
        folder: a run's folder.

    Returns:
        list of `Place`; empty of an intact run. ``relative_l2`` is |after - before| / |before| of all values that were
        hit there together, ``cosine`` that of before and after.

    Raises:
        FileNotFoundError, OSError: if it cannot be read.
        ValueError: if it is damaged.
    """
    text = read_file(folder / "corruption.json")
    try:
        receipt = json.loads(text)
        stack = receipt["summary"].get("layer_stack")
        entries = collections.defaultdict(list)
        for entry in receipt["tensors"]:
            entries[_place(entry["name"], f"{stack}.")].append(entry)
        found = [Place(place, len(of), sum(e["count"] for e in of), *_distance(of)) for place, of in entries.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is damaged") from error
    return sorted(found, key=lambda one: (isinstance(one.place, str), one.place))


def _place(name, stack):
    inside = name.removeprefix(stack).partition(".")[0]
    return int(inside) if name.startswith(stack) and inside.isdecimal() else name.partition(".")[0]


def _distance(entries):
    """(relative L2 distance, cosine) of tensors together; None where a norm is not a number."""
    if any(entry["norm_before"] is None or entry["norm_after"] is None for entry in entries):
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
