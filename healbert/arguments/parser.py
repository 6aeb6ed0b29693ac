"""From a command line, a YAML file or Python keywords to `Arguments`."""

import argparse
import copy
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
from .meaningless import check_flags
from .parts import Parts
from .plugins import load_plugins, plugins_in
from .recipes import read_recipe, recipe_names
from .spellings import meant
from .task_type import check_fits, settle_type
from .training import TRAINING_DEFAULTS, check_precision, check_training, follow_type, resolve_precision
from .yaml_text import load_json, load_yaml


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


WITH_COMMAS = ("corrupt_components", "corrupt_layers", "healing", "lm_eval")  # one text, or in YAML a list
OPTIONS_OF = {"healing": "healing_options", "corrupt_method": "corrupt_options"}  # an entry -> its options
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
    tasks = {}  # by recipe, which several share
    for name, task in TASKS.items():
        if task.recipe:
            tasks.setdefault(", ".join(f"{key} {value}" for key, value in task.recipe.items()), []).append(name)
    lines = [f"{', '.join(names)}: {recipe}" for recipe, names in tasks.items()]
    return f"Tasks with defaults of their own: {'; '.join(lines)}."


CONFIG_FILES = (".yaml", ".yml", ".json")


def parse_arguments(argv):
    """Turns a command line into validated arguments.

    Args:
        argv: list of strings, without the program's name; the first may be a YAML or JSON file.

    Returns:
        tuple: (`Arguments`, whether ``--print_config`` was given).

    Raises:
        UserError: for anything that cannot be used, before a model or dataset is touched.
    """
    argv, flags, settings = list(argv), list(argv), {}
    if argv and not argv[0].startswith("-"):
        path = argv.pop(0)
        flags, settings = list(argv), read_config(path)
        if "grid" in settings or "base" in settings:
            raise UserError(f"{path} describes a sweep; run it with: python -m healbert sweep {path}")
        argv = to_argv(settings, known_flags()) + argv
    plugins = load_plugins(plugins_in(argv))  # before --help, which says what they add
    check_flags(_given(flags), _given(argv))
    given = _begun(_given(argv), settings)
    return _instantiate(given, plugins, Parts()), given.get("print_config", False)


def print_settings(arguments):
    """Prints the resolved settings as YAML that can be given back as a configuration file."""
    print(yaml.safe_dump(arguments.settings(), sort_keys=True), end="")


def make_arguments(**settings):
    """`Arguments` from Python: the same names, defaults and checks as the command line."""
    return arguments_of(settings, Parts())


def arguments_of(settings, parts):
    """The same of a dict; ``parts`` are what makes their parts: `Parts`, or what runs of a sweep share."""
    given = {}
    for argv in [_flag(name, value) for name, value in settings.items()]:
        given |= _given_by(argv)
    return _instantiate(_begun(given, settings), load_plugins(dict.fromkeys(given.get("plugin") or ())), parts)


def _begun(given, settings):
    """The settings that are given, and those of the recipe that is among them: all but what ``settings`` unset."""
    if "recipe" not in given:
        return given
    recipe = read_recipe(given["recipe"])
    # Options are those of one entry: where another one is given, the recipe's mean nothing.
    others = {options for name, options in OPTIONS_OF.items() if given.get(name, recipe.get(name)) != recipe.get(name)}
    recipe = {name: value for name, value in recipe.items() if name not in settings and name not in others}
    return {flag: typed(flag, value) for flag, value in recipe.items()} | given


def typed(name, value):
    """A setting's value as the parser reads it, for example 1e-5 for the text "1e-5" that YAML gives.

    Raises:
        UserError: if it cannot be read.
    """
    return _given_by(_flag(name, value)).get(name, _unset()[name])


def _flag(name, value):
    return tuple(to_argv({name: value}, known_flags()))


def _given_by(argv):
    """What one setting gives: a dict, empty where it is unset."""
    return {name: copy.copy(value) for name, value in _read_once(argv).items()}  # a list belongs to one run


@functools.lru_cache(maxsize=2**16)  # parsing would take most of the time that planning a sweep of many runs does
def _read_once(argv):
    return _given(argv) if argv else {}


def _given(argv):
    """The settings that flags give, as a dict, and no others.

    Raises:
        UserError: for a value that cannot be read, and for what is no flag.
    """
    namespace = argparse.Namespace(**dict.fromkeys(_unset()))  # None, which no text stands for, in place of defaults
    _, unknown = build_parser().parse_known_args(argv, namespace)
    if unknown:
        flag = unknown[0].split("=")[0]
        near = meant(flag, known_flags()) if flag.startswith("-") else ""
        given = flag if flag.startswith("-") else unknown[0]  # not its value, which may be a token
        if flag in ("--config", "--config_file") or flag.endswith(CONFIG_FILES):
            near = "; a file of settings comes first, before all flags and without one of its own"
        raise UserError(f"unknown argument '{given}'{near} (see --help)")
    return {name: value for name, value in vars(namespace).items() if value is not None}


@functools.cache
def _unset():
    """The value of every flag where it is not given."""
    return vars(build_parser().parse_args([]))


def _defaults_of_task(given):
    """What the task that is asked for has for defaults of its own, as a dict."""
    name = given.get("task_name") or EMBEDDED_TASK
    own = given.get("dataset_name") or given.get("train_file")
    recipe = {} if own or name not in TASKS else TASKS[name].recipe
    return {flag: typed(flag, value) for flag, value in recipe.items()}


@functools.cache
def known_flags():
    """The settings that a file may hold: a dict from name, without dashes, to whether it takes a list."""
    actions = [action for action in build_parser()._actions if action.dest not in NOT_SETTINGS]
    return {action.dest: action.nargs == "+" for action in actions}


def read_config(path):
    """The settings in a YAML or JSON file: a dict from flag names to values."""
    path = pathlib.Path(path)
    if path.suffix not in CONFIG_FILES:
        raise UserError(f"'{path}' is no flag and no .yaml or .json file; flags start with --")
    if not path.is_file():
        raise UserError(f"configuration file {path} does not exist or is not a file")
    try:
        text = path.read_text(encoding="utf-8")
        settings = load_json(text) if path.suffix == ".json" else load_yaml(text)
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
        if key == "corruptions" and isinstance(value, list):
            value = json.dumps(value, sort_keys=True)
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


def _instantiate(given, plugins, parts):
    values = _unset() | _defaults_of_task(given) | given
    values["plugin"] = list(dict.fromkeys(values["plugin"] or ())) or None
    if values["hub_strategy"] not in ("end", "every_save"):
        raise UserError(f"--hub_strategy {values['hub_strategy']} is not supported: there is one push, at the end")
    values["save_model"] |= values["push_to_hub"]  # what was not pushed can be pushed later
    values["report_to"] = check_trackers(values["report_to"])
    if values["resume_from_checkpoint"] in ("True", "true"):  # what happens anyway
        values["resume_from_checkpoint"] = None
    check_training(values)
    follow_type(values, settle_type(values, parts))
    resolve_precision(values)
    ours = [parts.group(group, _pick(values, group)) for group in GROUPS[:-1]]
    training, known = parts.training(_pick(values, TrainingArguments))
    arguments = Arguments(*ours, training, plugins, known)
    arguments.run.check(training)
    check_fits(arguments)
    check_precision(arguments.run.precision, training)
    if values["output_dir"] is None:
        training.output_dir = str(folder_in("runs", arguments.name()))
    return arguments


def _pick(values, group):
    return {name: values[name] for name in _names(group)}


@functools.cache  # a sweep asks 100,000 times
def _names(group):
    return [field.name for field in dataclasses.fields(group) if field.init]
