"""How SQuAD compares answers (Rajpurkar et al. 2016, section 6.1; for questions without an answer 2018, section 5)."""

import collections
import re
import string

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)  # of ASCII, as the official script has it


def normalised(answer):
    """An answer in small letters, without punctuation, articles and white space that does not part words."""
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def scores(answer, right):
    """F1 of the words and exact match, the best of all right answers.

    Args:
        answer: str; "" says that there is none.
        right: list of str; empty where there is none.

    Returns:
        tuple: (F1, 1.0 or 0.0).
    """
    right = [one for one in right if normalised(one)] or [""]
    return max(_f1(answer, one) for one in right), max(float(normalised(answer) == normalised(one)) for one in right)


def _f1(answer, right):
    found, wanted = normalised(answer).split(), normalised(right).split()
    if not found or not wanted:
        return float(found == wanted)
    both = (collections.Counter(found) & collections.Counter(wanted)).total()
    return 2 * both / (len(found) + len(wanted))
