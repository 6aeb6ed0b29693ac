"""ROUGE of a summary against the right one, by the library rouge-score."""

import functools
import re

KINDS = ("rougeLsum", "rouge1", "rouge2")
SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+")


def scores(said, right):
    """How good a summary is, and how long.

    Words are what rouge-score takes for them: letters a to z and digits, stemmed by Porter's rules. ROUGE-Lsum
    compares sentences, which end at a new line, or after a full stop, an exclamation or question mark.

    Args:
        said, right: str.

    Returns:
        tuple: F1 of ROUGE-Lsum, ROUGE-1 and ROUGE-2 (Lin 2004), and how many words ``said`` has, between white space.
    """
    found = _scorer().score(_by_sentence(right), _by_sentence(said))
    return *(found[kind].fmeasure for kind in KINDS), len(said.split())


def _by_sentence(text):
    return SENTENCE_ENDS.sub("\n", text.strip())


@functools.cache
def _scorer():
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(KINDS, use_stemmer=True)
