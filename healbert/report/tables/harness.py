"""Scores of lm-evaluation-harness, of runs with ``--lm_eval``."""

from ...results.harness import STAGES, harness_scores
from ...utils.registry import register
from ..text import DASH, number, rate_text
from .base import Cell, Row, Table, tags

COLUMNS = ["dataset", "damage", "learning rate", "seed", "task", "metric", "damaged", "healed"]
CAPTION = (
    "Of runs with --lm_eval: what lm-evaluation-harness scores the damaged and the healed decoder, and under that its "
    "standard errors. The dataset is what the run healed on."
)


@register("table", "lm-eval")
def lm_eval(analysis):
    """A row for each run, task and metric."""
    groups = {run: group for group in reversed(analysis.study.groups) for run in group.runs}
    lines = [(run, line) for run in analysis.study.runs if run in groups for line in harness_scores(run.results)]
    if not lines:
        return None
    rows = [Row(_cells(run, line), tags(groups[run], run.dataset)) for run, line in lines]
    records = [{"run": run.name} | _place(run) | line for run, line in lines]
    return Table("lm-eval", "lm-evaluation-harness", CAPTION, COLUMNS, rows, records)


def _cells(run, line):
    place = [run.dataset, str(run.damage), rate_text(run.rate), run.config.get("seed")]
    return [*place, line["task"], line["metric"], *(_score(line[stage], line[f"{stage}_error"]) for stage in STAGES)]


def _score(value, error):
    return Cell(DASH if value is None else number(value), "" if error is None else f"\u00b1 {number(error)}")


def _place(run):
    place = {"dataset": run.dataset, "level": run.damage.level, "region": run.damage.region or "shared"}
    return place | {"learning_rate": run.rate, "seed": run.config.get("seed")}
