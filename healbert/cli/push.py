"""`healbert push`: whether a folder is one run or many decides between a model and a dataset."""

import pathlib

from ..utils.errors import UserError
from .parser import command_parser


def push(argv):
    """Push a finished run to the Hub as a model, or a folder of runs as a dataset of results."""
    parser = command_parser("push", push.__doc__)
    parser.add_argument(
        "folder", type=pathlib.Path, metavar="DIR", help="a finished run (with --save_model), or a folder of runs"
    )
    parser.add_argument("--repo_id", help="OWNER/NAME on the Hub; default: the folder's name, under your account")
    parser.add_argument("--token", help="Hub token that may write; default: HF_TOKEN, or your login")
    parser.add_argument("--revision", help="branch; made if it does not exist")
    parser.add_argument("--private", action="store_true", default=None, help="make a new repository private")
    parser.add_argument("--intact_results", metavar="DIR", help="the intact run whose scores the card shows beside")
    parser.add_argument("--results_only", action="store_true", help="of a run, too, push figures and no model")
    parser.add_argument("--overwrite", action="store_true", help="replace what another push or person put there")
    options = vars(parser.parse_args(argv))
    folder, results_only = options["folder"], options.pop("results_only")
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    from ..publish.push import push_results, push_run
    from ..publish.repository import Repository

    if (folder / "settings.json").is_file() and not results_only:
        address = push_run(Repository(**options))
    elif options["intact_results"]:
        raise UserError("--intact_results goes with the model of one run")
    else:
        address = push_results(Repository(**options, kind="dataset"))
    print(f"pushed to {address}")
