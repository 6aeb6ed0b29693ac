"""What damage and healing did to the language model itself, of runs with ``--also_evaluate``."""

import numpy as np

from ...results.schema import LANGUAGE_STAGES
from ...utils.registry import register
from ..text import number
from .base import Cell, Row, Table, file_stem, tags, to_runs


@register("table", "language-model")
def language_model(analysis):
    """Scores as a language model by damage: intact, damaged, healed."""
    return [table for group in analysis.groups for table in _tables(group)]


def _tables(analysed):
    found = {key: _by_title(entry.counted) for key, entry in analysed.results.entries.items()}
    titles = sorted({title for of in found.values() for title in of})
    return [
        _table(analysed.group, title, {key: of[title] for key, of in found.items() if title in of}) for title in titles
    ]


def _by_title(runs):
    """{title of a metric: [(run, its ``language_model``), ...]} of runs that were scored so."""
    found = {}
    for run in runs:
        if said := run.part("language_model"):
            found.setdefault(said["metrics"][said["primary_metric"]]["title"], []).append((run, said))
    return found


def _table(group, title, found):
    rows, records = [], []
    for (dataset, damage), runs in found.items():
        means = {stage: _mean(runs, stage) for stage in LANGUAGE_STAGES}
        link = to_runs([run.number for run, _ in runs])
        rows.append(Row([dataset, Cell(str(damage), link=link), *map(number, means.values())], tags(group, dataset)))
        record = {"group": group.label, "dataset": dataset, "level": damage.level, "region": damage.region or "shared"}
        records.append(record | {"metric": title, "runs": len(runs)} | means)
    caption = (
        f"{title[0].upper() + title[1:]} on the texts that the task is evaluated on, which nothing is trained on, with "
        "the head of the intact model: of the intact, the damaged, the healed model. Means over the runs of the best "
        "learning rate. Healing on the task alone need not bring back the language model."
    )
    name = file_stem(f"language-model-{title.replace(' ', '-')}", group)
    return Table(
        name,
        f"As a language model: {group.label}",
        caption,
        ["dataset", "damage", *LANGUAGE_STAGES],
        rows,
        records,
        group,
    )


def _mean(runs, stage):
    values = [(said.get(stage) or {}).get(said["primary_metric"]) for _, said in runs]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else None
