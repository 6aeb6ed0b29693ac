"""What the receipt of a run's damage says of each layer: how much of it was hit, and how far that moved."""

import collections
import json

from ..damage.distances import distance_of
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
        found = [Place(place, len(of), sum(e["count"] for e in of), *distance_of(of)) for place, of in entries.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is damaged") from error
    return sorted(found, key=lambda one: (isinstance(one.place, str), one.place))


def _place(name, stack):
    inside = name.removeprefix(stack).partition(".")[0]
    return int(inside) if name.startswith(stack) and inside.isdecimal() else name.partition(".")[0]
