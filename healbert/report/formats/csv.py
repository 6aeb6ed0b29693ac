"""Tables as CSV, in full precision."""

from ...utils.registry import register
from ...utils.text import clean


@register("format", "csv")
def csv(content, folder):
    """Writes tables/*.csv: a line per record of every table."""
    import pandas

    (folder / "tables").mkdir(exist_ok=True)
    for table in content.tables:
        text = pandas.DataFrame(table.records).to_csv(index=False)
        (folder / "tables" / f"{table.name}.csv").write_text(clean(text), encoding="utf-8")
