"""Plugins: imported before parsing, part of the run, one clear line when they cannot be imported."""

import json
import shutil

import pytest
import yaml
from helpers.arguments import parse, parse_file, run
from helpers.small import run_script

from healbert.arguments.plugins import load_plugins, plugins_in
from healbert.utils.errors import UserError

REGION = """
import healbert


@healbert.register("region", "{name}")
def {name}(stack, spec):
    return [{layer}]
"""


@pytest.fixture
def plugin(tmp_path):
    """Writes a plugin that registers a region; returns its path."""

    def write(name, layer=1, folder="."):
        path = tmp_path / folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(REGION.format(name=name, layer=layer))
        return str(path)

    return write


def test_what_a_plugin_registers_is_a_choice(plugin):
    arguments = parse("--plugin", plugin("second"), "--corrupt_level", "0.5", "--corrupt_region", "second")
    assert arguments.corruption.corrupt_region == "second"
    assert list(arguments.plugins) == ["second.py"]


def test_a_file_and_the_command_line_add_up(plugin, write):
    one, two, three = plugin("one"), plugin("two"), plugin("three")
    arguments = parse_file(write({"plugin": [one, two]}), "--plugin", three, one, "--corrupt_region", "two")
    assert arguments.run.plugin == [one, two, three] and set(arguments.plugins) == {"one.py", "two.py", "three.py"}
    assert parse_file(write({"plugin": one})).run.plugin == [one]


def test_plugins_of_python_calls_and_of_repeated_flags(plugin):
    one, two = plugin("three1"), plugin("three2")
    assert run(plugin=[one, two]).run.plugin == [one, two]
    assert plugins_in(["--plugin", one, "--seed", "1", "--plugin", two, one]) == [one, two]


def test_relative_paths_start_from_the_working_directory(plugin, tmp_path, monkeypatch):
    plugin("here")
    monkeypatch.chdir(tmp_path)
    assert run(plugin="here.py", corrupt_region="here").plugins == load_plugins([str(tmp_path / "here.py")])


def test_content_counts_and_place_does_not(plugin, tmp_path):
    path = plugin("content")
    plain, before = run(), run(plugin=path)
    assert plain.identity() != before.identity()
    moved = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-moved")
    assert load_plugins([path]) == before.plugins
    with open(path, "a") as file:
        file.write("# changed\n")
    assert run(plugin=path).identity() != before.identity()
    shutil.rmtree(moved)


def test_a_changed_plugin_is_imported_again(plugin):
    from healbert.damage.regions import REGIONS

    path = plugin("again", layer=1)
    load_plugins([path])
    assert REGIONS["again"](None, None) == [1]
    load_plugins([plugin("again", layer=2)])
    assert REGIONS["again"](None, None) == [2]


def test_two_plugins_cannot_take_one_name(plugin, tmp_path):
    load_plugins([plugin("taken")])
    with pytest.raises(UserError, match=r"taken.py cannot be imported: region 'taken' is there already; .*line 5"):
        load_plugins([plugin("taken", folder="other")])


def test_a_package_counts_with_all_its_files(tmp_path):
    package = tmp_path / "packed"
    package.mkdir()
    (package / "__init__.py").write_text("from . import inner\n")
    (package / "inner.py").write_text(REGION.format(name="packed", layer=0))
    before = load_plugins([str(package)])
    assert run(plugin=str(package), corrupt_region="packed").plugins == before
    (package / "inner.py").write_text(REGION.format(name="packed", layer=3))
    assert load_plugins([str(package)]) != before


def test_modules_by_name(plugin, tmp_path, monkeypatch):
    plugin("by_name")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(run(plugin="by_name", corrupt_region="by_name").plugins) == ["by_name"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("def broken(:\n", r"broken.py cannot be imported: SyntaxError: .* \(broken.py, line 1\)"),
        ("x = 1\nraise KeyError('what')\n", r"broken.py cannot be imported: KeyError: 'what' \(broken.py, line 2\)"),
        ("\n\nimport no_such_thing\n", r"ModuleNotFoundError: No module named 'no_such_thing' \(broken.py, line 3\)"),
        ("import sys\nsys.exit(3)\n", r"broken.py cannot be imported: SystemExit: 3 \(broken.py, line 2\)"),
        ("import healbert\nhealbert.register('regoin', 'x')\n", r"kind 'regoin' is not known; did you mean 'region'\?"),
    ],
    ids=["syntax", "exception", "missing module", "exit", "kind"],
)
def test_a_plugin_that_cannot_be_imported(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        run(plugin=str(path))


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere.py", "plugin nowhere.py does not exist"),
        ("no_such_module", r"plugin no_such_module is no module of Python here; .* no_such_module.py"),
        ("no_such.module", "plugin no_such.module cannot be imported: ModuleNotFoundError"),
        ("tests/", "plugin tests/"),
    ],
)
def test_a_plugin_that_is_not_there(name, message):
    with pytest.raises(UserError, match=message):
        run(plugin=name)


def test_one_error_line_on_the_command_line(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    done = run_script("--plugin", tmp_path / "bad.py")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "bad.py cannot be imported: ZeroDivisionError: division by zero (bad.py, line 1)" in done.stderr


def test_settings_with_plugins_are_plain(plugin):
    settings = run(plugin=plugin("plain")).settings()
    assert yaml.safe_load(yaml.safe_dump(settings)) == settings == json.loads(json.dumps(settings))
