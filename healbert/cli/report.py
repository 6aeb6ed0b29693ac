"""`healbert report`: from a folder of runs to a report's files, and its main table on the terminal."""

import argparse
import functools
import pathlib
import signal

from ..utils.interrupts import interrupt_once
from .parser import command_parser

LEAST, MOST = 0.1, 86400.0  # seconds between two looks


def report(argv):
    """Make tables, verdicts and figures of a folder of runs: HTML, Markdown, LaTeX, CSV, pictures."""
    parser = command_parser("report", report.__doc__)
    help_runs = "results of a sweep, finished or not, or of a single run; two folders of runs are compared"
    parser.add_argument("directories", metavar="DIR", nargs="+", help=help_runs)
    parser.add_argument("-o", "--output", metavar="OUT", help="the folder to write; default: report in DIR")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, permutations and t-SNE; default: 0")
    help_margin = "difference of scores below which none counts; default: 0.01 for scores from 0 to 1, else none"
    parser.add_argument("--margin", type=float, metavar="X", help=help_margin)
    help_paper = "YAML of the paper's own figures by claim, to stand beside the verdicts"
    parser.add_argument("--paper", metavar="FILE", help=help_paper)
    help_plugin = "file or module that registers tables, figures, formats, task types; several allowed"
    parser.add_argument("--plugin", nargs="+", action="extend", default=[], metavar="FILE", help=help_plugin)
    help_watch = "write it again whenever runs have finished, until all are; looks every so often (default: 10)"
    parser.add_argument("--watch", nargs="?", type=_seconds, const=10.0, metavar="SECONDS", help=help_watch)
    options = parser.parse_args(argv)
    if len(options.directories) > 2 or (len(options.directories) == 2 and options.watch is not None):
        parser.error("name one folder, or two runs to compare, which are not watched")
    from ..arguments.plugins import load_plugins

    load_plugins(options.plugin)
    from ..report.formats.terminal import terminal_text

    content, output = _make(options)(
        _directory(options.directories), options.output, options.seed, options.margin, options.paper
    )
    print(f"{terminal_text(content)}\n\n{output / 'report.html'}")


def _directory(named):
    return named[0] if len(named) == 1 else [pathlib.Path(one) for one in named]


def _make(options):
    if options.watch is None:
        from ..report.write import make_report

        return make_report
    from ..report.watch import watch
    from ..utils.text import one_line

    interrupt_once(signal.SIGINT, signal.SIGTERM)
    return functools.partial(watch, every=options.watch, tell=lambda line: print(one_line(line), flush=True))


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not LEAST <= value <= MOST:
        says = f"is not a number of seconds from {LEAST:g} to {MOST:g}; DIR comes before --watch"
        raise argparse.ArgumentTypeError(f"'{text}' {says}")
    return value
