"""What the terminal shows of a report."""


def terminal_text(content):
    """The main tables, the verdicts and the warnings, for the terminal."""
    from ..sentences import NOT_COMPARED, finding
    from ..tables.claims import brief_verdicts
    from ..text import clean
    from .markdown import text_table

    parts = [text_table(group.main) for group in content.groups]
    parts += [text_table(brief_verdicts(content.verdicts))] if content.compared else []
    for group in content.groups:
        parts += [f"{group.label}:"] if len(content.groups) > 1 else []
        parts += group.lead
        claims = [" ".join([f"({v.claim.letter}) {v.claim.text}: {v.verdict}.", *finding(v)]) for v, _ in group.claims]
        parts += claims if group.compared else [NOT_COMPARED]
    parts += [f"warning: {sentence}" for sentence in content.reproducibility.warnings]
    return clean("\n\n".join(parts))
