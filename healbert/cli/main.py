"""`python -m healbert COMMAND`: one run, many runs, and what is made of finished ones."""

import sys

from ..utils.errors import check_choice, exit_codes
from .env import env
from .ls import ls
from .push import push
from .report import report
from .run import run
from .sweep import sweep
from .tsne import tsne

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
