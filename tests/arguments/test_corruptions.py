"""--corruptions: a list on the command line, in YAML and in sweeps, and what it is to a run's name."""

import json

import pytest
import yaml
from helpers.arguments import parse, parse_file, run

from healbert.arguments.parser import print_settings
from healbert.results.schema import place_of
from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep
from healbert.utils.errors import UserError

NOISE = {"level": 0.5, "method": "gaussian_noise", "strength": 0.2}
PRUNE = {"layers": [3], "method": "random_prune", "components": ["ffn"]}


def series(*entries, **more):
    return run(corrupt_level=None, corruptions=list(entries), **more)


def end(arguments):
    return arguments.name().rpartition("-")[2]


def test_order_place_method_and_seed_count():
    asked = ([NOISE, PRUNE], [PRUNE, NOISE], [NOISE], [NOISE, {**PRUNE, "seed": 5}], [NOISE, {**PRUNE, "layers": [2]}])
    assert len({end(series(*entries)) for entries in asked}) == len(asked)
    assert end(series(NOISE, PRUNE, corrupt_seed=1)) != end(series(NOISE, PRUNE))
    assert "-2damages-" in series(NOISE, PRUNE).name()


def test_other_words_for_the_same_are_the_same_run():
    other = {"level": 1, "layers": None, "components": "ffn", "parameters": r"layer\.3\.", "method": "random_prune"}
    assert end(series(NOISE, PRUNE)) == end(series({"level": 0}, {**NOISE, "region": "bottom"}, other))


NOISE_FLAGS = {"corrupt_level": 0.5, "corrupt_method": "gaussian_noise", "corrupt_strength": 0.2}
PRUNE_FLAGS = {"corrupt_level": None, "corrupt_layers": "3", "corrupt_method": "random_prune"}


@pytest.mark.parametrize(
    "entry, flags",
    [
        (NOISE, NOISE_FLAGS),
        ({**NOISE, "seed": 4}, NOISE_FLAGS | {"corrupt_seed": 4}),
        (PRUNE, PRUNE_FLAGS | {"corrupt_components": "ffn"}),
        (
            {"level": 1, "keep_norms": True, "options": {"std": 0.5}, "method": "normal"},
            {"corrupt_level": 1, "keep_norms": True, "corrupt_options": "std=0.5", "corrupt_method": "normal"},
        ),
        ({"level": 0}, {"corrupt_level": 0}),
    ],
)
def test_a_list_of_one_is_the_run_of_the_flags(entry, flags):
    listed, plain = series({"level": 0}, entry), run(**flags)
    assert listed.name() == plain.name() and listed.corruption.spec() == plain.corruption.spec()
    assert listed.corruption.corruptions is None


def test_command_line_yaml_and_printed_settings_say_the_same(tmp_path, capsys):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"corruptions": [NOISE, PRUNE]}))
    read = parse_file(file)
    assert read.name() == parse("--corruptions", json.dumps([NOISE, PRUNE])).name()
    print_settings(read)
    file.write_text(capsys.readouterr().out)
    assert parse_file(file).name() == read.name()


def test_sweeps_take_lists_of_lists(tmp_path, tiny_bert, csv_files):
    base = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True}
    lists = [[NOISE, PRUNE], [PRUNE, NOISE], [{"level": 0}]]
    plan = make_plan(read_sweep({"base": base, "grid": {"corruptions": lists, "corrupt_seed": [0, 1]}}), tmp_path)
    assert len(plan.runs) == 5, "an intact model has no seed"
    swept = {"base": {**base, "corruptions": [NOISE, PRUNE]}, "grid": {"seed": [1, 2]}}
    assert len(make_plan(read_sweep(swept), tmp_path).runs) == 2
    left = {"base": base, "grid": {"corruptions": lists}, "exclude": [{"corruptions": [lists[0]]}]}
    assert len(make_plan(read_sweep(left), tmp_path).runs) == 2
    with pytest.raises(UserError, match="in a sweep's grid or include, write a list of such lists"):
        make_plan(read_sweep({"base": base, "grid": {"corruptions": [NOISE, PRUNE]}}), tmp_path)


def test_a_sweep_has_no_corrupt_only():
    with pytest.raises(UserError, match="'corrupt_only' does not go into a sweep: a sweep makes runs"):
        read_sweep({"base": {"corrupt_only": True}, "grid": {"seed": [1]}})


def test_flags_beside_are_refused_by_name():
    with pytest.raises(UserError, match="leave out --corrupt_level, --keep_norms, or say it in the list"):
        run(corruptions=[NOISE, PRUNE], corrupt_level=0.5, keep_norms=True)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[]", "is an empty list"),
        ("[3]", "entry 1 is 3, not a mapping"),
        ("x", "is not JSON"),
        ("{}", "is not a list"),
        ('[{"levl": 1}]', "did you mean 'level'"),
        ('[{"level": 1, "method": "zeros"}]', "did you mean 'zero'"),
    ],
)
def test_refused(text, message):
    with pytest.raises(UserError, match=message) as caught:
        parse("--corruptions", text)
    assert "\n" not in str(caught.value)


def test_severity_finds_the_strength_of_the_last():
    found = {**PRUNE, "method": "gaussian_noise"}
    arguments = series(NOISE, found, match_severity="l2=0.5")
    assert arguments.identity()["damage"]["severity"] == "l2=0.5"
    for entry in ({**found, "strength": 0.1}, {**found, "options": "std=0.1"}):
        with pytest.raises(UserError, match="finds the strength; leave out"):
            series(NOISE, entry, match_severity="l2=0.5")


def test_versions_and_donors_of_each_count(tiny_bert):
    donor = {"level": 0.5, "method": "donor", "donor": tiny_bert}
    names = {end(series(*entries)) for entries in ([NOISE, donor], [donor, NOISE])}
    assert len(names) == 2
    assert "donor" in series(NOISE, donor).identity()["sources"]


@pytest.mark.parametrize(
    "hit, total, place",
    [
        ([0, 1], 4, (0.5, "bottom")),
        ([2, 3], 4, (0.5, "top")),
        ([0, 3], 4, (0.5, "layers 0,3")),
        ([0, 1], 2, (1.0, "")),
        ([], 4, (0.0, "several damages")),
        (None, None, (0.0, "several damages")),
    ],
)
def test_the_place_is_that_of_all_layers_that_are_hit(hit, total, place):
    assert place_of({"corruptions": "[...]", "corrupt_level": None}, {"layers_hit": hit, "num_layers": total}) == place
