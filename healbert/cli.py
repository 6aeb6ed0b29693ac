"""`python -m healbert COMMAND`: one cell, many cells, and what is made of finished ones."""

import argparse
import json
import os
import pathlib
import signal
import sys

from .errors import UserError, check_choice, exit_codes


def run(argv):
    """Run one cell: the flags of run_corrupt_glue.py."""
    from .arguments import parse_arguments, print_settings
    from .engines.worker import end_with

    if "HEALBERT_PARENT" in os.environ:  # a cell of a sweep that runs through accelerate launch
        end_with(int(os.environ["HEALBERT_PARENT"]))
    arguments, print_config = parse_arguments(argv)
    if print_config:
        print_settings(arguments)
        return

    from .cell import format_results
    from .experiment import run_experiment
    from .hub.push import push_experiment

    results = run_experiment(arguments)
    if arguments.training.process_index == 0:
        print(format_results(results, arguments.training.output_dir))
        if arguments.training.push_to_hub:
            print(f"pushed to {push_experiment(arguments)}")


def sweep(argv):
    """Run every cell of a sweep file that is not done."""
    parser = _parser("sweep", sweep.__doc__)
    parser.add_argument("file", metavar="SWEEP.yaml", help="base, grid, include and exclude: see the README")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replaces a setting of the file; a list: a grid"
    )
    parser.add_argument("--output_dir", help="the sweep's results folder; default: runs/<name of the file>")
    parser.add_argument("--dry_run", action="store_true", help="print how many cells there are, are done and remain")
    parser.add_argument("--retry_failed", action="store_true", help="run failed cells again")
    parser.add_argument("--save_model", action="store_true", help="keep the weights of every cell")
    parser.add_argument("--engine", default="local", help="local (default), ray or slurm")
    parser.add_argument("--workers", type=_count, help="cells at a time; default: GPU slots, else CPU cores, at most 4")
    parser.add_argument("--cells_per_gpu", type=_count, default=1, help="cells that share a GPU (default: 1)")
    parser.add_argument("--cell_timeout", type=_seconds, metavar="SECONDS", help="a cell that takes longer has failed")
    parser.add_argument("--cell_launcher", default="python", help="python (default), or accelerate")
    parser.add_argument("--cell_processes", type=_count, default=1, help="processes of one cell (accelerate launch)")
    parser.add_argument("--ray_address", help="a running Ray cluster; default: this machine alone")
    parser.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="submitit's, such as slurm_partition=gpu"
    )
    options = vars(parser.parse_args(argv))
    signal.signal(signal.SIGTERM, _end_as_ctrl_c_does)
    from .grid.run import run_sweep

    sys.exit(run_sweep(**options))


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


def ls(argv):
    """List the cells of a results folder with their status and figures."""
    parser = _parser("ls", ls.__doc__)
    parser.add_argument("folder", metavar="DIR", help="a results folder: of a cell, of a sweep, or of several")
    parser.add_argument("--json", action="store_true", help="a list of objects, for scripts")
    options = parser.parse_args(argv)
    from .results import list_cells

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `ls DIR | head`
    rows = list_cells(options.folder)
    print(json.dumps(rows, indent=2, ensure_ascii=False) if options.json else _as_table(rows))


def _as_table(rows):
    if not rows:
        return "no cells"
    lines = [
        [name.replace("_", " ") for name in rows[0]],
        *([_as_text(value) for value in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _as_text(value):
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def tsne(argv):
    """Draw the t-SNE picture of a cell again, or of several cells side by side."""
    parser = _parser("tsne", tsne.__doc__)
    parser.add_argument("cells", nargs="+", metavar="DIR", help="folders of cells that were run with --tsne")
    parser.add_argument(
        "-o", "--output", help="the picture: png, pdf or svg; default: tsne.png in the one folder, or here for several"
    )
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several cells show")
    parser.add_argument("--perplexity", type=float, help="in place of the cells' own")
    options = parser.parse_args(argv)
    from .feature_file import FeatureFile
    from .plots import PICTURE_SUFFIXES, check_tsne, draw_cells, draw_stages

    for cell in options.cells:
        if pathlib.Path(cell).is_file():
            raise UserError(f"{cell} is a file; name the folder of a cell")
    output = _output_file(options.output, options.cells, PICTURE_SUFFIXES)
    files = [FeatureFile.read(pathlib.Path(cell) / "features.npz") for cell in options.cells]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
        check_tsne(file.labels, file.perplexity, "perplexity")
    try:
        if len(files) == 1:
            draw_stages(output, files[0])
        else:
            draw_cells(output, files, options.stage)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    print(output)


def _output_file(given, cells, suffixes):
    path = pathlib.Path(given or pathlib.Path(cells[0] if len(cells) == 1 else ".") / "tsne.png")
    if path.is_dir():
        raise UserError(f"--output {path} is a folder; name a file")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"--output {path} ends in none of {', '.join(suffixes)}; give it one of these endings")
    if given and not path.parent.is_dir():
        raise UserError(f"--output {path}: folder {path.parent} does not exist")
    return path


def push(argv):
    """Push a finished cell to the Hub as a model, or a folder of cells as a dataset of results."""
    parser = _parser("push", push.__doc__)
    parser.add_argument(
        "folder", type=pathlib.Path, metavar="DIR", help="a finished cell (with --save_model), or a folder of cells"
    )
    parser.add_argument("--repo_id", help="OWNER/NAME on the Hub; default: the folder's name, under your account")
    parser.add_argument("--token", help="Hub token that may write; default: HF_TOKEN, or your login")
    parser.add_argument("--revision", help="branch; made if it does not exist")
    parser.add_argument("--private", action="store_true", default=None, help="make a new repository private")
    parser.add_argument("--intact_results", metavar="DIR", help="the intact cell whose scores the card shows beside")
    parser.add_argument("--results_only", action="store_true", help="of a cell, too, push figures and no model")
    parser.add_argument("--overwrite", action="store_true", help="replace what another push or person put there")
    options = vars(parser.parse_args(argv))
    folder, results_only = options["folder"], options.pop("results_only")
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    from .hub.push import push_cell, push_results
    from .hub.repository import Repository

    if (folder / "settings.json").is_file() and not results_only:
        address = push_cell(Repository(**options))
    elif options["intact_results"]:
        raise UserError("--intact_results goes with the model of one cell")
    else:
        address = push_results(Repository(**options, kind="dataset"))
    print(f"pushed to {address}")


def env(argv):
    """Show versions, devices, caches and the Hub, for a report of a problem; no tokens, no home folders."""
    _parser("env", env.__doc__).parse_args(argv)
    from .environment import describe_environment

    for name, value in describe_environment().items():
        print(f"{name:<22}  {value}")


def report(argv):
    """Make tables, verdicts and figures of a folder of cells: HTML, Markdown, LaTeX, CSV, pictures."""
    parser = _parser("report", report.__doc__)
    parser.add_argument("directory", metavar="DIR", help="results of a sweep, finished or not, or of a single cell")
    parser.add_argument("-o", "--output", metavar="OUT", help="the folder to write; default: report in DIR")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, permutations and t-SNE; default: 0")
    options = parser.parse_args(argv)
    from .report import make_report, terminal_text

    content, output = make_report(options.directory, options.output, options.seed)
    print(f"{terminal_text(content)}\n\n{output / 'report.html'}")


# name -> function(argv); its docstring is its help.
COMMANDS = {
    "run": run,
    "sweep": sweep,
    "ls": ls,
    "report": report,
    "tsne": tsne,
    "push": push,
    "env": env,
}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


def _parser(command, description):
    return _Parser(prog=f"python -m healbert {command}", description=description, allow_abbrev=False)


def main():
    exit_codes(_main)


def _main():
    argv = sys.argv[1:]
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m healbert COMMAND ...\n")
        for name, command in COMMANDS.items():
            print(f"  {name:<8} {command.__doc__.splitlines()[0]}")
        print("\npython -m healbert COMMAND --help explains a command.")
        return
    check_choice("command", argv[0], COMMANDS)
    COMMANDS[argv[0]](argv[1:])
