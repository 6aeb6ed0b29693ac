"""The prose of a docstring: what stands before its sections, examples and lists of parameters."""

import re

from .libraries import folded

UNDERLINE = re.compile(r"[-=~]{3,}")  # of a section's title, as numpydoc has it
NO_PROSE = (">>>", "..", ":", "*", "-", "|")  # how an example, a directive, a field, a list and a table begin
WORDY = re.compile(r"[A-Z][^{}\\`]*[.:]", re.DOTALL)  # sentences, without markup and formulas


def paragraphs(docstring):
    """The paragraphs of a docstring up to the first that is no prose, white space folded: a list of str."""
    found = []
    for paragraph in re.split(r"\n\s*\n", docstring):
        lines = paragraph.strip().splitlines()
        titled = len(lines) > 1 and UNDERLINE.fullmatch(lines[1].strip())
        if not lines or titled or lines[0].startswith(NO_PROSE) or not WORDY.fullmatch(paragraph.strip()):
            break
        found.append(folded(paragraph))
    return found
