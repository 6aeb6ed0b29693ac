"""`healbert ls`: what is in a results folder, as a table or as JSON."""

import json
import signal

from ..results.schema import TEACHERS, is_teacher
from ..utils.text import one_line
from .parser import command_parser

SCORES = ("damaged", "healed", "score", "lost")  # in the primary metric's unit


def ls(argv):
    """List the runs of a results folder with their status and figures."""
    parser = command_parser("ls", ls.__doc__)
    parser.add_argument("folder", metavar="DIR", help="a results folder: of a run, of a sweep, or of several")
    parser.add_argument("--json", action="store_true", help="a list of objects, for scripts")
    help_columns = "what to show: any setting, score, lost, time, ... or a figure of results.json, as timing.heal"
    parser.add_argument("--columns", metavar="A,B,...", help=help_columns)
    help_sort = "order by these columns, the first counting most; -NAME descends; what is missing comes last"
    parser.add_argument("--sort", metavar="A,-B,...", help=help_sort)
    help_filter = "only runs that meet every condition, such as 'dataset=sst2,level>=0.5'; also != < > <="
    parser.add_argument("--filter", metavar="CONDITIONS", help=help_filter)
    options = parser.parse_args(_with_descending(argv))
    from ..results.plans import FINISHED, count_finished, planned_runs, read_plans

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `ls DIR | head`
    runs, shown = _read(options)
    print(json.dumps(shown, indent=2, ensure_ascii=False) if options.json else _as_table(shown, runs, options))
    if options.json:
        return
    plans = read_plans(options.folder, [f"{options.folder}/{row['run']}" for row in runs])
    finished = [row["run"] for row in runs if row["status"] in FINISHED]
    if options.filter is not None and runs:
        print(f"{len(shown):,} of {len(runs):,} runs meet --filter")
    if told := count_finished(planned_runs(plans), finished):
        print(told)
    if teachers := sum(is_teacher(row["run"]) for row in runs):
        print(f"{TEACHERS}: {teachers} intact, for others to learn from (--healing distill); reports leave them out")


def _with_descending(argv):
    """`--sort -seed` as `--sort=-seed`, which the parser would take for a flag."""
    joined = []
    for word in argv:
        if joined and joined[-1] == "--sort" and word.startswith("-") and not word.startswith("--"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _read(options):
    """(all runs, what is to be shown of those that are chosen), each a list of dicts."""
    from ..results.listing import LISTED, list_runs

    if options.columns is options.sort is options.filter is None:
        rows = list_runs(options.folder)
        return rows, rows
    from ..analysis.columns import check_names, conditions_in, matching, names_in, ordered, rows_of

    default = ["run", "status", *LISTED]
    columns = default if options.columns is None else names_in(options.columns, "--columns")
    order = [] if options.sort is None else names_in(options.sort, "--sort")
    conditions = [] if options.filter is None else conditions_in(options.filter)
    rows = rows_of(options.folder)
    check_names(columns, rows, "--columns")
    check_names([name.removeprefix("-") for name in order], rows, "--sort")
    check_names([name for name, _, _ in conditions], rows, "--filter")
    chosen = ordered(matching(rows, conditions), order)
    return rows, [{name: row.get(name) for name in columns} for row in chosen]


def _as_table(rows, runs, options):
    from ..analysis.columns import as_text

    if not rows:
        return "no runs"
    titles = {row["metric"] for row in runs} - {None}
    if len(titles) < 2 and options.columns is None:  # one metric is named once, in the headers
        rows = [{name: value for name, value in row.items() if name != "metric"} for row in rows]
    heads = [_header(name, titles, options.columns) for name in rows[0]]
    lines = [heads, *([as_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _header(name, titles, asked):
    if name in SCORES and len(titles) == 1:
        return one_line(f"{name} {next(iter(titles))}")
    return name if asked else name.replace("_", " ")
