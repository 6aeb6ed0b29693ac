"""Recipes: settings to begin from, on the command line, in files, in sweeps and in Python."""

import pytest
import yaml
from helpers.arguments import parse, parse_file, run

from healbert import UserError, make_arguments
from healbert.arguments.parser import known_flags, parse_arguments
from healbert.arguments.recipes import read_recipe, recipe_names
from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep

NAMES = recipe_names()


def test_the_recipes_that_are_documented_are_there():
    assert {"fast", "lora", "no_labels", "paper"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_what_its_settings_are(name):
    settings = read_recipe(name)
    assert settings and settings.keys() <= known_flags().keys()
    asked, written = run(recipe=name), run(**settings)
    assert asked.settings() == written.settings()
    assert asked.name() == written.name() and asked.identity() == written.identity()
    assert "recipe" not in asked.settings()


@pytest.mark.parametrize("name", NAMES)
def test_print_config_shows_what_can_be_given_back(name, capsys, tmp_path):
    from healbert.arguments.parser import print_settings

    print_settings(parse("--recipe", name))
    (tmp_path / "shown.yaml").write_text(capsys.readouterr().out)
    assert parse_file(tmp_path / "shown.yaml").settings() == parse("--recipe", name).settings()


def test_the_paper_is_trained_as_in_its_configs():
    from helpers.small import ROOT

    sweep = yaml.safe_load((ROOT / "configs/paper/bert-base.yaml").read_text())
    base = sweep["base"]
    assert base.pop("corrupt_seed") == "same_as_seed"
    base.pop("model_name_or_path")
    recipe = read_recipe("paper")
    assert base.items() <= recipe.items() and recipe["selection"] in sweep["grid"]["selection"]
    embedded = run(recipe="paper")  # a task with defaults of its own
    assert (embedded.training.num_train_epochs, embedded.training.learning_rate) == (10, 2e-5)


def test_flags_and_files_override_a_recipe(write):
    assert parse("--recipe", "fast").training.num_train_epochs == 3
    assert parse("--num_train_epochs", "7", "--recipe=fast").training.num_train_epochs == 7
    file = write("recipe: fast\nnum_train_epochs: 5\nmax_train_samples: null\n")
    assert parse_file(file).training.num_train_epochs == 5
    assert parse_file(file).data.max_train_samples is None, "null in a file unsets what the recipe sets"
    assert parse_file(file).data.max_eval_samples == read_recipe("fast")["max_eval_samples"]
    assert parse_file(file, "--num_train_epochs", 6).training.num_train_epochs == 6
    assert parse_file(file, "--recipe", "paper").training.learning_rate == 2e-5, "the command line's recipe counts"
    assert make_arguments(recipe="fast", num_train_epochs=9, use_cpu=True).training.num_train_epochs == 9
    assert parse("--recipe", "lora", "--healing", "damaged_only").run.healing == "damaged_only"


def test_options_of_a_recipe_go_with_what_they_are_options_of(write):
    options = read_recipe("no_labels")["healing_options"]
    assert parse("--recipe", "no_labels").run.healing_options == options
    assert parse("--recipe", "no_labels", "--healing", "distill").run.healing_options == options
    assert parse("--recipe", "no_labels", "--healing=full").run.healing_options is None
    assert parse("--recipe", "no_labels", "--healing_options", "weight=0.9").run.healing_options == "weight=0.9"
    assert parse_file(write("recipe: no_labels\nhealing: bias_only\n")).run.healing_options is None
    assert run(recipe="no_labels", healing="full").run.healing_options is None


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--recipe", "papr"], r"recipe 'papr' is not known; did you mean 'paper'\? \(known: "),
        (["--recipe", ""], r"recipe '' is not known"),
        (["--recipe", "../paper"], r"recipe '../paper' is not known"),
        (["--recipe"], r"--recipe: expected one argument"),
        (["--recipe", "--seed", "1"], r"--recipe: expected one argument"),
    ],
)
def test_what_is_no_recipe_is_refused(argv, message):
    with pytest.raises(UserError, match=message):
        parse_arguments(argv)


def test_a_file_with_a_recipe_of_another_kind_is_refused(write):
    with pytest.raises(UserError, match="recipe '3' is not known"):
        parse_file(write("recipe: 3\n"))


def plan(tmp_path, **sections):
    return make_plan(read_sweep(sections), tmp_path / "runs").runs


def test_a_sweep_begins_from_a_recipe(tmp_path):
    base = {"recipe": "fast", "use_cpu": True, "num_train_epochs": 2}
    runs = plan(tmp_path, base=base, grid={"corrupt_level": [0, 0.5]})
    assert [run.arguments.training.num_train_epochs for run in runs] == [2, 2]
    assert {run.arguments.training.learning_rate for run in runs} == {5e-5}
    named = {run.name for run in runs}
    plain = read_recipe("fast") | {"num_train_epochs": 2, "use_cpu": True}
    assert named == {run.name for run in plan(tmp_path, base=plain, grid={"corrupt_level": [0, 0.5]})}


def test_a_sweep_varies_recipes_and_leaves_some_out(tmp_path):
    grid = {"recipe": ["paper", "fast"], "corrupt_level": [0, 0.5]}
    runs = plan(tmp_path, base={"use_cpu": True}, grid=grid, exclude=[{"recipe": "fast", "corrupt_level": 0}])
    assert sorted(run.arguments.training.num_train_epochs for run in runs) == [3, 10, 10]
