"""Tables that people extend: the entries of one kind by name, those built in and those of plugins.

A room makes its table with `table` and fills it with the same decorator that a plugin uses:

    @healbert.register("method", "halve", norms="keep")
    def halve(original, module, generator):
        return original / 2

What an entry of a kind is, its room says: the class that ``table`` is given (or the object itself without one).
"""

import collections.abc
import dataclasses

from .errors import UserError, check_choice, did_you_mean

KINDS = (
    *("method", "region", "component", "strategy", "task", "task_type", "metric"),
    *("table", "figure", "format", "engine", "tracker"),
)

_tables = {}


class Table(collections.abc.Mapping):
    """The entries of one kind, in the order in which they were registered.

    Args:
        kind: one of `KINDS`.
        entry: class of its entries, made of the registered object and the attributes given with it; default: the
            object itself, without attributes.
    """

    def __init__(self, kind, entry=None):
        self.kind, self.entry = kind, entry
        self._registered, self._made = {}, {}

    def add(self, name, thing, **attributes):
        """Registers ``thing`` under ``name``; the same thing twice is one entry (a plugin that is imported again).

        Raises:
            UserError: if the name is taken by another entry.
        """
        known = self._registered.get(name)
        if known and _origin(known[0]) != _origin(thing):
            raise UserError(f"{self.kind} '{name}' is there already; register yours under another name")
        self._registered[name] = (thing, attributes)
        self._made.pop(name, None)

    def __getitem__(self, name):
        if name not in self._made:
            thing, attributes = self._registered[name]
            self._made[name] = self._make(name, thing, attributes)
        return self._made[name]

    def _make(self, name, thing, attributes):
        if self.entry is None and not attributes:
            return thing
        self._check_attributes(name, attributes)
        try:
            return self.entry(thing, **attributes)
        except TypeError as error:
            raise UserError(f"{self.kind} '{name}' cannot be registered so: {error}") from error

    def _check_attributes(self, name, attributes):
        if not dataclasses.is_dataclass(self.entry):
            return
        known = [field.name for field in dataclasses.fields(self.entry)[1:]]  # the first is the thing itself
        unknown = [attribute for attribute in attributes if attribute not in known]
        if unknown:
            raise UserError(
                f"{self.kind} '{name}' cannot be registered so: it takes no '{unknown[0]}'"
                f"{did_you_mean(unknown[0], known)} (known: {', '.join(known)})"
            )

    def __iter__(self):
        return iter(self._registered)

    def __len__(self):
        return len(self._registered)


def _origin(thing):
    return (getattr(thing, "__module__", None), getattr(thing, "__qualname__", repr(thing)))


def table(kind, entry=None):
    """The `Table` of a kind; its room names the class of its entries."""
    check_choice("kind", kind, KINDS)
    found = _tables.setdefault(kind, Table(kind))
    if entry is not None:
        found.entry = entry
    return found


def register(kind, name, **attributes):
    """A decorator that adds what it decorates to the table of a kind, so that ``name`` is a valid choice everywhere.

    Args:
        kind: one of `KINDS`; docs/extending.md says what an entry of each is, and which attributes it has.
        name: how it is asked for, on the command line and in sweep files.

    Raises:
        UserError: for an unknown kind, or a name that is taken.
    """

    def add(thing):
        table(kind).add(name, thing, **attributes)
        return thing

    check_choice("kind", kind, KINDS)
    return add
