"""Options that an entry of a table declares: `--corrupt_options rate=1e-6,bits=exponent`."""

import dataclasses
import json
import math
import numbers

from .errors import UserError, check_choice, did_you_mean


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of an entry.

    Args:
        default: its value where it is not given; its type is the option's (bool, int, float or str).
        help: one line.
        least, most: limits of a number, both allowed.
        choices: the allowed values of a text.
    """

    default: object
    help: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple = ()

    def read(self, name, value):
        """``value`` (text, or what a YAML file holds) as this option's type.

        Raises:
            UserError: if it is none, or out of range; ``name`` says where it was given.
        """
        kind = type(self.default)
        try:
            found = _convert(value, kind)
        except ValueError as error:
            raise UserError(f"{name} {value} is not {_KINDS[kind]}") from error
        if self.choices:
            check_choice(name, found, self.choices)
        if kind in (int, float) and not (_or(self.least, -math.inf) <= found <= _or(self.most, math.inf)):
            raise UserError(f"{name} {value} is out of range: {self.describe()}")
        return found

    def describe(self):
        """The option's range and default in a few words."""
        if self.choices:
            what = " or ".join(map(str, self.choices))
        elif self.least is not None and self.most is not None:
            what = f"{self.least:g} to {self.most:g}"
        elif self.least is not None:
            what = f"{self.least:g} or more"
        else:
            what = _KINDS[type(self.default)]
        return f"{what}, default {self.default}"


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _or(value, other):
    return other if value is None else value


def _convert(value, kind):
    if kind is bool:
        words = {"true": True, "false": False}
        if str(value).lower() not in words:
            raise ValueError
        return words[str(value).lower()]
    if kind in (int, float) and (isinstance(value, bool) or not isinstance(value, (str, numbers.Real))):
        raise ValueError  # of a YAML or JSON file: true, null, a list
    if kind is int and not float(value).is_integer():
        raise ValueError
    found = kind(float(value)) if kind is int else kind(value)
    if kind is float and not math.isfinite(found):
        raise ValueError
    return found


def read_options(flag, given, declared):
    """The values of all declared options.

    Args:
        flag: where they were given, for messages, such as "--corrupt_options".
        given: text such as "rate=1e-6,bits=exponent", a dict, or None.
        declared: {entry's name: {option's name: `Option`}}; with several entries an option is named ``entry.option``.

    Returns:
        dict: {entry's name: {option's name: value}}, every declared option in it.

    Raises:
        UserError: for what is no option of an entry (with the nearest name), a value out of range, or one given twice.
    """
    values = {entry: {name: option.default for name, option in options.items()} for entry, options in declared.items()}
    known = {}
    for entry, options in declared.items():
        for name in options:
            known[f"{entry}.{name}"] = (entry, name)
            if len(declared) == 1:
                known[name] = (entry, name)
    named = set()
    for name, value in option_pairs(flag, given):
        if name not in known:
            listed = ", ".join(known) or f"{' and '.join(declared) or 'nothing here'} has none"
            raise UserError(f"{flag}: '{name}' is no option here{did_you_mean(name, known)} (known: {listed})")
        entry, option = known[name]
        if known[name] in named:
            raise UserError(f"{flag} gives '{name}' twice; leave one out")
        named.add(known[name])
        values[entry][option] = declared[entry][option].read(f"{flag} {name}", value)
    return values


def list_options(entries, marked=None):
    """All options that the entries of a table declare, with their defaults, for ``--help``: a text.

    Args:
        entries: a table whose entries have ``options``; those whose options are the same are named together.
        marked: function of an entry: the name of an option that gets a ``*``, or None.
    """
    names = {}
    for name, entry in ((name, entries[name]) for name in entries if entries[name].options):
        strongest = marked(entry) if marked else None
        text = ", ".join(f"{n}{'*' * (n == strongest)}={option.default}" for n, option in entry.options.items())
        names.setdefault(text, []).append(name)
    listed = [f"{', '.join(same)}: {text}" for text, same in names.items()]
    return f"With their defaults: {'; '.join(listed)}." if listed else "None of those that come with HealBERT has any."


def option_pairs(flag, given):
    """Options as they were given: a list of (name, value).

    Args: as of `read_options`.
    """
    if given is None or given == "":
        return []
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise UserError(f"{flag} {given} is not JSON: {error}") from error
    if isinstance(given, dict):
        return list(given.items())
    parts = [part.partition("=") for part in str(given).split(",")]
    for name, separator, _ in parts:
        if not separator:
            raise UserError(f"{flag}: '{name}' is not NAME=VALUE; write {flag} name=value,name=value")
    return [(name.strip(), value.strip()) for name, _, value in parts]
