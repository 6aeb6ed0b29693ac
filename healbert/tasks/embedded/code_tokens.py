"""`code_tokens`, a token classification: what kind of Python's tokens is each word of a line of code?"""

import io
import keyword
import random
import re
import tokenize

from .folder import EmbeddedTask
from .libraries import LIBRARIES, draw, only_once, source_files

TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY = 100, 40
FILES = 40  # of each library, of which lines are drawn: reading all would take a minute
FEWEST, MOST = 5, 40  # words of a line
KINDS = {tokenize.NAME: "name", tokenize.NUMBER: "number", tokenize.OP: "operator", tokenize.STRING: "string"}
LAYOUT = (tokenize.ENCODING, tokenize.INDENT, tokenize.DEDENT)
F_STRING = re.compile("[a-z]*f[a-z]*[\"']", re.IGNORECASE)


def tagged_lines(source):
    """The lines of a source file that hold one statement each, as words and their tags.

    A word is a token, or a part of a string or comment that stands between spaces. Its tag says the kind of its token
    by Python's own reading (BIO: a string of several words is one entity); words of comments are outside.

    Args:
        source: bytes.

    Returns:
        list of (words, tags), without lines that go over several, are a string alone, or hold an f-string, which other
        versions of Python read otherwise.
    """
    found, line = [], []
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.NEWLINE:
            found += [_tagged(line)] if _is_usable(line) else []
            line = []
        elif token.type == tokenize.NL:  # after a comment on a line of its own, or within brackets
            line = [one for one in line if one.type != tokenize.COMMENT]
        elif token.type not in LAYOUT:
            line.append(token)
    return [(words, tags) for words, tags in found if FEWEST <= len(words) <= MOST]


def _is_usable(line):
    return (
        line[0].start[0] == line[-1].end[0]
        and line[0].type != tokenize.STRING  # a docstring, most often
        and all(token.type in (*KINDS, tokenize.COMMENT) and not F_STRING.match(token.string) for token in line)
    )


def _tagged(line):
    words, tags = [], []
    for token in line:
        parts = token.string.split()
        kind = "keyword" if keyword.iskeyword(token.string) else KINDS.get(token.type)
        words += parts
        tags += [f"B-{kind}", *[f"I-{kind}"] * (len(parts) - 1)] if kind else ["O"] * len(parts)
    return tuple(words), tuple(tags)


def lines_of(name):
    """The tagged lines of some files of a library."""
    paths = [path for path, _ in source_files(name)]
    random.Random(0).shuffle(paths)
    return [line for path in paths[:FILES] for line in tagged_lines(path.read_bytes())]


def _splits():
    """Lines drawn from those of which no words are twice, in one library or in two."""
    rows = only_once({name: lines_of(name) for name in LIBRARIES})
    return draw(rows, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, "lines of code")


def _features():
    from datasets import Features, List, Value

    return Features({"tokens": List(Value("string")), "tags": List(Value("string"))})


TASK = EmbeddedTask((1, TRAIN_PER_LIBRARY, VALIDATION_PER_LIBRARY, FILES, FEWEST, MOST), _splits, _features)
