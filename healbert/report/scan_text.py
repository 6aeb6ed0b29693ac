"""What the terminal shows of a scan."""

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
    order = sorted(range(len(points)), key=lambda index: -points[index]["fall"])
    table.rows = [table.rows[index] for index in order[:BRIEF]]
    table.title = f"The {len(table.rows)} of {len(points)} points that cost most" if len(points) > BRIEF else "All points"
    examples = scan["task"]["examples"]
    lines = [headline(scan), f"intact {title} {number(scan['intact'][name], 4)} on {examples['evaluation']} examples"]
    if is_probed(scan):
        size = scan["model"]["probe"]["train_examples"]
        lines.append(f"head: a linear probe, trained on the intact model's features of {size} training examples")
    middle = statistics.median(point["fall"] for point in points)
    lines.append(f"median fall over {len(points)} points {number(middle, 4)}")
    return "\n".join([*lines, "", text_table(table)])
