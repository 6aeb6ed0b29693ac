"""`python -m healbert COMMAND`: one run, many runs, and what is made of finished ones."""

import importlib
import sys

from ..utils.errors import check_choice, exit_codes

# Each is a function of its name in a module of its name (- is _ there), of the command line after it; its docstring is
# its help.
# A module is imported when its command is asked for, so that a wrong flag of one does not wait for the others.
COMMANDS = ("run", "sweep", "scan", "layers", "ls", "report", "tsne", "push", "export-lm-eval", "bench", "env")


def main():
    """The command line's entry: ends with status 2 and one line where the user can mend it."""
    exit_codes(_main)


def _main():
    argv = sys.argv[1:]
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m healbert COMMAND ...\n")
        for name in COMMANDS:
            print(f"  {name:<14} {command(name).__doc__.splitlines()[0]}")
        print("\npython -m healbert COMMAND --help explains a command.")
        return
    check_choice("command", argv[0], COMMANDS)
    command(argv[0])(argv[1:])


def command(name):
    """The function of a command."""
    name = name.replace("-", "_")
    return getattr(importlib.import_module(f".{name}", __package__), name)
