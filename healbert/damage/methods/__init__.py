"""The methods of damage: a file for each family, an entry for each method."""

from ...utils.registry import table
from . import random_init  # noqa: F401 - each registers its methods, the paper's first

# isort: split
from . import bits, compress, drop, noise, order, other_model, prune, rearrange, structure  # noqa: F401
from .base import Method

METHODS = table("method", Method)
