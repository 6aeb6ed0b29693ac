"""`python -m healbert COMMAND`: what is made of finished cells."""

import argparse
import pathlib
import sys

from .errors import UserError, check_choice, exit_codes


def tsne(argv):
    """Draw the t-SNE picture of a cell again, or of several cells side by side."""
    parser = _parser("tsne", tsne.__doc__)
    parser.add_argument("cells", nargs="+", metavar="DIR", help="folders of cells that were run with --tsne")
    parser.add_argument("-o", "--output", help="the picture; default: tsne.png in the one folder, or here for several")
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several cells show")
    parser.add_argument("--perplexity", type=float, help="in place of the cells' own")
    options = parser.parse_args(argv)
    from .features import FeatureFile
    from .plots import check_tsne, draw_cells, draw_stages

    files = [FeatureFile.read(pathlib.Path(cell) / "features.npz") for cell in options.cells]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
        check_tsne(file.labels, file.perplexity)
    output = pathlib.Path(options.output or pathlib.Path(options.cells[0] if len(files) == 1 else ".") / "tsne.png")
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; name a file")
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: folder {output.parent} does not exist")
    if len(files) == 1:
        draw_stages(output, files[0])
    else:
        draw_cells(output, files, options.stage)
    print(output)


def run(argv):
    """Damage a model, heal it and report: one cell. Takes the flags of run_corrupt_glue.py."""
    from .arguments import parse_arguments, print_settings

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
    from .hub.push import Repository, push_cell, push_results

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


# name -> function(argv); its docstring is its help.
COMMANDS = {"run": run, "push": push, "env": env, "tsne": tsne}


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
