"""settings.json: what marks a folder as a run's, and how two runs differ in words."""

import json

from ..results.scan import is_of_scan
from ..results.schema import is_damage
from ..utils.files import jsonable
from .identity import baseline, counting
from .neutral import RESOLVED

SCHEMA = 1  # of settings.json

# Parts of an identity that hold what settings stand for: those settings.
STAND_FOR = {
    "damage": is_damage,
    "sources": lambda name: name in ("model_name_or_path", "config_name", "tokenizer_name", "model_revision"),
    "healing_options": lambda name: name == "healing_options",
    "precision": lambda name: name in ("precision", "bf16", "fp16"),
}

# Parts that may differ though no setting does, in words.
PARTS = {
    "device": "device",
    "precision": "precision",
    "processes": "number of processes",
    "plugins": "content of the plugins",
    "versions": "versions of meaning",
    "model": "content of the model",
    "config": "content of the configuration",
    "tokenizer": "content of the tokenizer",
    "data": "content of the data",
    "teacher": "content of the teacher",
    "text": "content of --heal_text",
    "trace_reference": "content of --trace_reference",
    "donor": "content of the donor",
    "lm_eval": "content of the --lm_eval files",
}


# The same of parts that say more than can be read, named where nothing else is.
UNNAMED = {
    "damage": "what the damage does, by rules that another version had",
    "sources": "content of the model, the data or what else is read",
    "healing_options": "what the healing does, by options that another version had",
}


def marker(arguments):
    """What a run's settings.json holds, written before training: its identity, and its settings for readers."""
    return {"healbert": {"schema": SCHEMA}, "identity": arguments.identity(), "config": _config(arguments)}


def is_marker(there):
    """Whether what a settings.json holds was written by `marker`: an editor's settings.json is not, nor a scan's."""
    ours = there.get("healbert") if isinstance(there, dict) and not is_of_scan(there) else None
    schema = ours.get("schema") if isinstance(ours, dict) else None
    parts = [there.get(name) for name in ("identity", "config")] if ours else []
    return isinstance(schema, int) and all(isinstance(part, dict) for part in parts)


def _config(arguments):
    return json.loads(json.dumps(jsonable(arguments.settings()), default=str))


def differences(there, arguments):
    """How the run in a folder differs from the one that is asked for: a list of texts, empty for the same run.

    Args:
        there: what the folder's settings.json holds, as `marker` gives it.
        arguments: `Arguments`.
    """
    old, new = there["identity"], arguments.identity()
    if old == new:
        return []
    before, now = there["config"], _config(arguments)
    alike = [holds for part, holds in STAND_FOR.items() if old.get(part) == new.get(part)]
    names = [name for name in differing_settings(before, now) if not any(holds(name) for holds in alike)]
    found = [f"{name} ({before.get(name)} there, {now.get(name)} now)" for name in names] + _other_parts(old, new)
    parts = sorted(part for part in old.keys() | new.keys() if old.get(part) != new.get(part))
    return found or [UNNAMED.get(part, part) for part in parts]  # never the same run


def differing_settings(first, second):
    """The names of the settings that count and differ between two runs, sorted; one that is missing is at its default.

    Args:
        first, second: settings by their flags' names, as ``config`` in results.json.
    """
    sides = [counting(side) | {name: side.get(name) for name in RESOLVED} for side in (first, second)]
    names = sorted(sides[0] | sides[1])
    return [name for name in names if sides[0].get(name, baseline(name)) != sides[1].get(name, baseline(name))]


def _other_parts(old, new):
    old, new = ({**part, **part["sources"]} for part in (old, new))
    found = []
    for name, words in PARTS.items():
        before, now = old.get(name), new.get(name)
        if before != now:
            plain = {"processes": 1, "precision": "float32"}.get(name)
            found.append(f"{words} ({before or plain} there, {now or plain} now)")
    return found
