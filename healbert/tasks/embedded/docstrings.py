"""`docstrings`, a classification: which library is the first paragraph of a docstring from?"""

import collections

from .folder import EmbeddedTask
from .libraries import LIBRARIES, docstrings_of, draw, folded

TRAIN_PER_CLASS, VALIDATION_PER_CLASS = 160, 100
SHORTEST, LONGEST = 40, 100  # characters


def first_paragraphs(name):
    """The first paragraphs of a library's docstrings, white space folded, that are neither short nor long.

    Args:
        name: import name of the library.

    Yields:
        tuple: (module, text), the module a tuple of names; in file order.
    """
    for module, docstring in docstrings_of(name):
        text = folded(docstring.split("\n\n")[0])
        if SHORTEST <= len(text) <= LONGEST:
            yield module, text


def splits_of(texts_by_library):
    """The splits of texts that one library alone has.

    Args:
        texts_by_library: dict from library name to a list of texts.

    Returns:
        dict: "train" and "validation", each a list of (text, class index).
    """
    owners = collections.Counter(text for texts in texts_by_library.values() for text in set(texts))
    # Sorted: the order of a set of texts is another one in every process.
    own = {
        name: [(text, index) for text in sorted(set(texts)) if owners[text] == 1]
        for index, (name, texts) in enumerate(sorted(texts_by_library.items()))
    }
    return draw(own, TRAIN_PER_CLASS, VALIDATION_PER_CLASS, "docstrings")


def _splits():
    return splits_of({name: [text for _, text in first_paragraphs(name)] for name in LIBRARIES})


def _features():
    from datasets import ClassLabel, Features, Value

    return Features({"text": Value("string"), "label": ClassLabel(names=list(LIBRARIES))})


TASK = EmbeddedTask((1, TRAIN_PER_CLASS, VALIDATION_PER_CLASS, SHORTEST, LONGEST), _splits, _features)
