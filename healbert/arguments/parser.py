"""From a command line, a YAML file or Python keywords to `Arguments`."""

import argparse
import dataclasses
import functools
import json
import pathlib

import yaml
from transformers import HfArgumentParser, TrainingArguments

from ..tasks.columns import written_columns
from ..tasks.table import EMBEDDED_TASK, TASKS
from ..tracking import check_trackers
from ..utils.errors import UserError
from .groups import CorruptionArguments, DataArguments, FeatureArguments, ModelArguments, RunArguments
from .help import TRAINING_TITLE, CompactFormatter, add_help
from .identity import Arguments, folder_in
from .plugins import load_plugins, plugins_in
from .recipes import read_recipe, recipe_names
from .spellings import meant
from .training import TRAINING_DEFAULTS, check_training, follow_type
from .yaml_text import load_yaml


class _Parser(HfArgumentParser):
    def error(self, message):
        raise UserError(f"{message.removeprefix('argument ')} (see --help)")


GROUPS = (
    ModelArguments,
    DataArguments,
    CorruptionArguments,
    RunArguments,
    FeatureArguments,
    TrainingArguments,
)


WITH_COMMAS = ("corrupt_components", "corrupt_layers", "healing")  # one text on the command line, in YAML a list, too
NAME_DATA = ("--task_name", "--dataset_name", "--train_file")  # without them a run is of the embedded task


NOT_SETTINGS = ("help", "help_all", "print_config")  # flags that only show something


@functools.cache
def build_parser():
    """The parser of `run_corrupt_glue.py`: our flags in five groups, then all of TrainingArguments."""
    TrainingArguments._argument_group_name = TRAINING_TITLE
    parser = _Parser(
        GROUPS,
        usage="run_corrupt_glue.py [CONFIG.yaml] [--flag value ...]",
        description="Damage a pretrained transformer, heal it by fine-tuning, report what came back. "
        "A YAML or JSON file as first argument gives defaults that flags override. Without --output_dir, results go "
        f"to a folder under runs/ named after the settings. {_recipes()}",
        allow_abbrev=False,
        add_help=False,
        formatter_class=CompactFormatter,
    )
    add_help(parser)
    parser.add_argument("--recipe", help=f"Settings to begin from, which others override: {', '.join(recipe_names())}.")
    parser.add_argument("--print_config", action="store_true", help="Print the resolved settings as YAML and stop.")
    parser.set_defaults(**TRAINING_DEFAULTS)
    return parser


def _recipes():
    tasks = {name: task.recipe for name, task in TASKS.items() if task.recipe}
    lines = [f"{name}: {', '.join(f'{k} {v}' for k, v in recipe.items())}" for name, recipe in tasks.items()]
    return f"Tasks with defaults of their own: {'; '.join(lines)}."


def parse_arguments(argv):
    """Turns a command line into validated arguments.

    Args:
        argv: list of strings, without the program's name; the first may be a YAML or JSON file.

    Returns:
        tuple: (`Arguments`, whether ``--print_config`` was given).

    Raises:
        UserError: for anything that cannot be used, before a model or dataset is touched.
    """
    argv, settings = list(argv), {}
    if argv and not argv[0].startswith("-"):
        path = argv.pop(0)
        settings = read_config(path)
        if "grid" in settings or "base" in settings:
            raise UserError(f"{path} describes a sweep; run it with: python -m healbert sweep {path}")
    return _parse(_with_recipe(settings, argv) + argv)


def _with_recipe(settings, argv=()):
    """The flags that settings stand for, those of a recipe before them; what the settings say replaces the recipe's."""
    if any(part.startswith("--recipe") for part in argv):
        scanner = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        scanner.add_argument("--recipe", nargs="?")
        settings = settings | {"recipe": scanner.parse_known_args(argv)[0].recipe}
    name = settings.get("recipe")
    return to_argv(settings if name is None else read_recipe(str(name)) | settings, known_flags())


def _parse(argv):
    parser = build_parser()
    plugins = load_plugins(plugins_in(argv))
    guess = {} if any(part.startswith(NAME_DATA) for part in argv) else TASKS[EMBEDDED_TASK].recipe
    namespace, unknown = parser.parse_known_args(to_argv(guess, known_flags()) + argv)
    recipe = TASKS[namespace.task_name or EMBEDDED_TASK].recipe if _uses_table(namespace) else {}
    if recipe != guess:  # parsing takes most of the time that planning a sweep of many runs does
        namespace, unknown = parser.parse_known_args(to_argv(recipe, known_flags()) + argv)
    if unknown:
        flag = unknown[0].split("=")[0]
        near = meant(flag, known_flags()) if flag.startswith("-") else ""
        given = flag if flag.startswith("-") else unknown[0]  # not its value, which may be a token
        raise UserError(f"unknown argument '{given}'{near} (see --help)")
    return _instantiate(namespace, plugins), namespace.print_config


def print_settings(arguments):
    """Prints the resolved settings as YAML that can be given back as a configuration file."""
    print(yaml.safe_dump(arguments.settings(), sort_keys=True), end="")


def make_arguments(**settings):
    """`Arguments` from Python: the same names, defaults and checks as the command line."""
    return _parse(_with_recipe(settings))[0]


def typed(name, value):
    """A setting's value as the parser reads it, for example 1e-5 for the text "1e-5" that YAML gives.

    Raises:
        UserError: if it cannot be read.
    """
    return vars(build_parser().parse_known_args(to_argv({name: value}, known_flags()))[0])[name]


def _uses_table(namespace):
    own = namespace.dataset_name or namespace.train_file
    return not own and (namespace.task_name or EMBEDDED_TASK) in TASKS


@functools.cache
def known_flags():
    """The settings that a file may hold: a dict from name, without dashes, to whether it takes a list."""
    actions = [action for action in build_parser()._actions if action.dest not in NOT_SETTINGS]
    return {action.dest: action.nargs == "+" for action in actions}


def read_config(path):
    """The settings in a YAML or JSON file: a dict from flag names to values."""
    path = pathlib.Path(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise UserError(f"'{path}' is no flag and no .yaml or .json file; flags start with --")
    if not path.is_file():
        raise UserError(f"configuration file {path} does not exist or is not a file")
    try:
        settings = load_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"configuration file {path} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"configuration file {path} does not hold 'flag: value' lines")
    return settings


def to_argv(settings, known):
    """The flags that a dict of settings stands for; None means unset.

    Raises:
        UserError: for a key that is no flag, with the nearest one.
    """
    argv = []
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"unknown setting '{key}'{meant(key, known)}")
        if key == "text_column_names" and isinstance(value, list) and value:
            value = written_columns(value)
        if key in WITH_COMMAS and isinstance(value, list) and value:
            value = ",".join(map(str, value))
        if isinstance(value, list) and len(value) < 2 and not (known[key] and value):
            value = value[0] if value else None
        if value is None:
            continue
        if not isinstance(value, list):
            argv.append(f"--{key}={json.dumps(value) if isinstance(value, dict) else value}")
        elif known[key]:
            argv += [f"--{key}", *map(str, value)]
        else:
            shown = "a list" if "token" in key.split("_") else f"the list {value}"
            raise UserError(f"setting '{key}' takes one value, not {shown}")
    return argv


def _instantiate(namespace, plugins):
    values = vars(namespace)
    values["plugin"] = list(dict.fromkeys(values["plugin"] or ())) or None
    if namespace.hub_strategy not in ("end", "every_save"):
        raise UserError(f"--hub_strategy {namespace.hub_strategy} is not supported: there is one push, at the end")
    values["save_model"] |= namespace.push_to_hub  # what was not pushed can be pushed later
    values["report_to"] = check_trackers(namespace.report_to)
    if values["resume_from_checkpoint"] in ("True", "true"):  # what happens anyway
        values["resume_from_checkpoint"] = None
    check_training(values)
    follow_type(values)
    ours = [group(**_pick(values, group)) for group in GROUPS[:-1]]
    try:
        training = TrainingArguments(**_pick(values, TrainingArguments))
    except (ValueError, ImportError, OSError) as error:  # deepspeed is not installed; a file it names is missing
        raise UserError(str(error)) from error
    if training.device.type == "cpu":
        training.dataloader_pin_memory = False  # torch warns each time otherwise
    arguments = Arguments(*ours, training, plugins)
    arguments.run.strategy().adjusted(training)  # refuses settings that it cannot train with
    if values["output_dir"] is None:
        training.output_dir = str(folder_in("runs", arguments.name()))
    return arguments


def _pick(values, group):
    return {name: values[name] for name in _names(group)}


@functools.cache  # a sweep asks 100,000 times
def _names(group):
    return [field.name for field in dataclasses.fields(group) if field.init]
