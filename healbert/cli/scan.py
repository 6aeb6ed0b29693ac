"""`healbert scan`: what matters in a model, found by damaging its parts one at a time."""

import sys

from .parser import CommandParser


def scan(argv):
    """Damage each part of a model alone, evaluate it, and undo the damage: what matters, without training."""
    from ..arguments.plugins import load_plugins, plugins_in
    from ..arguments.scan import make_scan, scan_parser

    load_plugins(plugins_in(argv))
    asked = make_scan(vars(scan_parser(CommandParser, "python -m healbert scan", scan.__doc__).parse_args(argv)))

    from ..experiment.scan import run_scan
    from ..report.scan_text import brief_text
    from ..utils.text import clean

    try:
        results = run_scan(asked, _tell)
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt("the same command goes on with what is not measured yet") from stopped
    print(clean(f"{brief_text(results)}\n\n{asked.output_dir}"))


def _tell(done, of, point):
    print(f"{done + 1}/{of}  {point.line()}", file=sys.stderr, flush=True)
