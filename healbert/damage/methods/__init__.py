"""The methods of damage: a file for each family, an entry for each method."""

from ...utils.registry import table
from . import random_init  # noqa: F401 - registers its methods
from .base import Method

METHODS = table("method", Method)
