"""`healbert sweep`."""

import argparse
import signal
import sys

from .parser import command_parser


def sweep(argv):
    """Run every run of a sweep file that is not done."""
    parser = command_parser("sweep", sweep.__doc__)
    parser.add_argument("file", metavar="SWEEP.yaml", help="base, grid, include and exclude: see the README")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a setting of the file; a list: a grid"
    )
    parser.add_argument("--output_dir", help="the sweep's results folder; default: runs/<name of the file>")
    parser.add_argument("--dry_run", action="store_true", help="print how many runs there are, are done and remain")
    parser.add_argument("--retry_failed", action="store_true", help="run failed runs again")
    parser.add_argument("--save_model", action="store_true", help="keep the weights of every run")
    parser.add_argument("--engine", default="local", help="local (default), ray or slurm")
    parser.add_argument("--workers", type=_count, help="runs at a time; default: GPU slots, else CPU cores, at most 4")
    parser.add_argument("--runs_per_gpu", type=_count, default=1, help="runs that share a GPU (default: 1)")
    parser.add_argument("--run_timeout", type=_seconds, metavar="SECONDS", help="a run that takes longer has failed")
    parser.add_argument("--run_launcher", default="python", help="python (default), or accelerate")
    parser.add_argument("--processes_per_run", type=_count, default=1, help="processes of one run (accelerate launch)")
    parser.add_argument("--ray_address", help="a running Ray cluster; default: this machine alone")
    parser.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="submitit's, such as slurm_partition=gpu"
    )
    options = vars(parser.parse_args(argv))
    signal.signal(signal.SIGTERM, _end_as_ctrl_c_does)
    from ..sweep.run import sweep_command

    sys.exit(sweep_command(**options))


def _end_as_ctrl_c_does(*_):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has set to be ignored in a background job
    signal.raise_signal(signal.SIGINT)


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value
