"""JSON as one document: a list of objects, such a list in a field, columns, or in truth JSON Lines."""

import json
import re

from .jsonlines import TOO_DEEP, TOO_LONG, lines_of
from .records import RecordError, decoder, write_records

CHUNK = 1 << 20  # characters


def read(source, write):
    """Reads a JSON file.

    A list of objects is streamed. An object is either a list in the field `ReadOptions.json_field` names, or columns:
    every field a list of one length. Objects that follow one another are JSON Lines under another name.

    Args:
        source: a `Source`.
        write: see the package.

    Raises:
        UserError: with the line, if it is none of these.
    """
    write_records(source, write, lambda: _records(source))


def lines_of_rows(source):
    """Yields the line in which each example begins."""
    return (line for line, _ in _records(source))


def _records(source):
    with source.text() as text:
        scanner = _Scanner(text)
        try:
            yield from _examples(source, scanner)
        except RecordError as error:
            raise source.error(str(error), scanner.line()) from error
        except json.JSONDecodeError as error:
            raise source.error(f"no valid JSON: {error.msg}", scanner.line(error.pos)) from error
        except RecursionError as error:
            raise source.error(TOO_DEEP, scanner.line()) from error


def _examples(source, scanner):
    first = scanner.peek()
    if not first:
        raise source.error("holds no examples (the file is empty)")
    if source.options.json_field:
        yield from _field(source, scanner, source.options.json_field)
    elif first == "[":
        yield from _list(scanner)
    elif first == "{":
        whole = scanner.value()
        if scanner.peek() == "{":
            yield from lines_of(source)
            return
        yield from _columns(source, whole)
    else:
        raise source.error("holds neither a list of examples nor an object", 1)
    if scanner.peek():
        raise source.error("more text follows after the list of examples", scanner.line())


def _list(scanner):
    """Yields (line, value) for the values of the list that begins here."""
    scanner.take("[")
    if scanner.peek() == "]":
        scanner.take("]")
        return
    while True:
        scanner.peek()
        line = scanner.line()
        yield line, scanner.value()
        if scanner.peek() == "]":
            scanner.take("]")
            return
        scanner.take(",")


def _field(source, scanner, wanted):
    """Yields the examples in one field of the object that begins here."""
    if scanner.peek() != "{":
        raise source.error(f"--json_field {wanted} names a field, but the file holds no object", 1)
    scanner.take("{")
    found = []
    while scanner.peek() != "}":
        name = scanner.value()
        scanner.take(":")
        if name in found:
            raise RecordError(f"the field '{name}' stands there twice")
        found.append(name)
        if name == wanted and scanner.peek() == "[":
            yield from _list(scanner)
        else:
            value = scanner.value()
            if name == wanted:
                yield from _columns(source, value, wanted)
        if scanner.peek() != "}":
            scanner.take(",")
    scanner.take("}")
    if wanted not in found:
        raise source.error(f"has no field '{wanted}' (found: {', '.join(map(str, found))}); see --json_field", 1)


def _columns(source, whole, field=None):
    """Yields the rows of an object of columns, which stands in a field or is the whole; its line counts as 1."""
    columns = whole if isinstance(whole, dict) else {}
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    of_objects = [name for name, values in lists.items() if values and all(isinstance(row, dict) for row in values)]
    if of_objects and field:
        raise source.error(
            f"the examples are inside the field '{field}', in its field '{of_objects[0]}'; write that list to a file", 1
        )
    if of_objects and of_objects == list(lists):
        raise source.error(f"the examples are in the field '{of_objects[0]}'; give --json_field {of_objects[0]}", 1)
    if columns and all(isinstance(values, dict) for values in columns.values()):
        raise source.error("holds an object of objects, as pandas writes it; write it with orient='records'", 1)
    if not columns or len(lists) < len(columns):
        raise source.error(
            f"holds an object (fields: {', '.join(columns) or 'none'}), but neither a list of examples nor columns; "
            "give the field that holds the list with --json_field",
            1,
        )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise source.error(f"the columns differ in length ({listed})", 1)
    for values in zip(*columns.values(), strict=True):
        yield 1, dict(zip(columns, values, strict=True))


class _Scanner:
    """Reads JSON values one after another from a text, holding little more than one in memory."""

    def __init__(self, text):
        self.text, self.decoder = text, decoder()
        self.buffer, self.at = "", 0
        self.lines = self.counted = 0  # line ends before the position `counted` of the buffer
        self.space = re.compile(r"[ \t\r\n]*")

    def line(self, at=None):
        """The line (counted from 1) of a position in the buffer, by default of what comes next."""
        self.lines += self.buffer.count("\n", self.counted, self.at)
        self.counted = self.at
        return 1 + self.lines + self.buffer.count("\n", self.at, self.at if at is None else at)

    def peek(self):
        """The next character that is no white space, or an empty string at the end."""
        while True:
            self.at = self.space.match(self.buffer, self.at).end()
            if self.at < len(self.buffer) or not self._more():
                return self.buffer[self.at : self.at + 1]

    def take(self, wanted):
        if self.peek() != wanted:
            raise json.JSONDecodeError(f"expecting '{wanted}'", self.buffer, self.at)
        self.at += 1

    def value(self):
        """The value that begins here."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            except ValueError as error:  # Python's limit
                raise RecordError(TOO_LONG) from error
            # A number at the end of the buffer may go on.
            if end < len(self.buffer) or not self._more():
                self.at = end
                return value

    def _more(self):
        """Reads on, twice as far as what is not used yet; False at the end of the file."""
        rest = self.buffer[self.at :]
        found = self.text.read(max(CHUNK, len(rest)))
        if found:
            self.line()
            self.buffer, self.at, self.counted = rest + found, 0, 0
        return bool(found)
