"""Tables as CSV, in full precision."""

from ...utils.registry import register
from ...utils.text import clean

FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # what a spreadsheet takes for one, and the sign that says it is none


def harmless(value):
    """A value that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe before it."""
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value


def as_written(value):
    """What `harmless` was given: a text without the apostrophe at its beginning, if it has one."""
    return value.removeprefix("'") if isinstance(value, str) else value


@register("format", "csv")
def csv(content, folder):
    """Writes tables/*.csv: a line per record of every table."""
    import pandas

    (folder / "tables").mkdir(exist_ok=True)
    for table in content.tables:
        frame = pandas.DataFrame(table.records).rename(columns=harmless).map(harmless)
        text = frame.to_csv(index=False)
        (folder / "tables" / f"{table.name}.csv").write_text(clean(text), encoding="utf-8")
