"""Two runs side by side, where two were named: scores, settings, and the examples that one of them alone gets right."""

from ...analysis.predictions import classes_of
from ...results.schema import STAGES, metrics_of
from ...utils.registry import register
from ..text import interval, number
from .base import COMPARISON, Cell, Row, Table

SHOWN, LETTERS = 10, 300  # examples of each of the two kinds, and letters of a text, in the page
BESIDE = {"damaged": "damaged, before healing", "healed": "healed, chosen epoch", "last": "last epoch"}
BESIDE |= {"dev": "chosen epoch, on the held-out part of train", "test": "chosen epoch, on the test file"}


@register("table", "comparison-scores")
def comparison_scores(analysis):
    """Every score of two runs, and the difference on the examples that both predicted."""
    pair = analysis.pair
    if pair is None:
        return None
    records = [record for stage in STAGES for record in _scores(pair.runs, stage)]
    title = pair.runs[0].metric.title
    common = Row(
        [
            f"{title} on the common examples",
            "",
            "",
            Cell(number(pair.difference, 4, sign=True), f"95% interval {interval(pair.interval, _signed)}"),
        ]
    )
    rows = [common, *(Row(_score_cells(record)) for record in records)]
    records = [{"score": f"{title} on the common examples", "difference": pair.difference}, *records]
    records[0] |= {"difference_low": pair.interval[0], "difference_high": pair.interval[1]}
    caption = f"{_named(pair)} The interval is that of resampled examples, the same ones for both."
    columns = ["score", "A", "B", "A \u2212 B"]
    return Table("comparison-scores", "Scores", caption, columns, rows, records, part=COMPARISON)


def _signed(value):
    return number(value, 4, sign=True)


def _named(pair):
    return f"A: {pair.runs[0].name}. B: {pair.runs[1].name}."


def _scores(runs, stage):
    found = []
    for name, about in metrics_of(runs[0].results).items():
        a, b = (run.score(stage, name) for run in runs)
        if a is not None or b is not None:
            difference = None if None in (a, b) else a - b
            title = f"{about.get('title') or name}, {BESIDE[stage]}"
            found.append({"score": title, "a": a, "b": b, "difference": difference})
    return found


def _score_cells(record):
    scores = [number(record[name], 4) for name in ("a", "b")]
    return [record["score"], *scores, number(record["difference"], 4, sign=True)]


@register("table", "comparison-settings")
def comparison_settings(analysis):
    """The settings in which two runs differ."""
    pair = analysis.pair
    if pair is None:
        return None
    rows = [Row(setting) for setting in pair.settings] or [Row(["none", "", ""])]
    records = [dict(zip(("setting", "a", "b"), setting, strict=True)) for setting in pair.settings]
    caption = f"{_named(pair)} {pair.alike} other settings are alike; those that cannot change a result are left out."
    columns = ["setting", "A", "B"]
    return Table("comparison-settings", "Settings that differ", caption, columns, rows, records, part=COMPARISON)


@register("table", "comparison-examples")
def comparison_examples(analysis):
    """The examples that one of two runs gets right and the other does not."""
    pair = analysis.pair
    if pair is None or not classes_of(pair.runs[0]):
        return None
    read, why = analysis.texts.of(pair.runs[0])
    right, names = pair.right, pair.runs[0].part("task")["label_names"]
    kinds = {"A alone": right[0] & ~right[1], "B alone": right[1] & ~right[0]}
    records, rows = [], []
    for kind, which in kinds.items():
        ids = pair.ids[which].tolist()
        texts = read(ids) if read else [""] * len(ids)
        classes = [[names[i] for i in column[which].tolist()] for column in (pair.labels, *pair.predicted)]
        found = list(zip(ids, *classes, texts, strict=True))
        records += [dict(zip(("right", "id", "label", "a", "b", "text"), (kind, *one), strict=True)) for one in found]
        rows += [Row([kind, *one[:4], _cut(one[4])]) for one in found[:SHOWN]]
    columns = ["right", "example", "label", "A predicts", "B predicts", "text"]
    if not read:
        columns, rows = columns[:-1], [Row(row.cells[:-1]) for row in rows]
    rows = rows or [Row(["none", *[""] * (len(columns) - 1)])]
    caption = f"{_named(pair)} The first {SHOWN} of each kind; the CSV has all. Examples go by their row in the data."
    caption += "" if read else f" No texts: {why}."
    title = "Examples that one of them alone gets right"
    return Table("comparison-examples", title, caption, columns, rows, records, part=COMPARISON)


def _cut(text):
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "\u2026"
