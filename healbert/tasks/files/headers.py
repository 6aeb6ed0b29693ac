"""What is wrong with a header, or with a row that does not have its number of fields."""

import itertools
import re

DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe", " ": "space"}

LOOKED_AT = 1000  # rows


def delimiter_name(delimiter):
    """The word for a delimiter, or the character in quotes."""
    return DELIMITER_NAMES.get(delimiter, f"'{delimiter}'")


def check_header(source, header, delimiter):
    """The column names of a csv or tsv file, without white space around them.

    Args:
        source: the file's `Source`.
        header: the fields of its first row.
        delimiter: the character between them.

    Raises:
        UserError: if a name is missing, or stands there twice, or the fields are separated by something else.
    """
    names = [name.strip() for name in header]
    if any("\0" in name for name in names):
        raise source.error("the column names hold NUL bytes; give the file's --encoding (utf-16?)", 1)
    if names == [""]:
        raise source.error("the line, which is to hold the column names, is blank", 1)
    if names[0].lower().startswith("sep="):
        raise source.error("Excel's line 'sep=', which tells it the delimiter, stands above the header; delete it", 1)
    _check_delimiter(source, names, delimiter)
    _check_unnamed(source, names, delimiter)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise source.error(f"the column {_quoted(twice)} stands in the header twice; rename one", 1)
    return names


def _quoted(names):
    return ", ".join(f"'{name}'" for name in names)


def _check_delimiter(source, names, delimiter):
    if len(names) > 1 or source.options.delimiter:
        return
    found = [other for other in ("\t", ";", "|", ",") if other in names[0]]
    if found:
        word = delimiter_name(found[0])
        raise source.error(
            f"the header has one field, {names[0]!r}: it looks separated by {word}, not by {delimiter_name(delimiter)}"
            f"; give --delimiter {word} (or --delimiter {delimiter_name(delimiter)} if this is its name)",
            1,
        )


def _check_unnamed(source, names, delimiter):
    if not names[0] or re.fullmatch(r"Unnamed: \d+", names[0]):
        called = f"is called '{names[0]}'" if names[0] else "has no name"
        raise source.error(
            f"the first column {called}, like an index that pandas wrote (found: {_quoted(names)}); write the file "
            "with index=False, or give the column a name",
            1,
        )
    empty = [number for number, name in enumerate(names, 1) if not name]
    if empty == [len(names)]:
        raise source.error(
            f"the header ends with a {delimiter_name(delimiter)}, so that its last column has no name; take the "
            f"{delimiter_name(delimiter)} away from the end of every line, or name the column",
            1,
        )
    if empty:
        raise source.error(f"column {empty[0]} of {len(names)} has no name (found: {_quoted(names)})", 1)


def explain_width(numbered, names, delimiter):
    """Says what is wrong with the first row that does not have as many fields as the header.

    Args:
        numbered: iterator of (line, row) of the rows below the header.
        names: the column names.
        delimiter: the character between fields.

    Returns:
        tuple: the message and the line, as `Source.error` takes them.
    """
    width, good = len(names), 0
    line, row = next(numbered)
    while len(row) == width:
        line, row = next(numbered)
        good += 1
    rows = [row, *(row for _, row in itertools.islice(numbered, LOOKED_AT))]
    found = f"{_fields(len(row))}, but the header has {width} ({', '.join(names)})"
    if not good and all(len(row) == width + 1 for row in rows):
        return f"{found}, and so has every line that was looked at: {_one_more(rows, delimiter)}", line
    if len(row) > width:
        return f"{found}; a text that holds a {delimiter_name(delimiter)} must stand in double quotes", line
    return f"{found}; a line must hold every field, if only an empty one", line


def _fields(count):
    return f"{count} field{'s' if count > 1 else ''}"


def _one_more(rows, delimiter):
    word = delimiter_name(delimiter)
    if all(not row[-1].strip() for row in rows):
        return f"the lines end with a {word} that the header lacks; take it away"
    if all(row[0] == str(number) for number, row in enumerate(rows)):
        return "the first field counts the rows, like an index that pandas wrote; write the file with index=False"
    return f"name every column in the header, or put texts that hold a {word} in double quotes"
