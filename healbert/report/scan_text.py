"""What the terminal shows of a scan."""

import math
import statistics

from .formats.markdown import text_table
from .scan_axes import headline, primary_of_scan
from .tables.scans import is_probed, scan_table
from .text import number

BRIEF = 15  # points


def brief_text(scan):
    """What the terminal shows of a scan: the intact score, and the points that cost most."""
    name, title = primary_of_scan(scan)
    table, points = scan_table(scan), scan["points"]
    order = sorted(range(len(points)), key=lambda index: _first(points[index]))
    table.rows = [table.rows[index] for index in order[:BRIEF]]
    table.title = f"{len(table.rows)} of {len(points)} points, those that cost most first"
    examples = scan["task"]["examples"]
    lines = [headline(scan), f"intact {title} {number(scan['intact'][name], 4)} on {examples['evaluation']} examples"]
    if is_probed(scan):
        size = scan["model"]["probe"]["train_examples"]
        lines.append(f"head: a linear probe, trained on the intact model's features of {size} training examples")
    falls = [point["fall"] for point in points if point["fall"] is not None]
    middle = statistics.median(falls) if falls else None
    lines.append(f"median fall over {len(falls)} points {number(middle, 4)}")
    return "\n".join([*lines, "", text_table(table)])


def _first(point):
    """A sort key: what cost most comes first, and before it what left no score at all."""
    return -math.inf if point["fall"] is None else -point["fall"]
