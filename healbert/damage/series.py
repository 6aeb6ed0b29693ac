"""Several damages in a row: what they are, which tensors they hit together, and one receipt of all."""

import dataclasses
import json
import warnings

from ..models.layers import find_layers
from ..utils.draws import seed_of
from ..utils.errors import UserError, did_you_mean
from .hits import join
from .methods import METHODS
from .receipt import CorruptionReceipt, compare, summarise, versions
from .selection import select_tensors
from .spec import CorruptionSpec

FLAG = "--corruptions"
FIELDS = {field.name: field for field in dataclasses.fields(CorruptionSpec)}


def read_corruptions(given, seed=0):
    """The damages that a list describes, those of level 0 left out.

    Args:
        given: a list of mappings from fields of `CorruptionSpec` to values, or its JSON text.
        seed: of an entry without one: the first that counts has this one, each further one a seed drawn from it and
            from its place, so that the noise of two damages is not the same noise.

    Returns:
        list: (entry as it was given, `CorruptionSpec`) of each.

    Raises:
        UserError: naming the entry that cannot be used.
    """
    found = []
    for number, entry in enumerate(_entries(given), start=1):
        where = f"{FLAG}, entry {number}"
        if not isinstance(entry, dict):
            raise UserError(f'{where} is {json.dumps(entry)}, not a mapping such as {{"level": 0.5}}')
        for name, value in entry.items():
            _check_field(where, name, value)
        own = seed_in_a_row(seed, len(found) + 1)
        try:
            spec = CorruptionSpec(**{"seed": own, **entry})
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if not spec.intact:
            found.append((entry, spec))
    check_series([spec for _, spec in found])
    return found


def seed_in_a_row(seed, place):
    """The seed of the damage at a place, from 1, of several in a row, where it names none."""
    return seed if place == 1 else seed_of(seed, f"damage {place}") % 2**32


def _entries(given):
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (json.JSONDecodeError, RecursionError) as error:
            raise UserError(f"{FLAG} {given} is not JSON: {error}") from error
    if not isinstance(given, list):
        raise UserError(f"{FLAG} is not a list of damages; in a sweep's grid or include, write a list of such lists")
    if not given:
        raise UserError(f"{FLAG} is an empty list; give it damages or leave it out")
    return given


def _check_field(where, name, value):
    if name not in FIELDS:
        plain = str(name).removeprefix("corrupt_")
        near = f"; did you mean '{plain}'?" if plain in FIELDS else did_you_mean(name, FIELDS)
        raise UserError(f"{where}: '{name}' is no field of a damage{near} (known: {', '.join(FIELDS)})")
    kind = FIELDS[name].type
    for wanted, says in ((bool, "true or false"), (str, "a text"), (str | None, "a text")):
        if kind == wanted and not isinstance(value, wanted):
            raise UserError(f"{where}: {name} {json.dumps(value)} is not {says}")


def check_series(specs):
    """Refuses what cannot be one of several damages.

    Raises:
        UserError: if layers are to be dropped.
    """
    if len(specs) > 1 and any(METHODS[spec.method].drops for spec in specs):
        raise UserError(
            "drop_layers cannot be one of several damages: it gives layers other numbers, so that a name in the "
            "receipt would mean two tensors; drop them with --corrupt_only, and damage the model that this writes"
        )


def as_list(spec):
    """The damages of a `CorruptionSpec`, or of a list of them, that hit something: of none, the first.

    Raises:
        UserError: if it is an empty list, or they cannot go in a row.
    """
    specs = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    if not specs:
        raise UserError("the list of damages is empty; give a CorruptionSpec")
    counting = [one for one in specs if not one.intact] or specs[:1]
    check_series(counting)
    return counting


def select_all(model, spec):
    """What one damage, or several together, hit.

    Args:
        model: which may be on the meta device.
        spec: a `CorruptionSpec`, or a list.

    Returns:
        tuple: the `LayerStack`; {id of a parameter: `Hit`} in depth order; for each damage the ids that it hits.
    """
    specs = as_list(spec)
    sides = {one.side for one in specs}
    stack = find_layers(model, sides.pop() if len(sides) == 1 else "both")
    each = [{id(hit.parameter): hit for hit in select_tensors(find_layers(model, one.side), one)} for one in specs]
    if len(each) == 1:  # in its own order
        return stack, each[0], [set(each[0])]
    joined = {}
    for hits in each:
        joined |= {key: join(joined.get(key), hit) for key, hit in hits.items()}
    order = [id(place.parameter) for place in stack.places]
    return stack, {key: joined[key] for key in dict.fromkeys(order) if key in joined}, [set(hits) for hits in each]


def corrupt_in_a_row(corrupt, model, specs, undoable, donor):
    """Damages ``model`` in place by several damages, and returns one receipt of all.

    Args:
        corrupt: what makes one damage: `apply.corrupt`.
        specs: list of two or more `CorruptionSpec`; the others are as of `apply.corrupt`.

    Raises:
        UserError: as `apply.corrupt`; the model is intact then.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each damage has its own
        stack, hits, each = select_all(model, specs)
    before = {key: hit.read() for key, hit in hits.items()}
    receipts = []
    try:
        receipts += [corrupt(model, spec, undoable=False, donor=donor) for spec in specs]
    except BaseException:
        for key, hit in hits.items():
            hit.write(before[key])
        raise
    rules = [{entry["name"].partition("[")[0]: entry["rule"] for entry in receipt.tensors} for receipt in receipts]
    entries = []
    for key, hit in hits.items():
        numbers = [number for number, ids in enumerate(each) if key in ids]
        said = {"damages": numbers, "rule": ", then ".join(rules[number][hit.path] for number in numbers)}
        shape = {"name": hit.name, "shape": hit.shape, "count": hit.count}
        entries.append(shape | said | compare(before[key], hit.read()))
    names = {name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if id(tensor) not in hits}
    untouched = len(names) + sum(hit.rest() is not None for hit in hits.values())
    summary = summarise(model, stack, list(hits.values()), entries, untouched)
    summary["not_finite_before"] = receipts[0].summary["not_finite_before"]
    kept = [(hit, before[key]) for key, hit in hits.items()] if undoable else None
    return CorruptionReceipt(specs, summary, entries, versions(), kept)
