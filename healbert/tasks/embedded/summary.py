"""`docstring_summary`, a summarization: what a docstring says at length -> its first line."""

from .folder import EmbeddedTask
from .libraries import LIBRARIES, docstrings_of, draw, only_once
from .prose import paragraphs

TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY = 96, 32
SHORTEST, LONGEST = 100, 500  # characters of what is to be summed up
SHORTEST_SUMMARY, LONGEST_SUMMARY = 20, 100


def summaries_of(name):
    """The prose of a library's docstrings after their first paragraphs, and these, where both are of such lengths.

    Args:
        name: import name of the library.

    Returns:
        list of (text, summary), in file order.
    """
    found = []
    for _, docstring in docstrings_of(name):
        summary, *rest = paragraphs(docstring) or [""]
        text = " ".join(rest)
        if SHORTEST <= len(text) <= LONGEST and SHORTEST_SUMMARY <= len(summary) <= LONGEST_SUMMARY:
            found.append((text, summary))
    return found


def _splits():
    rows = only_once({name: summaries_of(name) for name in LIBRARIES}, texts=2)
    return draw(rows, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, "docstrings of several paragraphs")


def _features():
    from datasets import Features, Value

    return Features({"text": Value("string"), "summary": Value("string")})


TASK = EmbeddedTask(
    (1, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, SHORTEST, LONGEST, SHORTEST_SUMMARY, LONGEST_SUMMARY),
    _splits,
    _features,
)
