"""Tables that plugins extend."""

import dataclasses

import pytest

from healbert.utils.errors import UserError
from healbert.utils.registry import KINDS, Table, register, table


@dataclasses.dataclass
class Entry:
    function: object
    size: int = 1


def one():
    """Something to register."""


def two():
    """Something else."""


def test_entries_are_made_of_what_was_registered_and_its_attributes():
    entries = Table("method", Entry)
    entries.add("one", one)
    entries.add("big", two, size=3)
    assert list(entries) == ["one", "big"] and len(entries) == 2
    assert (entries["one"].function, entries["one"].size, entries["big"].size) == (one, 1, 3)
    assert entries["big"] is entries["big"]


def test_without_a_class_the_entry_is_the_thing_itself():
    entries = Table("region")
    entries.add("one", one)
    assert entries["one"] is one and "two" not in entries


def test_a_table_filled_before_its_room_names_the_class():
    entries = Table("method")
    entries.add("big", one, size=2)
    entries.entry = Entry
    assert entries["big"].size == 2


def test_taken_names_are_refused_and_the_same_thing_again_is_not():
    entries = Table("method", Entry)
    entries.add("one", one)
    entries.add("one", one)
    with pytest.raises(UserError, match="method 'one' is there already"):
        entries.add("one", two)


def test_attributes_that_the_kind_does_not_have():
    entries = Table("method", Entry)
    entries.add("one", one, sise=3)
    with pytest.raises(
        UserError, match=r"cannot be registered so: it takes no 'sise'; did you mean 'size'\? \(known: size\)"
    ):
        entries["one"]


def test_unknown_kinds_are_refused_with_the_nearest():
    with pytest.raises(UserError, match="kind 'methods' is not known; did you mean 'method'"):
        register("methods", "one")
    with pytest.raises(UserError, match="kind"):
        table("colour")


def test_there_is_one_table_of_a_kind():
    assert all(table(kind) is table(kind) for kind in KINDS)
