"""Scans, point by point: what each damage did to the predictions of a model that nothing healed."""

from ...utils.registry import register
from ..scan_axes import axes_of, headline, label, primary_of_scan, repeated, shown, tags_of, title_of
from ..text import DASH, interval, number, percent
from .base import SCANS, Cell, Row, Table, ends

LONG = 30  # rows, beyond which the page shows the title first


@register("table", "scan")
def scan_tables(analysis):
    """A table for each scan."""
    found = enumerate(analysis.study.scans, 1)
    return [scan_table(scan, f"scan-{index}" if index > 1 else "scan", name) for index, (name, scan) in found]


def scan_table(scan, name="scan", folder=""):
    """The `Table` of one scan.

    Args:
        scan: what scan.json holds.
        name: stem of its files.
        folder: where the scan lies, for its records.
    """
    points, axes = scan["points"], axes_of(scan["points"])
    columns = [title_of(axis, points) for axis in axes] + _columns(scan)
    rows = [Row([*(shown(label(p, axis)) for axis in axes), *_cells(p, repeated(scan))], tags_of(scan)) for p in points]
    records = [_record(folder, point) for point in points]
    title = f"Scan of {headline(scan)}"
    return Table(name, title, caption_of(scan), columns, rows, records, part=SCANS, folded=len(rows) > LONG)


def _columns(scan):
    metric = primary_of_scan(scan)[1]
    draws = ["draws", "draws with a change", "draws not finite"] if repeated(scan) else []
    return [metric, "fall", "loss", "KL (nats)", "changed", "not finite", *draws, "tensors", "parameters", "relative L2"]


def _cells(point, several):
    spans = point.get("intervals") or {}
    cells = [
        number(point["score"], 4),
        Cell(number(point["fall"], 4), _note(spans.get("fall"), lambda v: number(v, 4))),
        number(point["loss"], 4),
        DASH if point["kl"] is None else f"{point['kl']:.3g}",
        Cell(percent(point["changed"]), _note(spans.get("changed"), percent)),
        Cell(percent(point["not_finite"]), _note(spans.get("not_finite"), percent)),
    ]
    if several:
        cells.append(f"{len(point['draws'])}")
        cells += [Cell(percent(point[k]), _note(spans.get(k), percent)) for k in ("any_changed", "any_not_finite")]
    l2 = point.get("relative_l2")
    return [*cells, f"{point['tensors']}", f"{point['scalars']:,}", DASH if l2 is None else f"{l2:.3g}"]


def _note(pair, form):
    return "" if pair is None else interval(pair, form)


def _record(folder, point):
    left_out = ("draws", "intervals", "settings")
    flags = " ".join(f"--{name} {value}" for name, value in point.get("settings", {}).items())
    found = {"scan": folder} | {name: value for name, value in point.items() if name not in left_out}
    for name, pair in (point.get("intervals") or {}).items():
        found |= ends(name, pair)
    return found | {"draws": len(point["draws"]), "flags": flags}


def caption_of(scan):
    """What the figures are of, and what they mean, in sentences."""
    name, title = primary_of_scan(scan)
    size = (scan["task"].get("examples") or {}).get("evaluation")
    head = "Its head is a linear probe, trained on the intact model's features." if is_probed(scan) else ""
    means = (
        f"Each point damaged alone, evaluated without healing on {size} examples, and undone. Fall: how much worse "
        f"{title} is than the intact model's {number(scan['intact'].get(name), 4)}. KL: mean of KL(intact \u2016 damaged) "
        "over examples. Changed: predictions that are not the intact model's, those that are not finite among them."
    )
    draws = (
        "Means over draws of the damage; 95% intervals under them are of other draws, on the same examples: Student's t "
        "of the fall, Wilson's of shares, for which a draw counts as one trial, because its predictions err together."
    )
    return " ".join(filter(None, (means, draws if repeated(scan) else "", head)))


def is_probed(scan):
    """Whether its head is a linear probe that was trained for it."""
    return scan["model"].get("head") == "linear_probe"
