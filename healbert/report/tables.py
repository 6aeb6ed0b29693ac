"""The tables of a report: figures for reading, and the same in full precision for CSV."""

import dataclasses

import numpy as np

from .collect import ALL, INTACT, Damage
from .wording import PLUS_MINUS, count, finding, interval, number, p_value, percent, rate_text

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
        "best_eval": "has the best mean weighted F1 on the evaluation split, which flatters every entry alike",
        "dev": "has the best mean weighted F1 on the held-out part of train",
    }[group.selection]
    caption = (
        f"Weighted F1 after healing: mean {PLUS_MINUS} standard deviation over seeds. Under it the difference "
        "from intact, paired by seed, the number of seeds, the chosen learning rate, and runs without a score, which "
        f"no mean has in it. Each entry is of the learning rate that {chosen}. Regions share levels 0 and 100%."
    )
    columns = ["dataset", "region", *("intact" if level == 0 else f"{100 * level:.4g}%" for level in results.levels)]
    records = [_main_record(results, key) for key in results.entries]
    title = f"Weighted F1 by damage: {group.label}"
    return Table(file_stem("main", group), title, caption, columns, rows, records, tags(group))


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
    record |= {"learning_rate": entry.rate, "selection": group.selection, "n": len(entry.values)}
    for stage in ("healed", "damaged", "dev", "test"):
        values = list(entry.scores(stage).values())
        record[f"{stage}_mean"] = np.mean(values) if values else None
        record[f"{stage}_sd"] = np.std(values, ddof=1) if len(values) > 1 else None
    lost = entry.lost_here()
    record |= {"failed": lost["failed"], "diverged": lost["diverged"], "lost_at_other_rates": entry.lost_elsewhere()}
    return record | {"scores_by_seed": " ".join(f"{seed}:{score:.6f}" for seed, score in entry.scores().items())}


def cost_table(results, costs):
    """Reference points and recovery, a line per damage."""
    group = results.group
    scratch = any(cost.damage == ALL for cost in costs)
    columns = ["dataset", "damage", "layers", "majority", "damaged", "healed", "intact", "lost", "recovery"]
    columns += ["from scratch", "worth of what survived"] if scratch else []
    shown = [cost for cost in costs if cost.damage != INTACT]
    rows = [Row(_cost_cells(cost, scratch), tags(group, cost.dataset or "")) for cost in shown]
    caption = (
        "Weighted F1, means over seeds. Majority: always answering the commonest class. Damaged: before healing. "
        "Intact: the undamaged model after the same training. Lost: intact minus healed. Recovery: (healed \u2212 "
        "damaged) / (intact \u2212 damaged), 100% is full recovery; its 95% interval (Fieller's, over paired seeds) "
        "holds however uncertain the denominator is, and where that may be zero recovery is undefined: a share of "
        "nothing means nothing."
    )
    if scratch:
        caption += (
            " From scratch: healed after 100% damage, when only what lies outside the layers is pretrained. Worth of "
            "what survived: healed minus from scratch, and its share of what all pretrained layers are worth."
        )
    records = [_cost_record(group, cost) for cost in costs]
    title = f"What damage took and healing brought back: {group.label}"
    return Table(file_stem("recovery", group), title, caption, columns, rows, records, tags(group))


def _cost_cells(cost, scratch):
    cells = [cost.dataset or Cell("all datasets", "their mean"), str(cost.damage), cost.layers or "\u2013"]
    cells += [number(v) for v in (cost.majority, cost.damaged, cost.healed, cost.intact)]
    cells += [_estimate_cell(cost.drop), _recovery_cell(cost.recovery)]
    if scratch:
        share = cost.kept and cost.kept.value
        worth = _estimate_cell(cost.worth)
        cells += [number(cost.scratch), Cell(worth.text, ", ".join(filter(None, (worth.note, _share(share)))))]
    return cells


def _share(value):
    return "" if value is None else f"{percent(value)} of all"


def _estimate_cell(estimated):
    if estimated is None:
        return Cell("\u2013")
    over = f", {estimated.basis} only" if estimated.basis in ("seeds", "examples") else ""
    return Cell(number(estimated.effect), interval(estimated.interval) + over if estimated.interval else "one seed")


def _recovery_cell(recovery):
    if recovery is None:
        return Cell("\u2013")
    if recovery.value is None:
        spread = f" ({interval(recovery.denominator_interval)})" if recovery.denominator_interval else ""
        return Cell("undefined", f"the damage took {number(recovery.denominator)}{spread}")
    return Cell(percent(recovery.value), interval(recovery.interval, percent) if recovery.interval else "one seed")


def _cost_record(group, cost):
    record = {"group": group.label, "dataset": cost.dataset or "all datasets", "level": cost.damage.level}
    record |= {"region": cost.damage.region or "shared", "layers": cost.layers}
    record |= {name: getattr(cost, name) for name in ("majority", "damaged", "healed", "intact", "scratch")}
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
        "A claim holds if the corrected p is below 0.05 and the interval over seeds lies above zero; it does not hold "
        "if that interval lies below 0.01; else there is not enough data. n: pairs (dataset and seed); over several "
        "datasets the interval counts each seed once. Detectable: the true effect that the test named under it, "
        "before correction, finds in four experiments of five; not given below three seeds."
    )
    return Table(
        "verdicts", "Every claim on every dataset", caption, columns, rows, [_verdict_record(v) for v in verdicts]
    )


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
    return record | {"finding": finding(verdict), "notes": "; ".join(verdict.notes)}
