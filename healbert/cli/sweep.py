"""`healbert sweep`: plans, runs what is not done, and ends with status 1 where a run failed."""

import pathlib
import signal
import sys

from ..utils.errors import UserError
from ..utils.interrupts import interrupt_once
from .parser import above_zero, command_parser, count


def sweep(argv):
    """Run every run of a sweep file that is not done."""
    parser = command_parser("sweep", sweep.__doc__)
    parser.add_argument("file", metavar="SWEEP.yaml", help="base, grid, zip, include and exclude: see docs/sweeps.md")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a setting of the file; a list: a grid"
    )
    parser.add_argument("--output_dir", help="the sweep's results folder; default: runs/<name of the file>")
    parser.add_argument("--dry_run", action="store_true", help="print how many runs there are, are done and remain")
    parser.add_argument("--retry_failed", action="store_true", help="run failed runs again")
    parser.add_argument("--save_model", action="store_true", help="keep the weights of every run")
    parser.add_argument("--max_runs", type=count, default=100_000, help="a sweep of more is refused (default: 100000)")
    parser.add_argument(
        "--until_width", type=_width, metavar="W", help="add seeds until 95%% intervals of what is lost are no wider"
    )
    parser.add_argument("--max_seeds", type=count, default=20, help="with --until_width, no more seeds (default: 20)")
    parser.add_argument(
        "--plan_seeds", type=_width, metavar="W", help="print how many seeds that is likely to take, and run nothing"
    )
    parser.add_argument("--engine", default="local", help="local (default), ray, slurm, or one of a plugin")
    parser.add_argument("--workers", type=count, help="runs at a time; default: GPU slots, else CPU cores, at most 4")
    parser.add_argument("--runs_per_gpu", type=count, default=1, help="runs that share a GPU (default: 1)")
    parser.add_argument("--run_timeout", type=_seconds, metavar="SECONDS", help="a run that takes longer has failed")
    parser.add_argument("--run_launcher", default="python", help="python (default), or accelerate")
    parser.add_argument("--processes_per_run", type=count, default=1, help="processes of one run (accelerate launch)")
    parser.add_argument("--ray_address", help="a running Ray cluster; default: this machine alone")
    parser.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="submitit's, such as slurm_partition=gpu"
    )
    options = vars(parser.parse_args(argv))
    interrupt_once(signal.SIGINT, signal.SIGTERM)
    sys.exit(_sweep(**options))


def _sweep(file, set, output_dir, dry_run, retry_failed, save_model, engine, slurm, max_runs, plan_seeds, **options):
    """Plans, runs and prints; returns the exit status: 1 if a run failed."""
    from ..sweep.check import check_options
    from ..sweep.run import describe_plan, prepare, run_prepared
    from ..sweep.seeds import plan_seeds as likely_seeds

    output_dir = output_dir or str(pathlib.Path("runs") / pathlib.Path(file).stem)
    assignments = [*set, *(["save_model=true"] if save_model else [])]
    plan = prepare(file, output_dir, assignments, options["processes_per_run"], max_runs)
    if plan.doubt():
        print(f"warning: {plan.doubt()}", file=sys.stderr)
    check_options(plan, engine, options["run_launcher"], options["until_width"])
    if plan_seeds:
        print(likely_seeds(plan, output_dir, plan_seeds, options["max_seeds"]))
        return 0
    if not dry_run:
        options["slurm"] = dict(map(_parameter, slurm))
        plan = run_prepared(plan, output_dir, engine, retry_failed, progress=True, **options)
    print(describe_plan(plan, output_dir, options["workers"] or 1))
    return int(bool(plan.in_state("failed")) and not dry_run)


def _parameter(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--slurm {text} is not KEY=VALUE, such as --slurm slurm_partition=gpu")
    return key, int(value) if value.isdecimal() else value


def _seconds(text):
    return above_zero(text, "a number of seconds")


def _width(text):
    return above_zero(text, "a width, in the metric's own unit,")
