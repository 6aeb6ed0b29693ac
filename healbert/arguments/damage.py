"""What of a model a run's damage hits, found without its weights: for the run's name."""

import dataclasses
import hashlib
import warnings

from ..damage.methods import METHODS
from ..damage.spec import CorruptionSpec
from ..results.schema import region_that_counts
from ..utils.errors import UserError

# A sweep asks for the same few models and places thousands of times.
_stacks, _hits, _versions = {}, {}, {}


def damage_of(arguments):
    """The damage as what is hit and how, not how it was asked for; an empty dict where nothing is hit.

    Args:
        arguments: `Arguments`.

    Returns:
        dict: ``tensors``, a hash of the paths that are hit, and their ``count``; ``rules``, their version, where an
        earlier one gave this architecture other values; ``method``, ``seed``, the ``options`` that differ from what
        the method declares, and the ``severity`` that the strength is found for; of several damages, a ``series`` of
        these. Where the model cannot be looked at yet (it is not on this machine, its layers are not found, the level
        cannot be applied: the run says so itself when it starts), ``asked``, the flags, stands for the tensors.
    """
    found = [damage for spec in arguments.specs if (damage := _one(arguments, spec))]
    if not found:
        return {}
    severity = arguments.corruption.severity()
    damage = found[0] if len(found) == 1 else {"series": found}
    return damage | ({"severity": str(severity)} if severity else {})


def _one(arguments, spec):
    """One damage of perhaps several; an empty dict where it hits nothing."""
    if spec.intact:
        return {}
    where = _where(arguments, spec)
    if where.get("count") == 0:
        return {}
    options = changed_options(spec.options, METHODS[spec.method].options)
    return {**where, "method": spec.method, "seed": spec.seed} | ({"options": options} if options else {})


def changed_options(values, declared):
    """The options of an entry that differ from their declared defaults.

    So a new option renames nothing; whoever changes the default of one raises the entry's version.
    """
    return {name: value for name, value in values.items() if value != declared[name].default}


def _where(arguments, spec):
    source, model = arguments.sources.model, arguments.model
    key = (source.config.fingerprint or source.config.name, model.model_revision, model.trust_remote_code, spec.side)
    place = (key, spec)
    if place not in _hits:
        _hits[place] = _look(key, source, model, spec) or {"asked": _asked(dataclasses.asdict(spec))}
    return _hits[place]


def _asked(fields):
    # Without what is at its default, so that a new field of the spec renames nothing.
    usual = dataclasses.asdict(CorruptionSpec(level=fields["level"], method=fields["method"]))
    counted = {name: value for name, value in fields.items() if value != usual[name]}
    if not region_that_counts(fields["level"], fields["region"]):
        counted.pop("region", None)
    plain = ("method", "seed", "options", "strength")
    return {"level": fields["level"]} | {k: v for k, v in counted.items() if k not in plain}


def _look(key, source, model, spec):
    from ..damage.first_rules import version_of
    from ..damage.selection import select_tensors
    from ..models.layers import find_layers
    from ..models.loading import empty_model

    try:
        if key not in _stacks:
            _stacks[key] = find_layers(empty_model(model, source), spec.side)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run itself warns of a level that is not exact
            hit = select_tensors(_stacks[key], spec)
        # Sorted: what counts is which tensors are hit, not in which order a region or a version lists them.
        paths = sorted(one.name for one in hit)
        tensors = hashlib.sha256("\0".join(paths).encode()).hexdigest()[:16]
        if (key, tensors) not in _versions:
            _versions[key, tensors] = version_of(_stacks[key], hit)
    except UserError:
        return None
    found, version = {"tensors": tensors, "count": len(paths)}, _versions[key, tensors]
    # Only where the rules of an earlier version gave other values: all other names stay.
    return found | ({"rules": version} if version > 1 else {})
