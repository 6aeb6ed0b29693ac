"""`healbert bench`: what this machine can do, what training makes of it, and what a sweep will take."""

import functools
import json
import pathlib
import signal
import sys
import time

from ..utils.errors import UserError, check_choice
from ..utils.files import jsonable
from ..utils.interrupts import interrupt_once
from ..utils.text import clean
from .parser import above_zero, command_parser, count

AGAINST = "stock,dynamic,grouped"


def bench(argv):
    """Measure this machine, and how fast a run trains on it beside a plain Trainer; project what a sweep takes."""
    parser = command_parser("bench", bench.__doc__)
    parser.usage = "python -m healbert bench [flags of bench] [flags of a run]"
    parser.epilog = (
        "All other flags are those of a run (python -m healbert run --help); the first may be a file of settings. "
        "They say which model and task; without any: the embedded ones."
    )
    parser.add_argument("--steps", type=count, default=10, help="steps of each trainer that are timed (default: 10)")
    parser.add_argument("--against", metavar="NAMES", help=f"trainers to set beside: {AGAINST} (default), or none")
    parser.add_argument("--output_dir", metavar="DIR", help="a new folder; default: runs/bench-DATE-TIME")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print JSON in place of tables")
    parser.add_argument("--sweep", metavar="SWEEP.yaml", help="measure the runs of a sweep and project their hours")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="replaces a setting of the sweep's file")
    parser.add_argument(
        "--price", type=_price, metavar="X", help="of an hour of this machine: what the sweep will cost"
    )
    options, rest = parser.parse_known_args(argv)
    interrupt_once(signal.SIGINT, signal.SIGTERM)  # what lies on the disk for a while is taken away
    _bench(rest, **vars(options))


def _bench(rest, steps, against, output_dir, as_json, sweep, set, price):
    _check(rest, against, sweep, set, price)
    from ..bench.variants import REFERENCES

    names = [] if against == "none" else list(dict.fromkeys((against or AGAINST).split(",")))
    for name in names:
        check_choice("--against", name, [*REFERENCES, "none"])

    from ..bench.run import new_folder, prepare, run_bench, write
    from ..bench.text import as_text

    if sweep:
        from ..bench.projection import project, read_kinds

        measure = functools.partial(project, read_kinds(sweep, set or []), steps, price)
    else:
        measure = functools.partial(run_bench, prepare(rest, names), names, steps)
    with new_folder(output_dir or str(pathlib.Path("runs") / time.strftime("bench-%Y%m%d-%H%M%S"))) as folder:
        try:
            found = measure(folder, _tell)
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt("nothing was written; the same command begins anew") from stopped
        write(found, folder)
    print(_as_json(found) if as_json else f"{as_text(found)}\n\n{folder}")


def _check(rest, against, sweep, set, price):
    if sweep and rest:
        raise UserError(f"{rest[0]} does not go with --sweep: its runs say what is measured; use --set KEY=VALUE")
    if sweep and against:
        raise UserError("--against does not go with --sweep, which measures the runs of the sweep alone")
    if not sweep and (set or price is not None):
        raise UserError(f"{'--set' if set else '--price'} needs a --sweep")


def _as_json(found):
    return json.dumps(jsonable(found), indent=2, ensure_ascii=False, allow_nan=False)


def _price(text):
    return above_zero(text, "a price")


def _tell(line):
    print(clean(line), file=sys.stderr, flush=True)
