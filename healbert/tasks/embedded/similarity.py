"""`docstring_similarity`, pairs of texts: how near to each other are the modules that two docstrings are from?"""

from ...utils.errors import UserError
from .docstrings import LONGEST, SHORTEST, first_paragraphs
from .folder import EmbeddedTask
from .libraries import LIBRARIES, draw, only_once

TEXTS_PER_LIBRARY = 500
TRAIN, VALIDATION = 960, 300  # pairs


def nearness(first, second):
    """How much of their paths two modules share: from 0 (other libraries) to 1 (one module).

    Twice the number of names that both begin with, over the names of both: Dice's coefficient of the paths.

    Args:
        first, second: modules as tuples of names, such as ("scipy", "stats", "_qmc").
    """
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    return 2 * shared / (len(first) + len(second))


KINDS = (
    lambda first, second: first == second,
    lambda first, second: first != second and first[0] == second[0],
    lambda first, second: first[0] != second[0],
)  # what two modules have in common: all, the library, nothing; pairs are of each in turn


def pairs_of(rows, size):
    """Pairs of rows, no row in two of them.

    Args:
        rows: list of (text, module), in the order in which they are taken.
        size: how many pairs.

    Returns:
        list of (text, text, nearness).

    Raises:
        UserError: if there are too few rows.
    """
    left, found = list(rows), []
    while len(found) < size and left:
        (text, module), kind = left.pop(), KINDS[len(found) % len(KINDS)]
        place = next((i for i in reversed(range(len(left))) if kind(module, left[i][1])), None)
        if place is not None:
            other, its_module = left.pop(place)
            found.append((text, other, nearness(module, its_module)))
    if len(found) < size:
        raise UserError(f"the libraries hold only {len(found)} pairs of docstrings; reinstall them with their sources")
    return found


def _splits():
    rows = only_once({name: [(text, module) for module, text in first_paragraphs(name)] for name in LIBRARIES})
    chosen = draw(rows, TEXTS_PER_LIBRARY, 0, "docstrings")["train"]
    pairs = pairs_of(chosen, TRAIN + VALIDATION)
    return {"train": pairs[:TRAIN], "validation": pairs[TRAIN:]}


def _features():
    from datasets import Features, Value

    return Features({"text": Value("string"), "other": Value("string"), "nearness": Value("float64")})


TASK = EmbeddedTask((1, TEXTS_PER_LIBRARY, TRAIN, VALIDATION, SHORTEST, LONGEST), _splits, _features)
