"""What the terminal shows of a report."""

from ...utils.text import clean
from ..sentences import first_line
from ..tables.base import COMPARISON, SCANS
from ..tables.verdicts import brief_verdicts
from .markdown import text_table


def terminal_text(content):
    """The main tables, the verdicts and the warnings, for the terminal."""
    parts = ["\n".join(content.comparison)] if content.comparison else []
    parts += [text_table(table) for table in content.of_part(COMPARISON)]
    parts += [text_table(group.table("main")) for group in content.groups]
    if content.compared:
        parts.append(text_table(brief_verdicts(content.table("verdicts"))))
    for group in content.compared:
        parts += [f"{group.label}: {group.headline}" if len(content.groups) > 1 else group.headline]
        claims = [f"({v.claim.letter}) {v.claim.text}. {first_line(v)}" for v, _ in group.claims]
        parts += claims
    parts += [content.not_compared] if content.not_compared else []
    scans = [table for table in content.tables if table.part == SCANS]
    parts += [f"{table.title}: {len(table.rows)} points, in the page and in tables/{table.name}.csv" for table in scans]
    parts += [f"warning: {sentence}" for sentence in content.warnings]
    return clean("\n\n".join(parts))
