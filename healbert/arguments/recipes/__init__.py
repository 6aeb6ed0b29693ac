"""Recipes: named settings to begin from. Each is a YAML file of this folder, named as ``--recipe`` is given it."""

import pathlib

import yaml

from ...utils.errors import check_choice

FOLDER = pathlib.Path(__file__).parent


def recipe_names():
    """The names of all recipes, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_recipe(name):
    """The settings of a recipe: a dict from flag names to values.

    Raises:
        UserError: if there is no such recipe, with the nearest one.
    """
    check_choice("recipe", name, recipe_names())
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
