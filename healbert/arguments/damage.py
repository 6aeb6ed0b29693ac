"""What of a model a run's damage hits, found without its weights: for the run's name."""

import dataclasses
import hashlib
import json
import warnings

from ..damage.methods import METHODS
from ..utils.errors import UserError
from ..utils.options import read_options

_stacks, _hits = {}, {}  # a sweep asks for the same few models and places thousands of times


def damage_of(arguments):
    """The damage as what is hit and how, not how it was asked for; an empty dict where nothing is hit.

    Args:
        arguments: `Arguments`.

    Returns:
        dict: ``tensors``, a hash of the paths that are hit, and their ``count``; ``method``, ``seed``, and the
        ``options`` that differ from what the method declares. Where the model cannot be looked at yet (it is not on
        this machine, its layers are not found, the level cannot be applied: the run says so itself when it starts),
        ``asked``, the flags, stands for the tensors.
    """
    spec = arguments.corruption.spec()
    if spec.level == 0:
        return {}
    where = _where(arguments, spec)
    if where.get("count") == 0:
        return {}
    method, seed = {"method": spec.method}, {"seed": spec.seed}
    given = _options_given(spec)
    return {**where, **method, **seed, **({"options": given} if given else {})}


def _options_given(spec):
    # An option counts against its declared default, so that a new one renames nothing; whoever changes a default
    # raises the method's version.
    declared = getattr(METHODS[spec.method], "options", {})
    values = read_options("--corrupt_options", getattr(spec, "options", None), {spec.method: declared})[spec.method]
    return {name: value for name, value in values.items() if value != declared[name].default}


def _where(arguments, spec):
    asked = {k: v for k, v in dataclasses.asdict(spec).items() if k not in ("method", "seed", "options")}
    source, model = arguments.sources.model, arguments.model
    key = (source.config.fingerprint or source.config.name, model.model_revision, model.trust_remote_code)
    place = (key, json.dumps(asked, sort_keys=True))
    if place not in _hits:
        _hits[place] = _look(key, source, model, spec) or {"asked": asked}
    return _hits[place]


def _look(key, source, model, spec):
    from ..damage.regions import select_tensors
    from ..models.layers import find_layers
    from ..models.loading import empty_model

    try:
        if key not in _stacks:
            _stacks[key] = find_layers(empty_model(model, source))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run itself warns of a level that is not exact
            hit = select_tensors(_stacks[key], spec)
    except UserError:
        return None
    paths = sorted(path for path, _ in hit)
    return {"tensors": hashlib.sha256("\0".join(paths).encode()).hexdigest()[:16], "count": len(paths)}
