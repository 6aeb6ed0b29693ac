"""Every claim on every dataset."""

import dataclasses

from ...analysis.verdict import CONTRADICTED, EQUIVALENT, POOLED, SUPPORTED
from ...analysis.views import VIEWS
from ...utils.registry import register
from ..sentences import details, first_line
from ..text import DASH, count, interval, number, p_value
from .base import VERDICTS, Cell, Row, Table, ends, tags

KINDS = {SUPPORTED: "holds", CONTRADICTED: "fails", EQUIVALENT: "equal"}


@register("table", "verdicts")
def verdicts(analysis):
    """Every claim, over all datasets and on each."""
    verdicts = analysis.verdicts
    many = len({id(verdict.group) for verdict in verdicts}) > 1
    columns = [*(["group"] if many else []), "claim", "on", "verdict", "effect", "95% interval", "p", "by", "scores"]
    rows = [Row(_cells(v, many), tags(v.group, v.scope if v.scope != POOLED else "")) for v in verdicts]
    shown = any(group.compared for group in analysis.groups)
    name, title, records = "verdicts", "Every claim on every dataset", [_record(verdict) for verdict in verdicts]
    return Table(name, title, _caption(analysis), columns, rows, records, part=VERDICTS, shown=shown)


def _caption(analysis):
    metrics = [group.metric for group in analysis.groups]
    titles = " or ".join(dict.fromkeys(metric.title for metric in metrics))
    margin = _margin(analysis.margin, metrics)
    return (
        f"Effects are differences of {titles}, or what the claim names, positive in the claim's direction. "
        "Supported and contradicted: p below "
        f"0.05, after correction for all claims over all datasets (Benjamini and Hochberg). Equivalent: {margin}, by "
        "two one-sided tests. p: that of the test which the verdict is given by. Lines on one of several datasets are "
        f"exploratory: their p is not corrected.{_choice(analysis)}"
    )


def _margin(asked, metrics):
    """What "equivalent" means, in words: each metric has a margin of its own, or none."""
    own = {metric.title: metric.smallest_difference if asked is None else asked for metric in metrics}
    known = {f"less than {least:g}": [title for title in own if own[title] == least] for least in own.values() if least}
    if not known:
        return "never given"
    alike = len(known) == 1 and all(own.values())
    said = next(iter(known)) if alike else ", ".join(f"{text} of {' or '.join(of)}" for text, of in known.items())
    without = [title for title, least in own.items() if not least]
    never = f", never given of {' or '.join(without)}" if without else ""
    return f"{said} either way (of a trend, from least to most damage){never}"


def _choice(analysis):
    """A sentence on intervals over examples that do not repeat the choice of epoch, with a space before it, or ""."""
    runs = analysis.without_epochs()
    if not runs:
        return ""
    say = count(runs, "run does", "runs do")
    return (
        f" Intervals over examples take the choice of epoch as it was made: {say} not say what every epoch predicted."
    )


def brief_verdicts(table):
    """The same for the terminal, where sentences stand beside it: claims by their letter, no remarks."""
    kept = [i for i, column in enumerate(table.columns) if column != "by"]
    claim = table.columns.index("claim")
    rows = [
        Row([Cell(row.cells[i].note if i == claim else row.cells[i].text) for i in kept], row.tags)
        for row in table.rows
    ]
    return dataclasses.replace(table, columns=[table.columns[i] for i in kept], rows=rows)


def _cells(verdict, many):
    outcome, kind = verdict.outcome, KINDS.get(verdict.verdict, "open")
    cells = [*([verdict.group.label] if many else []), Cell(verdict.claim.text, f"({verdict.claim.letter})")]
    cells += [Cell(verdict.scope, "exploratory" if verdict.exploratory else "")]
    cells += [Cell(verdict.verdict, "depends on the epoch" if verdict.depends_on_epoch else "", kind)]
    if outcome is None:
        return [*cells, *[DASH] * 5]
    cells += [number(outcome.effect, sign=True)]
    cells += [Cell(interval(outcome.interval), f"over {outcome.basis}" if outcome.basis else "")]
    return [*cells, p_value(verdict.ruling.p), outcome.by, Cell(str(outcome.cells), count(outcome.seeds, "seed"))]


def _record(verdict):
    outcome, ruling, check = verdict.outcome, verdict.ruling, verdict.check
    record = {"group": verdict.group.label, "claim": f"({verdict.claim.letter}) {verdict.claim.text}"}
    record |= {"scope": verdict.scope, "exploratory": verdict.exploratory, "verdict": verdict.verdict}
    record |= {"reason": verdict.reason, "first_line": first_line(verdict), "measures": _measured(verdict)}
    record |= {"effect": outcome and outcome.effect, "basis": outcome and outcome.basis}
    record |= ends("interval", outcome and outcome.interval)
    for scope in ("over_seeds", "over_examples"):
        record |= ends(scope, outcome and getattr(outcome, scope))
    record |= {"p": ruling.p, "p_difference": ruling.p_difference, "p_equal": ruling.p_equal}
    record |= {"p_uncorrected": outcome and outcome.p, "tests": ruling.corrected, "margin": ruling.margin}
    record |= {"by": outcome and outcome.by, "df": outcome and outcome.df, "shape": verdict.shape}
    record |= {"datasets": verdict.datasets, "scores": outcome and outcome.cells, "seeds": outcome and outcome.seeds}
    record |= {"exceptions": "; ".join(f"{_label(label)}: {how}" for label, how in verdict.exceptions.items())}
    for view in VIEWS[1:]:
        record |= _of_view(view.name.replace(" ", "_"), verdict.rulings.get(view.name))
    record |= {"without_last_epoch": verdict.without_last, "collapsed": verdict.collapsed, "runs": verdict.runs}
    record |= {"check": check and check.name, "check_p": check and check.p, "check_least_p": check and check.least_p}
    record |= {"check_disagrees": verdict.check_disagrees, "detectable": verdict.detectable}
    record |= {"paper": verdict.paper}
    return record | {"details": " ".join(details(verdict)), "notes": "; ".join(verdict.notes)}


def _label(label):
    return label if isinstance(label, str) else " to ".join(label)


def _of_view(name, ruling):
    outcome = ruling and ruling.outcome
    found = {f"{name}_verdict": ruling and ruling.verdict, f"{name}_effect": outcome and outcome.effect}
    return found | ends(name, outcome and outcome.interval)


def _measured(verdict):
    if verdict.metric.greater_is_better or verdict.claim.ratio:
        return verdict.claim.effect
    return f"{verdict.claim.effect}; with the sign turned, because smaller values of {verdict.metric.title} are better"
