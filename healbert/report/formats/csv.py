"""Tables as CSV, in full precision."""

import re

from ...utils.registry import register
from ...utils.text import CONTROL

FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # what a spreadsheet takes for one, and the sign that says it is none
ESCAPED = re.compile(r"\\(\\|u[0-9a-f]{4})")


def harmless(value):
    """A value that no spreadsheet takes for a formula and no terminal for a command; `as_written` takes it back.

    A text that begins like a formula or holds control characters gets an apostrophe before it; in such a text a control
    character is written as \\u001b, and a backslash twice.
    """
    if not isinstance(value, str) or not (value.startswith(FORMULA) or CONTROL.search(value)):
        return value
    return "'" + CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", value.replace("\\", "\\\\"))


def as_written(value):
    """What `harmless` was given."""
    if not isinstance(value, str) or not value.startswith("'"):
        return value
    return ESCAPED.sub(lambda found: chr(int(found[1][1:], 16)) if found[1] != "\\" else "\\", value[1:])


@register("format", "csv")
def csv(content, folder):
    """Writes tables/*.csv: a line per record of every table."""
    import pandas

    (folder / "tables").mkdir(exist_ok=True)
    for table in content.tables:
        frame = pandas.DataFrame(table.records).rename(columns=harmless).map(harmless)
        text = frame.to_csv(index=False)
        (folder / "tables" / f"{table.name}.csv").write_text(text, encoding="utf-8", newline="")
