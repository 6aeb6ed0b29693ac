"""What repeats a finished run elsewhere: its settings, and a command line of them."""

import json
import pathlib
import shlex

from ..arguments.identity import PATHS
from ..arguments.neutral import NOT_IDENTITY
from ..arguments.parser import make_arguments
from ..tasks.table import TASKS

# Settings of this machine and this folder: whoever repeats the run elsewhere has their own.
ELSEWHERE = {
    "output_dir",
    "cache_dir",
    "resume_from_checkpoint",
    "overwrite_output_dir",
    "push_to_hub",
    "intact_results",
}

# What a reader looks for first in a command line.
FIRST = "model_name_or_path model_revision task_name dataset_name dataset_config_name data_revision train_file".split()


def pinned_settings(results):
    """The settings that repeat a run elsewhere: model and data by commit, nothing of where things lay or went."""
    settings = {k: v for k, v in results["config"].items() if k not in ELSEWHERE and not k.startswith("hub_")}
    revisions = {"model_revision": results["model"]["commit"], "data_revision": results["task"]["commit"]}
    found = settings | {name: commit for name, commit in revisions.items() if commit}
    launched = results["environment"].get("mixed_precision") or "no"
    if launched != "no" and not any(settings.get(name) for name in ("precision", "bf16", "fp16")):
        found["precision"] = launched  # accelerate launch said it, and no flag
    return found


def reproducing_command(results):
    """The command line that repeats a run: each of `pinned_settings` that is no default, a flag a line.

    Files and folders are named by their last part.
    """
    settings = pinned_settings(results)
    task = settings["task_name"] if settings["task_name"] in TASKS else "sst2"  # that of a plugin is not known here
    defaults = make_arguments(task_name=task, output_dir="run").settings()
    counting = {name for name in defaults if name not in NOT_IDENTITY} | {"data_revision"}
    changed = {k: v for k, v in settings.items() if k in counting and v is not None and v != defaults[k]}
    changed |= {"task_name": settings["task_name"]} if settings["task_name"] else {}
    changed |= {"plugin": [last_part(path) for path in settings["plugin"]]} if settings.get("plugin") else {}
    order = sorted(changed, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    flags = [_flag(name, last_part(changed[name]) if name in PATHS else changed[name]) for name in order]
    return " \\\n    ".join(["python -m healbert run", *flags])


def last_part(name):
    """``name`` without its folders if it is a path on this machine; a Hub id stays as it is."""
    path = pathlib.Path(name).expanduser()
    return path.name if path.is_absolute() or path.exists() or name.startswith(".") else name


def _flag(name, value):
    if isinstance(value, list):
        return f"--{name} {shlex.join(map(str, value))}"
    value = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else value
    return f"--{name} {shlex.quote(json.dumps(value) if isinstance(value, dict) else str(value))}"
