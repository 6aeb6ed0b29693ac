"""Where healing happened: damaged layers and the others, before and after."""

from ...analysis.layers import MOVED, moves
from ...damage.spans import spans
from ...utils.registry import register
from ..text import DASH, number
from .base import Cell, Row, Table, file_stem, tags

PRETRAINED, CKA, CKA_INTACT = ("distance", "pretrained"), ("cka", "pretrained"), ("cka", "intact")
CAPTION = (
    "Of runs with --trace_healing, means over layers and seeds, at the best learning rate. Distances are between "
    "weights, divided by the length of the pretrained ones. Before \u2192 after healing: a damaged layer whose "
    "distance to the pretrained weights falls, or whose CKA with the pretrained states rises, came back. Moved: the "
    "distance from where healing began; in the intact runs: what fine-tuning moves the same layers by. Others that "
    "moved much more than that made up for the damaged ones. Runs: how many the means are over; those whose layers, "
    "damaged layers or epochs are others than the first one's are not among them."
)


@register("table", "healing-by-layer")
def healing_by_layer(analysis):
    """A row for the damaged and for the other layers of each damage, a table for each group."""
    return [table for group in analysis.groups if (table := _table(group))]


def _table(analysed):
    group, found = analysed.group, moves(analysed.results)
    if not found:
        return None
    columns = ["dataset", "damage", "layers", "distance to pretrained", "CKA with pretrained", "CKA with intact"]
    columns += ["moved", "in intact runs", "ratio", "runs"]
    rows = [Row(_cells(moved), tags(group, moved.dataset)) for moved in found]
    records = [_record(group, moved) for moved in found]
    title = f"Where healing happened: {group.label}"
    return Table(file_stem("healing-by-layer", group), title, CAPTION, columns, rows, records, group)


def _cells(moved):
    layers = Cell("damaged" if moved.hit else "others", spans(moved.layers))
    both = [_from_to(moved, key) for key in (PRETRAINED, CKA, CKA_INTACT)]
    figures = [moved.healed.get(MOVED), moved.intact, _ratio(moved)]
    figures = [*map(number, figures), moved.trace.counted]
    return [moved.dataset, str(moved.damage), layers, *both, *figures]


def _from_to(moved, key):
    first, last = moved.start.get(key), moved.healed.get(key)
    return DASH if first is None or last is None else f"{number(first)} \u2192 {number(last)}"


def _ratio(moved):
    own = moved.healed.get(MOVED)
    return own / moved.intact if own is not None and moved.intact else None


def _record(group, moved):
    record = {"group": group.label, "dataset": moved.dataset, "level": moved.damage.level}
    record |= {"region": moved.damage.region or "shared", "layers": spans(moved.layers), "damaged": moved.hit}
    for name, key in (("distance", PRETRAINED), ("cka", CKA), ("cka_intact", CKA_INTACT)):
        record |= {f"{name}_start": moved.start.get(key), f"{name}_healed": moved.healed.get(key)}
    return (
        record
        | {"moved": moved.healed.get(MOVED), "moved_intact": moved.intact, "ratio": _ratio(moved)}
        | {
            "runs": len(moved.trace.runs),
            "runs_of_damage": moved.trace.of,
        }
    )
