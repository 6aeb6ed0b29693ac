"""JSON Lines: one object in each line."""

import json

from .records import RecordError, decoder, write_records

TOO_DEEP = "no JSON that can be read: it is nested too deep"
TOO_LONG = "a whole number has more digits than can be read"


def read(source, write):
    """Reads a file of JSON Lines; empty lines are no rows.

    Args:
        source: a `Source`.
        write: see the package.

    Raises:
        UserError: with the line that is no JSON object or does not go with those before.
    """
    write_records(source, write, lambda: lines_of(source))


def lines_of(source):
    """Yields (line, value) of every line that is not empty."""
    decode = decoder().decode
    with source.text() as text:
        for number, line in enumerate(text, 1):
            if line.isspace():
                continue
            try:
                value = decode(line)
            except RecordError as error:
                raise source.error(str(error), number) from error
            except RecursionError as error:
                raise source.error(TOO_DEEP, number) from error
            except json.JSONDecodeError as error:
                raise source.error(_explain(error, line, number), number) from error
            except ValueError as error:  # Python's limit
                raise source.error(TOO_LONG, number) from error
            yield number, value


def lines_of_rows(source):
    """Yields the line of each example."""
    return (line for line, _ in lines_of(source))


def _explain(error, line, number):
    where = f"no valid JSON: {error.msg} at position {error.pos + 1} of the line"
    if number == 1 and line.lstrip().startswith("["):
        return f"{where}; a file that is one list of examples is called .json, not .jsonl"
    return where
