"""`healbert ls`: what is in a results folder, as a table or as JSON."""

import json
import signal

from ..results.schema import TEACHERS, is_teacher
from ..utils.text import one_line
from .parser import command_parser


def ls(argv):
    """List the runs of a results folder with their status and figures."""
    parser = command_parser("ls", ls.__doc__)
    parser.add_argument("folder", metavar="DIR", help="a results folder: of a run, of a sweep, or of several")
    parser.add_argument("--json", action="store_true", help="a list of objects, for scripts")
    options = parser.parse_args(argv)
    from ..results.plans import FINISHED, count_finished, planned_runs, read_plans
    from ..results.read import list_runs

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `ls DIR | head`
    rows = list_runs(options.folder)
    print(json.dumps(rows, indent=2, ensure_ascii=False) if options.json else _as_table(rows))
    plans = read_plans(options.folder, [f"{options.folder}/{row['run']}" for row in rows])
    finished = [row["run"] for row in rows if row["status"] in FINISHED]
    if not options.json and (told := count_finished(planned_runs(plans), finished)):
        print(told)
    teachers = sum(is_teacher(row["run"]) for row in rows)
    if teachers and not options.json:
        print(f"{TEACHERS}: {teachers} intact, for others to learn from (--healing distill); reports leave them out")


def _as_table(rows):
    if not rows:
        return "no runs"
    titles = {row["metric"] for row in rows} - {None}
    if len(titles) < 2:  # one metric is named once, in the headers
        rows = [{name: value for name, value in row.items() if name != "metric"} for row in rows]
    lines = [
        [_header(name, titles) for name in rows[0]],
        *([_as_text(value) for value in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _header(name, titles):
    scored = name in ("damaged", "healed") and len(titles) == 1
    return one_line(f"{name} {next(iter(titles))}") if scored else name.replace("_", " ")


def _as_text(value):
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else one_line(value)
