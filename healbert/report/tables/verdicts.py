"""Every claim on every dataset."""

import dataclasses

from ...analysis.verdict import FAILS, HOLDS, POOLED
from ...utils.registry import register
from ..sentences import finding, remarks
from ..text import DASH, count, interval, number, p_value
from .base import VERDICTS, Cell, Row, Table, ends, tags

KINDS = {HOLDS: "holds", FAILS: "fails"}


@register("table", "verdicts")
def verdicts(analysis):
    """Every claim, over all datasets and on each."""
    verdicts = analysis.verdicts
    many = len({verdict.group.label for verdict in verdicts}) > 1
    columns = [*(["group"] if many else []), "claim", "on", "verdict", "effect", "95% interval", "p", "corrected p"]
    columns += ["test", "n", "detectable"]
    rows = [Row(_cells(v, many), tags(v.group, v.scope if v.scope != POOLED else "")) for v in verdicts]
    shown = any(group.compared for group in analysis.groups)
    name, title, records = "verdicts", "Every claim on every dataset", [_record(verdict) for verdict in verdicts]
    return Table(name, title, _caption(analysis), columns, rows, records, part=VERDICTS, shown=shown)


def _caption(analysis):
    metrics = [group.metric for group in analysis.groups]
    titles = " or ".join(dict.fromkeys(metric.title for metric in metrics))
    other = "" if all(metric.smallest_difference for metric in metrics) else "; of scores not from 0 to 1, below zero"
    return (
        f"Effects are differences of {titles}, positive in the claim's direction. p: how often chance alone would "
        "give as large an effect, either way. Corrected p: after Benjamini and Hochberg, for all tests of this report. "
        "A claim holds if the corrected p is below 0.05 and the interval lies above zero; else it does not hold if the "
        f"interval lies below 0.01 (of a trend, per quarter, below 0.0025{other}); else, and without an interval over "
        "seeds, there is not enough data. n: pairs (dataset and seed); over several "
        "datasets the interval counts each seed once. Detectable: the true effect that the test named under it, "
        "before correction, finds in four experiments of five (of a trend, a steady fall); not given below three "
        "seeds, nor where the effect is larger and the verdict open all the same, for it asks for more than that test."
    )


def brief_verdicts(table):
    """The same for the terminal, where sentences stand beside it: claims by their letter, no remarks."""
    kept = [i for i, column in enumerate(table.columns) if column not in ("test", "detectable")]
    claim = table.columns.index("claim")
    rows = [
        Row([Cell(row.cells[i].note if i == claim else row.cells[i].text) for i in kept], row.tags)
        for row in table.rows
    ]
    return dataclasses.replace(table, columns=[table.columns[i] for i in kept], rows=rows)


def _cells(verdict, many):
    estimated, test = verdict.estimated, verdict.test
    kind = KINDS.get(verdict.verdict, "open")
    cells = [*([verdict.group.label] if many else []), Cell(verdict.claim.text, f"({verdict.claim.letter})")]
    cells += [verdict.scope, Cell(verdict.verdict, kind=kind)]
    if estimated is None:
        return [*cells, *[DASH] * 7]
    cells += [number(estimated.effect, sign=True)]
    cells += [Cell(interval(estimated.interval), f"over {estimated.basis}" if estimated.basis else "")]
    cells += [p_value(test.p), p_value(verdict.p_corrected), test.name]
    detectable = Cell(number(verdict.detectable), verdict.detectable_by if verdict.detectable else "")
    return [*cells, Cell(str(estimated.pairs), count(verdict.datasets, "dataset")), detectable]


def _record(verdict):
    estimated, test = verdict.estimated, verdict.test
    record = {"group": verdict.group.label, "claim": f"({verdict.claim.letter}) {verdict.claim.text}"}
    record |= {"scope": verdict.scope, "verdict": verdict.verdict, "measures": _measured(verdict)}
    record |= {"effect": estimated and estimated.effect, "basis": estimated and estimated.basis}
    for scope in ("over_both", "over_seeds", "over_examples"):
        record |= ends(scope, estimated and getattr(estimated, scope))
    record |= {"p": test and test.p, "p_corrected": verdict.p_corrected, "test": test and test.name}
    record |= {"least_p": test and test.least_p, "n": estimated.pairs if estimated else 0}
    record |= {"datasets": verdict.datasets, "detectable": verdict.detectable}
    record |= {"detectable_by": verdict.detectable and verdict.detectable_by}
    record["reason"] = verdict.reason
    return record | {"finding": " ".join(finding(verdict) + remarks(verdict)), "notes": "; ".join(verdict.notes)}


def _measured(verdict):
    if verdict.metric.greater_is_better:
        return verdict.claim.effect
    return f"{verdict.claim.effect}; with the sign turned, because smaller values of {verdict.metric.title} are better"
