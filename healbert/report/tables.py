"""The tables of a report: figures for reading, and the same in full precision for CSV."""

import dataclasses

import numpy as np

from .collect import ALL, INTACT, Damage
from .verdicts import SHARED_INTACT
from .wording import (
    PLUS_MINUS,
    count,
    few_seeds,
    finding,
    interval,
    number,
    p_value,
    percent,
    rate_text,
    remarks,
    share_note,
)

WORST_FIRST = ("failed", "diverged", "without a score")


@dataclasses.dataclass
class Cell:
    """What stands in one place of a table: a figure, a remark under it, and what kind it is ("lost", "good", ...)."""

    text: str
    note: str = ""
    kind: str = ""


@dataclasses.dataclass
class Row:
    """Cells (`Cell` or text), and what filters go by."""

    cells: list
    tags: dict

    def __post_init__(self):
        self.cells = [cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in self.cells]


@dataclasses.dataclass
class Table:
    """``name`` is its file's stem; ``records`` are dicts for the CSV file."""

    name: str
    title: str
    caption: str
    columns: list
    rows: list
    records: list
    tags: dict = dataclasses.field(default_factory=dict)


def tags(group, dataset=""):
    return {"dataset": dataset, "model": group.model, "method": group.method}


def file_stem(kind, group):
    return "-".join(filter(None, (kind, group.slug)))


def main_table(results):
    """Dataset and region down, level across, as in the paper."""
    group = results.group
    rows = [
        Row(
            [dataset, region, *(_score_cell(results, dataset, level, region) for level in results.levels)],
            tags(group, dataset),
        )
        for dataset in results.datasets
        for region in results.regions
        if any(damage.region in (region, "") for damage in results.damages_of(dataset))
    ]
    chosen = {
        "best_eval": "has the best mean weighted F1 on the evaluation split, which flatters it",
        "dev": "has the best mean weighted F1 on the held-out part of train",
    }[group.selection]
    caption = (
        f"Weighted F1 after healing: mean {PLUS_MINUS} standard deviation over seeds. Under it the difference "
        "from intact, paired by seed, the number of seeds, the chosen learning rate, and runs without a score, which "
        "no mean has in it. Each entry is of the learning rate that, of those with scores of the most seeds, "
        f"{chosen}. Regions share levels 0 and 100%."
    )
    columns = ["dataset", "region", *(_level_title(results, level) for level in results.levels)]
    records = [_main_record(results, key) for key in results.entries]
    title = f"Weighted F1 by damage: {group.label}"
    return Table(file_stem("main", group), title, caption, columns, rows, records, tags(group))


def _level_title(results, level):
    if level == 0:
        return "intact"
    hits = {results.hit(damage) for damage in results.damages if damage.level == level}
    (hit,) = hits if len(hits) == 1 else [""]
    return f"{100 * level:.4g}% ({hit})" if hit else f"{100 * level:.4g}%"


def _score_cell(results, dataset, level, region):
    damage = Damage(level, "" if level in (0, 1) else region)
    entry = results.get(dataset, damage)
    if entry is None:
        return Cell("", "no cell", "missing")
    lost = [f"{n} {status}" for status, n in sorted(entry.lost_here().items(), key=_worst_first)]
    if not entry.values:
        return Cell(", ".join(lost), "no score", "lost")
    notes = [_drop_note(results, dataset, damage)] if damage != INTACT else []
    notes += [f"n {len(entry.values)}", f"lr {rate_text(entry.rate)}"]
    notes += lost + ([f"{entry.lost_elsewhere()} lost at other rates"] if entry.lost_elsewhere() else [])
    expected = 1 if results.intact_is_shared() and damage == INTACT else len(results.repetitions(dataset))
    gaps = expected - len(entry.values) - sum(entry.lost_here().values())
    notes += [f"{gaps} missing"] if gaps > 0 else []
    kind = "lost" if lost else "missing" if gaps > 0 else ""
    return Cell(mean_and_spread(entry.values), ", ".join(filter(None, notes)), kind)


def _worst_first(item):
    return WORST_FIRST.index(item[0]) if item[0] in WORST_FIRST else len(WORST_FIRST), item[0]


def mean_and_spread(values):
    spread = f" {PLUS_MINUS} {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def _drop_note(results, dataset, damage):
    from .contrasts import paired_values

    pairs = list(paired_values(results, dataset, {damage: 1, INTACT: -1}).values())
    return number(np.mean(pairs), sign=True) if pairs else "no intact pair"


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
    lost = entry.lost_here()
    record |= {"failed": lost["failed"], "diverged": lost["diverged"], "lost_at_other_rates": entry.lost_elsewhere()}
    return record | {"scores_by_seed": " ".join(f"{seed}:{score:.6f}" for seed, score in entry.scores().items())}


def cost_table(results, costs):
    """What stays lost, what survived, recovery, and the reference points behind them: a line per damage."""
    group = results.group
    scratch = any(cost.damage == ALL for cost in costs)
    columns = ["dataset", "damage", "lost", *(["kept by what survived"] if scratch else []), "recovery"]
    columns += ["majority", "damaged, before healing", "intact, before healing", "healed", "intact, same training"]
    columns += ["from scratch", "worth of what survived"] if scratch else []
    shown = [cost for cost in costs if cost.damage != INTACT]
    rows = [Row(_cost_cells(cost, scratch), tags(group, cost.dataset or "")) for cost in shown]
    caption = (
        "Weighted F1, means over seeds. Lost: intact minus healed, both after the same training. Recovery: (healed "
        "\u2212 damaged) / (intact \u2212 damaged), how much healing covered of the way from the damaged model's score "
        "before healing to the intact model's after the same training. Part of that way, often most, is learning the "
        "task, which lies before the intact model, too: see intact, before healing. Intervals of shares are Fieller's, "
        "95%, over paired seeds; too few seeds: it is unbounded or wider than 200 percentage points. A share is "
        "undefined where the difference to divide by is below 0.01. Over all datasets a share is that of the summed "
        "differences, also of datasets where it is undefined by itself. Majority: always answering the commonest class."
    )
    if scratch:
        caption += (
            " From scratch: healed after 100% damage, when only what lies outside the layers is pretrained. Worth of "
            "what survived: healed minus from scratch. Kept: that, as a share of what all pretrained layers are worth "
            "(intact minus from scratch)."
        )
    if results.intact_is_shared():
        caption += f" {SHARED_INTACT[0].upper()}{SHARED_INTACT[1:]}s."
    records = [_cost_record(group, cost) for cost in costs]
    title = f"What damage cost and how far healing came: {group.label}"
    return Table(file_stem("recovery", group), title, caption, columns, rows, records, tags(group))


def _cost_cells(cost, scratch):
    cells = [cost.dataset or Cell("all datasets", "their mean"), Cell(str(cost.damage), cost.layers)]
    cells.append(_estimate_cell(cost.drop))
    cells += [*([_share_cell(cost.kept)] if scratch else []), _share_cell(cost.recovery)]
    cells += [number(v) for v in (cost.majority, cost.damaged, cost.untrained, cost.healed, cost.intact)]
    return cells + ([number(cost.scratch), _estimate_cell(cost.worth)] if scratch else [])


def _estimate_cell(estimated):
    if estimated is None:
        return Cell("\u2013")
    over = f", {estimated.basis} only" if estimated.basis in ("seeds", "examples") else ""
    note = interval(estimated.interval) + over if estimated.interval else few_seeds(estimated)
    return Cell(number(estimated.effect), note)


def _share_cell(ratio):
    if ratio is None:
        return Cell("\u2013")
    return Cell("undefined" if ratio.value is None else percent(ratio.value), share_note(ratio))


def _cost_record(group, cost):
    record = {"group": group.label, "dataset": cost.dataset or "all datasets", "level": cost.damage.level}
    record |= {"region": cost.damage.region or "shared", "layers": cost.layers}
    record |= {name: getattr(cost, name) for name in ("majority", "damaged", "untrained", "healed")}
    record |= {"intact": cost.intact, "scratch": cost.scratch}
    for name, found in (("lost", cost.drop), ("worth", cost.worth)):
        record |= {name: found and found.effect, f"{name}_n": found and found.pairs}
        for scope in ("over_seeds", "over_examples", "over_both"):
            record |= _ends(f"{name}_{scope}", found and getattr(found, scope))
    for name, found in (("recovery", cost.recovery), ("kept", cost.kept)):
        record |= {name: found and found.value, f"{name}_n": found and found.pairs}
        record |= _ends(name, found and found.interval)
        record |= {f"{name}_denominator": found and found.denominator}
        record |= _ends(f"{name}_denominator", found and found.denominator_interval)
    return record


def _ends(name, pair):
    return {f"{name}_low": pair and pair[0], f"{name}_high": pair and pair[1]}


def verdict_table(verdicts):
    """Every claim, over all datasets and on each."""
    many = len({verdict.group.label for verdict in verdicts}) > 1
    columns = [*(["group"] if many else []), "claim", "on", "verdict", "effect", "95% interval", "p", "corrected p"]
    columns += ["test", "n", "detectable"]
    rows = [Row(_verdict_cells(v, many), tags(v.group, v.scope if v.scope != "all datasets" else "")) for v in verdicts]
    caption = (
        "Effects are differences of weighted F1, positive in the claim's direction. p: how often chance alone would "
        "give as large an effect, either way. Corrected p: after Benjamini and Hochberg, for all tests of this report. "
        "A claim holds if the corrected p is below 0.05 and the interval lies above zero; else it does not hold if the "
        "interval lies below 0.01 (of a trend, per quarter, below 0.0025); else, and without an interval over seeds, "
        "there is not enough data. n: pairs (dataset and seed); over several "
        "datasets the interval counts each seed once. Detectable: the true effect that the test named under it, "
        "before correction, finds in four experiments of five (of a trend, a steady fall); not given below three "
        "seeds, nor where the effect is larger and the verdict open all the same, for it asks for more than that test."
    )
    return Table(
        "verdicts", "Every claim on every dataset", caption, columns, rows, [_verdict_record(v) for v in verdicts]
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


def _verdict_cells(verdict, many):
    estimated, test = verdict.estimated, verdict.test
    kind = {"holds": "holds", "does not hold": "fails"}.get(verdict.verdict, "open")
    cells = [*([verdict.group.label] if many else []), Cell(verdict.claim.text, f"({verdict.claim.letter})")]
    cells += [verdict.scope, Cell(verdict.verdict, kind=kind)]
    if estimated is None:
        return [*cells, *["\u2013"] * 7]
    cells += [number(estimated.effect, sign=True)]
    cells += [Cell(interval(estimated.interval), f"over {estimated.basis}" if estimated.basis else "")]
    cells += [p_value(test.p), p_value(verdict.p_corrected), test.name]
    detectable = Cell(number(verdict.detectable), verdict.detectable_by if verdict.detectable else "")
    return [*cells, Cell(str(estimated.pairs), count(verdict.datasets, "dataset")), detectable]


def _verdict_record(verdict):
    estimated, test = verdict.estimated, verdict.test
    record = {"group": verdict.group.label, "claim": f"({verdict.claim.letter}) {verdict.claim.text}"}
    record |= {"scope": verdict.scope, "verdict": verdict.verdict, "measures": verdict.claim.effect}
    record |= {"effect": estimated and estimated.effect, "basis": estimated and estimated.basis}
    for scope in ("over_both", "over_seeds", "over_examples"):
        record |= _ends(scope, estimated and getattr(estimated, scope))
    record |= {"p": test and test.p, "p_corrected": verdict.p_corrected, "test": test and test.name}
    record |= {"least_p": test and test.least_p, "n": estimated.pairs if estimated else 0}
    record |= {"datasets": verdict.datasets, "detectable": verdict.detectable}
    record |= {"detectable_by": verdict.detectable and verdict.detectable_by}
    return record | {"finding": " ".join(finding(verdict) + remarks(verdict)), "notes": "; ".join(verdict.notes)}
