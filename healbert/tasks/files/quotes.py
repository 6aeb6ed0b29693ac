"""Two stray quotes that make one field of the rows between them, and how they are told from a text of several lines."""

import collections
import re

LINE_END = re.compile(r"\r\n|\r|\n")

MOST_VALUES = 1000  # a column with more different values says nothing


def swallowed_rows(rows, delimiter):
    """The first row whose quoted text of several lines holds, it seems, other rows.

    It is asked only of files in which every line by itself has as many fields as the header. There, a text of several
    lines is taken for rows if one of the fields that its lines would have is a value of that same column elsewhere:
    the labels of the rows that it swallowed.

    Args:
        rows: iterable of (first line, last line, fields).
        delimiter: the character between fields.

    Returns:
        tuple: the first and last line of that row; None if there is none.
    """
    seen, claimed = collections.defaultdict(set), {}
    for first, last, row in rows:
        for column, field in enumerate(row):
            if field and "\n" not in field and "\r" not in field and len(seen[column]) <= MOST_VALUES:
                seen[column].add(field)
        if last > first:
            for claim in _claims(row, delimiter):
                claimed.setdefault(claim, (first, last))
    found = [
        lines
        for (column, value), lines in claimed.items()
        if value in seen[column] and len(seen[column]) <= MOST_VALUES
    ]
    return min(found, default=None)


def _claims(row, delimiter):
    """Yields (column, value) of the fields that the lines of quoted texts would have without the quotes."""
    for column, field in enumerate(row):
        lines = LINE_END.split(field)
        if len(lines) < 2:
            continue
        yield from enumerate(lines[0].split(delimiter)[1:], column + 1)
        for line in lines[1:-1]:
            yield from enumerate(line.split(delimiter))
        yield from enumerate(lines[-1].split(delimiter)[:-1])
