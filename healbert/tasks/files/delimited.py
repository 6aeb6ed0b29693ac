"""csv and tsv: one strict pass over the file, in batches; everything is text as written.

Quoting is that of RFC 4180. Python's ``csv.reader(strict=True)`` raises where other parsers guess, and so join rows
or drop characters. What it cannot see, a stray quote that happens to close at the end of a later field, is found by
looking at the lines once more.
"""

import contextlib
import csv
import itertools
import sys

from .batching import record_batches
from .headers import check_header, explain_width
from .quotes import swallowed_rows

DELIMITERS = {"csv": ",", "tsv": "\t"}

RETURN = "new-line character"  # in what the csv module says of one outside quotes

OF_RETURNS = "put the text in double quotes, or take the carriage return away"
REMEDY = "write quotes inside a quoted field twice, or give --quoting none if quotes are characters like any other"


class _MisquotedError(Exception):
    """The file breaks the rules of quoting; ``args`` are what is wrong and, if known, the line."""


def read(source, write):
    """Reads csv or tsv.

    A tsv that breaks the rules of quoting, as GLUE's do, is read with every quote as a character like any other.
    A csv is refused: its commas may stand inside texts, and nothing but quotes tells where such a text ends.

    Args:
        source: a `Source`; its ``quoting`` is set to the one in force.
        write: see the package.

    Raises:
        UserError: with the line that cannot be read exactly.
    """
    quoting = source.options.quoting or "minimal"
    with _fields_of_any_length():
        try:
            _read(source, write, quoting)
        except _MisquotedError as found:
            if source.options.quoting or source.kind.name != "tsv" or _is_return_among_quotes(source, found):
                raise _misquoted(source, found) from found
            _read(source, write, "none")


def _is_return_among_quotes(source, found):
    """Whether a carriage return, not a quote, broke the rules, in a file whose quotes may well mean something."""
    return RETURN in str(found) and source.holds(b'"')


def delimiter_of(source):
    """The character between the fields."""
    return source.options.delimiter or DELIMITERS[source.kind.name]


@contextlib.contextmanager
def _fields_of_any_length():
    limit = csv.field_size_limit(sys.maxsize)  # else 131,072 characters
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _read(source, write, quoting):
    import pyarrow

    source.quoting = quoting
    with _rows(source) as (rows, last):
        names = check_header(source, _first(source, rows), delimiter_of(source))
        seen, header_end = 0, last()
        schema = pyarrow.schema([(name, pyarrow.string()) for name in names])

        def convert(some):
            nonlocal seen
            seen += len(some)
            full = _full_rows(source, some, names)
            columns = zip(*full, strict=True) if full else [()] * len(names)
            return pyarrow.record_batch([pyarrow.array(column, pyarrow.string()) for column in columns], schema)

        write(schema, record_batches(rows, convert))
        spans_lines = last() > header_end + seen
    _refuse_mixed_line_ends(source)
    if spans_lines and source.options.quoting is None:
        _refuse_two_readings(source, len(names))


def _full_rows(source, rows, names):
    """The rows without empty lines, which are none; every row has a field for every column."""
    widths = set(map(len, rows))
    if widths == {len(names)}:
        return rows
    if not widths <= {0, len(names)}:
        raise _ragged(source, names)
    if len(names) == 1:
        raise _empty_line(source)
    return [row for row in rows if row]


@contextlib.contextmanager
def _rows(source):
    """Yields an iterator of rows (lists of texts) from the file's beginning, and a function: the last line read."""
    with source.text(_line_end(source)) as text, _misquoting():
        if source.quoting == "minimal":
            rows = _reader(source, text)
            yield rows, lambda: rows.line_num
        else:
            lines = _Watched(text)
            yield _reader(source, lines), lambda: lines.count


def _reader(source, lines):
    if source.quoting == "minimal":
        return csv.reader(lines, delimiter=delimiter_of(source), strict=True)
    return _split(lines, delimiter_of(source))


@contextlib.contextmanager
def _misquoting():
    try:
        yield
    except csv.Error as error:
        raise _MisquotedError(str(error)) from error


def _line_end(source):
    """Where lines end: at the line feed (a carriage return before it belongs to the end), in old files at the return.

    A carriage return elsewhere is no end of a line: inside quotes it is text, outside it makes the reader stop.
    """
    with source.text("") as text:
        return "\r" if text.readline().endswith("\r") else "\n"


class _Watched:
    """The lines of a text: how many there were, and the last."""

    def __init__(self, text):
        self.text, self.count, self.last = text, 0, ""

    def __iter__(self):
        for line in self.text:
            self.count, self.last = self.count + 1, line
            yield line


def _split(lines, delimiter):
    for line in lines:
        line = line.removesuffix("\n").removesuffix("\r")
        yield line.split(delimiter) if line else []


def _first(source, rows):
    for row in rows:
        if row:
            return row
    raise source.error("holds no examples (the file is empty)")


def _numbered(source):
    """Yields (first line, last line, row) from the file's beginning: slow, for messages."""
    with _rows(source) as (rows, last):
        first = 1
        for row in rows:
            yield first, last(), row
            first = last() + 1


def _ragged(source, names):
    """The error for a row whose number of fields is not the header's."""
    what, line = explain_width(_below_header(source), names, delimiter_of(source))
    if source.quoting == "minimal" and _lines_have(source, len(names)):
        return _MisquotedError(f"with quotes it has {what.partition(';')[0]}, but without them every line fits", line)
    return source.error(what, line)


def _empty_line(source):
    numbered = ((first, row) for first, _, row in _numbered(source))
    line = next(line for line, row in itertools.dropwhile(lambda item: not item[1], numbered) if not row)
    return source.error('an empty line; with one column it may stand for an empty text: write "", or delete it', line)


def lines_of_rows(source):
    """Yields the line in which each row below the header begins."""
    with _fields_of_any_length():
        filled = (first for first, _, row in _numbered(source) if row)
        next(filled)
        yield from filled


def _below_header(source):
    numbered = ((first, row) for first, _, row in _numbered(source) if row)
    next(numbered)
    with contextlib.suppress(_MisquotedError):  # further down; the rows before it tell enough
        yield from numbered


def _misquoted(source, found):
    """The `UserError` that names the line in which the row that cannot be read begins."""
    reason, *line = found.args
    if line:
        return source.error(f"{reason}; {REMEDY}", *line)
    begin = 1
    with contextlib.suppress(_MisquotedError):
        for _, last, _ in _numbered(source):
            begin = last + 1
    remedy = OF_RETURNS if RETURN in reason else REMEDY
    return source.error(f"{_reason(source, begin, reason)}; {remedy}", begin)


def _reason(source, begin, found):
    if "end of data" in found:
        return "a quote opens a field here and never closes"
    if RETURN in found:
        return "a carriage return stands in a field without quotes"
    with source.text(_line_end(source)) as text:
        line = next(line for number, line in enumerate(text, 1) if number == begin)
    backslash = ' (\\" does not stand for a quote here)' if '\\"' in line else ""
    return f"a quote opens a field here, and more text follows after the quote that closes it{backslash}"


def _refuse_mixed_line_ends(source):
    """Refuses a file whose rows end in two ways, since one may be the last character of a text.

    Writers that end lines with a line feed leave a carriage return at the end of a text without quotes.
    """
    with source.text("") as text:
        first = text.readline()
    other = b"\n" if first.endswith("\r") else b"\r"
    if first.endswith("\r\n") or not source.holds(other):
        return
    with source.text(_line_end(source)) as text:
        lines = _Watched(text)
        for _ in _reader(source, lines):
            if lines.last.endswith(("\r\n", "\n\r")):
                what = "the line ends with a carriage return and a line feed, others with one of them"
                raise source.error(
                    f"{what}; write all line ends alike, and texts that end with one in quotes", lines.count
                )


def _refuse_two_readings(source, width):
    """Refuses a file whose quoted texts hold what looks like rows, where every line by itself fits the header, too."""
    if not _lines_have(source, width):
        return
    found = swallowed_rows(_numbered(source), delimiter_of(source))
    if found:
        first, last = found
        raise source.error(
            f"a field in quotes runs on to line {last}, but every line by itself has {width} fields, too; "
            "give --quoting minimal if the field is one text, --quoting none if quotes are characters like any other",
            first,
        )


def _lines_have(source, width):
    delimiter = delimiter_of(source)
    with source.text(_line_end(source)) as text:
        return all(line.count(delimiter) == width - 1 for line in text if line.strip("\r\n"))
