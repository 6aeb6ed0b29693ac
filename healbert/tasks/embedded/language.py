"""`docstring_lm`, text alone: what docstrings say in prose, for language models."""

from .folder import EmbeddedTask
from .libraries import LIBRARIES, docstrings_of, draw, only_once
from .prose import paragraphs

TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY = 96, 32
SHORTEST, LONGEST = 100, 400  # characters


def prose_of(name):
    """The prose of a library's docstrings, each as one text, that is neither short nor long: a list of (text,)."""
    texts = [" ".join(paragraphs(docstring)) for _, docstring in docstrings_of(name)]
    return [(text,) for text in texts if SHORTEST <= len(text) <= LONGEST]


def _splits():
    rows = only_once({name: prose_of(name) for name in LIBRARIES})
    return draw(rows, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, "docstrings of prose")


def _features():
    from datasets import Features, Value

    return Features({"text": Value("string")})


TASK = EmbeddedTask((1, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, SHORTEST, LONGEST), _splits, _features)
