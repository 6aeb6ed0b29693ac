"""Checks the commands of the documentation with the parsers that would read them; nothing runs."""

import argparse
import contextlib
import pathlib
import re
import tomllib

from healbert.arguments import plugins
from healbert.arguments.parser import build_parser, parse_arguments, to_argv
from healbert.cli.main import COMMANDS, command
from healbert.sweep.engines import ENGINES
from healbert.sweep.sweep_file import read_sweep
from healbert.utils import registry
from healbert.utils.errors import UserError, check_choice

from .docs import ROOT

PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|.*\$.*")
DATA_FILE = re.compile(r"[\w./-]+\.(csv|tsv|jsonl?|parquet)")


class Parsed(Exception):
    """A command has read its command line: its parser, and what it read."""

    def __init__(self, parser, options):
        super().__init__(parser.prog)
        self.parser, self.options = parser, options


def parses_with(name):
    """The method of its parser that a command calls: bench leaves the flags of a run to theirs."""
    return "parse_known_args" if name == "bench" else "parse_args"


@contextlib.contextmanager
def no_command_runs(name):
    """Inside, a command of `healbert` raises `Parsed` in place of going on; `run` is not among them."""
    method = parses_with(name)
    original = getattr(argparse.ArgumentParser, method)

    def parse_and_stop(self, *args, **kwargs):
        raise Parsed(self, original(self, *args, **kwargs))

    setattr(argparse.ArgumentParser, method, parse_and_stop)
    try:
        yield
    finally:
        setattr(argparse.ArgumentParser, method, original)


def command_flags(name):
    """The flags of a command of `healbert` other than run: a set of str."""
    method, found = parses_with(name), []
    original = getattr(argparse.ArgumentParser, method)

    def stop(self, *args, **kwargs):
        found.append(self)
        raise Parsed(self, None)

    setattr(argparse.ArgumentParser, method, stop)
    try:
        command(name)([])
    except Parsed:
        pass
    finally:
        setattr(argparse.ArgumentParser, method, original)
    named = {option for option in found[0]._option_string_actions if option.startswith("--")} - {"--help"}
    return {option for option in named if "-" not in option[2:]}  # HfArgumentParser takes --cache-dir, too


@contextlib.contextmanager
def own_tables():
    """Inside, plugins may register what they like; afterwards every table is as it was."""
    kept = {kind: (dict(table._registered), dict(table._made)) for kind, table in registry._tables.items()}
    names = dict(plugins.REGISTERED)
    try:
        yield
    finally:
        plugins.REGISTERED.clear()
        plugins.REGISTERED.update(names)
        for kind, table in registry._tables.items():
            table._registered, table._made = kept.get(kind, ({}, {}))


def furnish(folder, page):
    """Puts into ``folder`` what the commands of a page find around them: the repository and the page's own files."""
    for entry in ROOT.iterdir():
        if entry.name not in (".git", "runs"):
            (folder / entry.name).symlink_to(entry)
    for block in page.blocks():
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")


def check(words):
    """Raises `UserError`, or SystemExit of another program's parser, if a command cannot be used as it is written."""
    program, rest = pathlib.Path(words[0]).name, words[1:]
    if program in ("python", "python3") and rest[:1] == ["-m"]:
        program, rest = rest[1], rest[2:]
    elif program in ("python", "python3") and rest:
        program, rest = rest[0], rest[1:]
    if program in CHECKS:
        CHECKS[program](rest)
    elif program.endswith(".py") or program == "run":
        _require(words[0] if program == "run" else program)


def check_run(argv):
    """The flags of run_corrupt_glue.py, whatever stands for a user's own name left out."""
    argv = _without_placeholders(argv)
    for flag, value in zip(["", *argv], argv, strict=False):
        path = pathlib.Path(value)
        if DATA_FILE.fullmatch(value) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("text,label\n", encoding="utf-8")
        elif flag == "--data_root":
            path.mkdir(parents=True, exist_ok=True)
    if "--help" not in argv and "--help_all" not in argv:
        parse_arguments([*argv, "--output_dir", "out"])  # named, as naming a run of a Hub model asks the Hub


def _without_placeholders(argv):
    kept, flags, words = [], build_parser()._option_string_actions, list(argv)
    while words:
        word = words.pop(0)
        if word.startswith("--") and words and PLACEHOLDER.fullmatch(words[0]):
            if word not in flags:
                raise UserError(f"unknown argument '{word}'")
            words.pop(0)
        elif not PLACEHOLDER.fullmatch(word):
            kept.append(word)
    return kept


def check_healbert(argv):
    if not argv or argv[0] in ("-h", "--help"):
        return
    check_choice("command", argv[0], COMMANDS)
    if argv[0] == "run":
        check_run(argv[1:])
    elif "--help" not in argv:
        with no_command_runs(argv[0]):
            try:
                command(argv[0])(argv[1:])
            except Parsed as parsed:
                options = parsed.options
        if argv[0] == "sweep":
            _check_sweep(options)
        if argv[0] == "bench":
            _check_bench(*options)


def _check_sweep(options):
    check_choice("engine", options.engine, ENGINES)
    if pathlib.Path(options.file).is_file():
        read_sweep(options.file, options.set)


def _check_bench(options, of_a_run):
    if options.sweep:
        read_sweep(options.sweep, options.set or [])
    check_run(of_a_run)


def check_sweep_settings(settings):
    """A sweep as a page shows it: its sections, and the values of its first run."""
    sweep = read_sweep(settings)
    first, _ = next(iter(sweep.settings()))
    known = {action.dest: action.nargs == "+" for action in build_parser()._actions}
    check_run([word for argument in to_argv(first, known) for word in argument.split("=", 1)])


def _check_launch(argv):
    from accelerate.commands.launch import launch_command_parser

    options = launch_command_parser().parse_args(argv[1:])
    if options.config_file:
        _require(options.config_file)
    check([options.training_script, *options.training_script_args])


def _check_torchrun(argv):
    from torch.distributed.run import get_args_parser

    options = get_args_parser().parse_args(argv)
    check([options.training_script, *options.training_script_args])


def _check_pip(argv):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in argv:
        if word.endswith(".txt"):
            _require(word)
        if word.startswith(".["):
            for name in word[2:-1].split(","):
                check_choice("extra", name, project["optional-dependencies"])


def _check_pytest(argv):
    for word in argv:
        if word.startswith("tests"):
            _require(word.partition("::")[0])


def _require(path):
    if not pathlib.Path(path).exists():
        raise UserError(f"{path} is not in the repository")


CHECKS = {
    "run_corrupt_glue.py": check_run,
    "healbert": check_healbert,
    "accelerate": _check_launch,
    "torchrun": _check_torchrun,
    "pip": _check_pip,
    "pytest": _check_pytest,
}
