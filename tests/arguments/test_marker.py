"""How the run in a folder differs from the one that is asked for."""

import copy

import pytest

from healbert import make_arguments
from healbert.arguments.marker import differences, marker


@pytest.fixture
def asked(tmp_path):
    return make_arguments(corrupt_level=0.5, output_dir=str(tmp_path))


def changed(there, *path, value):
    found = copy.deepcopy(there)
    part = found["identity"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return found


def test_the_same_run_differs_in_nothing(asked):
    assert differences(marker(asked), asked) == []


@pytest.mark.parametrize(
    "path, message",
    [
        (("sources", "donor"), "content of the donor (files:1 there, None now)"),
        (("sources", "lm_eval"), "content of the --lm_eval files (files:1 there, None now)"),
        (("damage", "rules"), "what the damage does, by rules that another version had"),
        (("added_later",), "added_later"),
    ],
)
def test_no_part_of_what_a_run_is_can_differ_unsaid(asked, path, message):
    assert differences(changed(marker(asked), *path, value="files:1"), asked) == [message]
