"""Every run as a row, for readers who go on from there."""

import collections

from ...analysis.entries import hit
from ...results.schema import metrics_of
from ..text import rate_text
from .base import Row, Table, tags


def run_table(study):
    """One record per run: what it is, its scores, its time."""
    groups = collections.defaultdict(list)  # an intact run stands in several
    for group in study.groups:
        for run in group.runs:
            groups[run].append(group)
    columns = ["run", "dataset", "damage", "learning rate", "seed", "damaged", "healed", "status"]
    rows = [Row(_cells(run), tags(groups[run][0], run.dataset)) for run in study.runs]
    return Table("runs", "All runs", "", columns, rows, [_record(run, groups[run]) for run in study.runs])


def _cells(run):
    scores = [run.score(stage) for stage in ("damaged", "healed")]
    written = ["\u2013" if score is None else f"{score:.4f}" for score in scores]
    damage = f"{run.damage} ({hit(run)})" if hit(run) else str(run.damage)
    return [run.name, run.dataset, damage, rate_text(run.rate), run.config.get("seed"), *written, run.status]


def _record(run, groups):
    record = {
        "run": run.name,
        "group": "; ".join(group.label for group in groups),
        "dataset": run.dataset,
        "level": run.damage.level,
    }
    record |= {"region": run.damage.region or "shared", "learning_rate": run.rate, "seed": run.config.get("seed")}
    record |= {"hit": hit(run), "fraction_of_encoder": run.part("corruption").get("fraction_of_encoder")}
    record |= {"corrupt_seed": run.config.get("corrupt_seed"), "status": run.status}
    record |= {
        f"{stage}_{m}": run.score(stage, m)
        for stage in ("damaged", "healed", "dev", "test")
        for m in metrics_of(run.results)
    }
    record |= {"best_epoch": run.results.get("best_epoch"), "seconds": sum(run.part("timing").values()) or None}
    return record
