"""settings.json: what marks a folder as a run's, and how two runs differ in words."""

import json

from ..utils.files import jsonable
from .identity import counting

SCHEMA = 1  # of settings.json

# Parts of an identity that no single flag stands for, in words.
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
}


def marker(arguments):
    """What a run's settings.json holds, written before training: its identity, and its settings for readers."""
    config = json.loads(json.dumps(jsonable(arguments.settings()), default=str))
    return {"healbert": {"schema": SCHEMA}, "identity": arguments.identity(), "config": config}


def differences(there, arguments):
    """How the run in a folder differs from the one that is asked for: a list of texts, empty for the same run.

    Args:
        there: what the folder's settings.json holds.
        arguments: `Arguments`.
    """
    if "identity" not in there:
        return ["it was begun by an earlier version, which named runs another way"]
    old, new = there["identity"], arguments.identity()
    if old == new:
        return []
    before, now = counting(there["config"]), counting(json.loads(json.dumps(arguments.settings(), default=str)))
    names = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    if old.get("damage") == new.get("damage"):
        names = [name for name in names if not name.startswith("corrupt_")]
    settings = arguments.settings()
    found = [f"{name} ({there['config'].get(name)} there, {settings.get(name)} now)" for name in names]
    return found + _other_parts(old, new)


def _other_parts(old, new):
    old, new = ({**part, **part["sources"]} for part in (old, new))
    found = []
    for name, words in PARTS.items():
        before, now = old.get(name), new.get(name)
        if before != now:
            plain = {"processes": 1, "precision": "float32"}.get(name)
            found.append(f"{words} ({before or plain} there, {now or plain} now)")
    return found
