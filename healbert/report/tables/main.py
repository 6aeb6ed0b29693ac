"""Score by damage, as in the paper: dataset and region down, level across."""

import numpy as np

from ...analysis.contrasts import paired_values
from ...analysis.runs import ALL, INTACT, Damage, natural
from ...results.schema import region_that_counts
from ...utils.registry import register
from ..text import DASH, PLUS_MINUS, number, rate_text
from .base import Cell, Row, Table, file_stem, tags, to_runs

NO_LEVEL = "no layer"  # of damage outside the layers, and of runs that failed too soon to say which layers they hit
WORST_FIRST = ("failed", "diverged", "without a score")


@register("table", "main")
def main(analysis):
    """Score by damage, a table for each group."""
    return [_table(group.results) for group in analysis.groups]


def _table(results):
    group, title, places = results.group, results.metric.title, _places(results)
    rows = [
        Row(
            [dataset, region, *(_score_cell(results, dataset, _damage(results, place, region)) for place in places)],
            tags(group, dataset),
        )
        for dataset in results.datasets
        for region in results.regions
        if any(damage.region in (region, "") for damage in results.damages_of(dataset))
    ]
    chosen = {
        "best_eval": f"has the best mean {title} on the evaluation split, which flatters it",
        "dev": f"has the best mean {title} on the held-out part of train",
    }[group.selection]
    caption = (
        f"{results.metric.capital} after healing: mean {PLUS_MINUS} standard deviation over seeds. Under it the "
        "difference from intact, paired by seed, the number of seeds, the chosen learning rate, and runs without a "
        "score, which the mean leaves out. Each entry is of the learning rate that, of those with scores of "
        f"the most seeds, {chosen}. Regions share levels 0 and 100%."
    )
    if NO_LEVEL in places:
        caption += " No layer: damage outside the layers, and runs that failed too soon to say which layers they hit."
    columns = ["dataset", "region", *(_title(results, place) for place in places)]
    records = [_main_record(results, key) for key in results.entries]
    title = f"{results.metric.capital} by damage: {group.label}"
    paper = _paper(results, file_stem("main", group), title)
    return Table(file_stem("main", group), title, caption, columns, rows, records, group, paper=paper)


def _paper(results, name, title):
    """Datasets down, levels across, as in the paper: means over seeds, standard deviations under them."""
    known = set(results.damages)
    regions = sorted({d.region for d in known} - {""}, key=natural)
    partial = [sorted(d for d in known if d.region == region) for region in regions]
    parts = [[d for d in known if d == INTACT], *partial, [d for d in sorted(known) if not d.region and d != INTACT]]
    parts = [part for part in parts if part]
    spans = [("", 1), *((part[0].region, len(part)) for part in parts)]
    columns = ["dataset", *(_paper_title(damage) for part in parts for damage in part)]
    rows = [
        Row([dataset, *(_paper_cell(results.get(dataset, damage)) for part in parts for damage in part)])
        for dataset in results.datasets
    ]
    caption = f"Mean {PLUS_MINUS} standard deviation over seeds."
    return Table(name, title, caption, columns, rows, [], results.group, spans=spans)


def _paper_title(damage):
    return f"{100 * damage.level:.4g}%" if damage.level else str(INTACT) if damage == INTACT else DASH


def _paper_cell(entry):
    if entry is None or not entry.values:
        return Cell(DASH)
    mean, _, spread = mean_and_spread(entry.values).partition(" ")
    return Cell(mean, spread)


def _places(results):
    """The columns: levels, and last `NO_LEVEL` where there is damage that has none."""
    levels = sorted({damage.level for damage in results.damages if damage.level or damage == INTACT})
    return levels + [NO_LEVEL] * any(not damage.level and damage != INTACT for damage in results.damages)


def _damage(results, place, region):
    if place == NO_LEVEL:
        return Damage(0, region)
    found = Damage(place, region_that_counts(place, region))
    # Level 1 of named layers, or of a plugin's region, is not all; a row without such runs has what regions share.
    return ALL if place == 1 and found not in results.damages else found


def _title(results, level):
    if level in (0, NO_LEVEL):
        return level or "intact"
    hits = {results.hit(damage) for damage in results.damages if damage.level == level}
    hit = hits.pop() if len(hits) == 1 else ""
    return f"{100 * level:.4g}% ({hit})" if hit else f"{100 * level:.4g}%"


def _score_cell(results, dataset, damage):
    entry = results.get(dataset, damage)
    if entry is None:
        return Cell("", "no run", "missing")
    without = [f"{n} {status}" for status, n in sorted(entry.without_score_here().items(), key=_worst_first)]
    if not entry.values:
        return Cell(", ".join(without), "no score", "without-score")
    missing = _missing(results, entry)
    notes = [_difference_note(results, dataset, damage)] if damage != INTACT else []
    notes += [f"n {len(entry.values)}", f"lr {rate_text(entry.rate)}", *without]
    if entry.without_score_elsewhere():
        notes.append(f"{entry.without_score_elsewhere()} without a score at other rates")
    if missing:
        notes.append(f"{missing} missing")
    kind = "without-score" if without else "missing" if missing else ""
    link = to_runs([run.number for run in entry.counted])
    return Cell(mean_and_spread(entry.values), ", ".join(notes), kind, link)


def _missing(results, entry):
    """How many seeds of the dataset have no run here, with a score or without."""
    shared = results.intact_is_shared() and entry.damage == INTACT
    expected = 1 if shared else len(results.repetitions(entry.dataset))
    return max(0, expected - len(entry.values) - sum(entry.without_score_here().values()))


def _worst_first(item):
    return WORST_FIRST.index(item[0]) if item[0] in WORST_FIRST else len(WORST_FIRST), item[0]


def mean_and_spread(values):
    spread = f" {PLUS_MINUS} {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def _difference_note(results, dataset, damage):
    """The score minus that of the intact model, as scores are read: of a loss, more is more."""
    pairs = list(paired_values(results, dataset, {damage: 1, INTACT: -1}).values())
    return number(results.metric.sign * np.mean(pairs), sign=True) if pairs else _without_intact(results, dataset)


def _without_intact(results, dataset):
    """Why no score has an intact one to stand beside."""
    intact = results.get(dataset, INTACT)
    if intact is None:
        return "no intact run with these settings"
    return "no intact run of these seeds" if intact.values else "intact runs have no score"


def _main_record(results, key):
    dataset, damage = key
    entry, group = results.entries[key], results.group
    record = {"group": group.label, "dataset": dataset, "level": damage.level, "region": damage.region or "shared"}
    record |= {"hit": results.hit(damage, [dataset]), "fraction_of_encoder": results.true_level(damage, [dataset])}
    record |= {"learning_rate": entry.rate, "selection": group.selection, "n": len(entry.values)}
    for stage in ("healed", "damaged", "dev", "test"):
        values = list(entry.scores(stage).values())
        record[f"{stage}_mean"] = np.mean(values) if values else None
        record[f"{stage}_sd"] = np.std(values, ddof=1) if len(values) > 1 else None
    without = entry.without_score_here()
    record |= {"failed": without["failed"], "diverged": without["diverged"]}
    record |= {"lost_at_other_rates": entry.without_score_elsewhere()}  # an old name, which readers' scripts know
    return record | {"scores_by_seed": " ".join(f"{seed}:{score:.6f}" for seed, score in entry.scores().items())}
