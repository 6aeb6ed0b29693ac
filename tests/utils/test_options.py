"""Options of a table's entries: read by type, checked, and refused with the nearest name."""

import types

import pytest

from healbert.utils.errors import UserError
from healbert.utils.options import Option, list_options, read_options

DECLARED = {
    "flip": {"rate": Option(1e-3, least=0, most=1), "bits": Option("all", choices=("all", "sign", "exponent"))},
    "noise": {"steps": Option(3, least=1), "relative": Option(True)},
}


def read(given, *entries):
    return read_options("--some_options", given, {name: DECLARED[name] for name in entries})


def test_defaults():
    assert read(None, "flip") == read("", "flip") == read({}, "flip") == {"flip": {"rate": 1e-3, "bits": "all"}}


@pytest.mark.parametrize(
    "given",
    [
        "rate=1e-6,bits=sign",
        " rate = 1e-6 , bits = sign ",
        {"rate": 1e-6, "bits": "sign"},
        '{"rate": 1e-6, "bits": "sign"}',
    ],
)
def test_text_dict_and_json_are_the_same(given):
    assert read(given, "flip") == {"flip": {"rate": 1e-6, "bits": "sign"}}


def test_values_have_the_type_of_their_default():
    assert read("steps=4,relative=False", "noise") == {"noise": {"steps": 4, "relative": False}}
    assert isinstance(read("steps=4.0", "noise")["noise"]["steps"], int)


def test_of_several_entries_an_option_is_named_with_its_entry():
    assert read("flip.rate=0.5,noise.steps=2", "flip", "noise")["flip"]["rate"] == 0.5
    with pytest.raises(UserError, match="'rate' is no option here"):
        read("rate=0.5", "flip", "noise")


@pytest.mark.parametrize(
    "given, message",
    [
        ("rat=0.5", r"--some_options: 'rat' is no option here; did you mean 'rate'\? \(known: flip.rate, rate"),
        ("rate", "'rate' is not NAME=VALUE"),
        ("rate=2", "--some_options rate 2 is out of range: 0 to 1, default 0.001"),
        ("rate=much", "--some_options rate much is not a number"),
        ("rate=nan", "--some_options rate nan is not a number"),
        ("rate=0.1,rate=0.2", "--some_options gives 'rate' twice; leave one out"),
        ({"flip.rate": 0.1, "rate": 0.2}, "--some_options gives 'rate' twice"),
        ("bits=sing", r"--some_options bits 'sing' is not known; did you mean 'sign'\?"),
        ('{"rate": ', "is not JSON"),
    ],
)
def test_refused(given, message):
    with pytest.raises(UserError, match=message):
        read(given, "flip")


@pytest.mark.parametrize("given", ["steps=1.5", "steps=0", "steps=", "relative=maybe"])
def test_whole_numbers_and_truth_values_are_checked(given):
    with pytest.raises(UserError, match="--some_options"):
        read(given, "noise")


def test_entry_without_options():
    with pytest.raises(UserError, match="plain has none"):
        read_options("--some_options", "rate=1", {"plain": {}})


def test_options_of_a_table_are_listed_with_their_defaults():
    entries = {name: types.SimpleNamespace(options=options) for name, options in DECLARED.items()}
    assert list_options(entries) == ("With their defaults: flip: rate=0.001, bits=all; noise: steps=3, relative=True.")
    entries["hiss"] = entries["noise"]
    shown = "With their defaults: flip: rate=0.001, bits=all; noise, hiss: steps*=3, relative=True."
    assert list_options(entries, lambda entry: "steps") == shown
    assert list_options({}) == "None of those that come with HealBERT has any."
