"""Rows that cannot be used, named as an editor counts them."""

from ..utils.errors import UserError
from .files.store import find_lines

SHOWN = 5


class BadRowsError(UserError):
    """Rows of a split that cannot be used.

    Args:
        what: what is wrong with them.
        split: what messages call the split.
        rows: their positions in it, ascending, counted from 0; those of the first few will do.
        remedy: what to do about it.
    """

    def __init__(self, what, split, rows, remedy):
        super().__init__(f"{what} ({_listed('row', [int(row) + 1 for row in rows])}); {remedy}")
        self.what, self.split, self.rows, self.remedy = what, split, rows, remedy

    def located(self, files):
        """The `UserError` that names lines of the files which the split was read from.

        Args:
            files: list of `FileRead`, whose rows follow one another; empty or None if they are not known.
        """
        before = 0
        for file in files or ():
            rows = [int(row) - before for row in self.rows if before <= row < before + file.rows]
            if rows:
                rows = rows[: SHOWN + 1]
                lines = find_lines(file, rows)
                where = _listed("line", lines) if lines else _listed("row", [row + 1 for row in rows])
                return UserError(f"{self.what} ({file.path}, {where}); {self.remedy}")
            before += file.rows
        return self


def are_lists(values):
    """Whether a column's values are lists, those apart that are missing; they are all of one type."""
    return isinstance(next((value for value in values if value is not None), []), list)


def counted(count, noun, one, many):
    """ "1 text ... is" or "3 texts ... are": the noun with its number, and the verb form that goes with it."""
    return (f"1 {noun}", one) if count == 1 else (f"{count} {noun}s", many)


def _listed(word, numbers):
    shown = ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")
    return f"{word}{'s' if len(numbers) > 1 else ''} {shown}"
