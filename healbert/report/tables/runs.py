"""Every run as a row, for readers who go on from there."""

import collections

from ...analysis.entries import fraction_hit, hit
from ...results.schema import metrics_of
from ...utils.registry import register
from ..text import DASH, rate_text
from .base import REPRODUCIBILITY, Row, Table, tags

STAGES = ("damaged", "healed", "dev", "test")


@register("table", "runs")
def runs(analysis):
    """One record per run: what it is, its scores, its time. A file alone: a page would be long."""
    groups = collections.defaultdict(list)  # an intact run stands in several
    for group in analysis.study.groups:
        for run in group.runs:
            groups[run].append(group)
    found = analysis.study.runs
    metrics = list(dict.fromkeys(name for run in found for name in metrics_of(run.results)))
    columns = ["run", "dataset", "damage", "learning rate", "seed", "damaged", "healed", "status"]
    rows = [Row(_cells(run), tags(groups[run][0], run.dataset)) for run in found]
    records = [_record(run, groups[run], metrics) for run in found]
    return Table("runs", "All runs", "", columns, rows, records, part=REPRODUCIBILITY, shown=False)


def _cells(run):
    scores = [run.score(stage) for stage in ("damaged", "healed")]
    written = [DASH if score is None else f"{score:.4f}" for score in scores]
    damage = f"{run.damage} ({hit(run)})" if hit(run) else str(run.damage)
    return [run.name, run.dataset, damage, rate_text(run.rate), run.config.get("seed"), *written, run.status]


def _record(run, groups, metrics):
    return {
        "run": run.name,
        "group": "; ".join(group.label for group in groups),
        "dataset": run.dataset,
        "level": run.damage.level,
        "region": run.damage.region or "shared",
        "learning_rate": run.rate,
        "seed": run.config.get("seed"),
        "hit": hit(run),
        "fraction_of_encoder": fraction_hit(run),
        "corrupt_seed": run.config.get("corrupt_seed"),
        "status": run.status,
        **{f"{stage}_{name}": run.score(stage, name) for stage in STAGES for name in metrics},
        "best_epoch": run.results.get("best_epoch"),
        "seconds": sum(run.part("timing").values()) or None,
    }
