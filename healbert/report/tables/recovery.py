"""What damage cost, and how far healing came: a line per damage."""

from ...analysis.contrasts import has_scratch
from ...analysis.runs import INTACT
from ...analysis.verdict import SHARED_INTACT
from ...utils.registry import register
from ..fractions import direction, few_seeds, fraction_note, least_difference
from ..text import DASH, interval, number, percent
from .base import Cell, Row, Table, ends, file_stem, tags, to_runs


@register("table", "recovery")
def recovery(analysis):
    """What stays lost, what is retained, recovery, and the scores behind them, a table for each group."""
    return [_table(group) for group in analysis.groups]


def _table(analysed):
    group, costs = analysed.group, analysed.costs
    scratch = has_scratch(analysed.results)
    columns = ["dataset", "damage", "lost", *(["retained"] if scratch else []), "recovery"]
    columns += [
        analysed.results.baseline()["name"],
        "damaged, before healing",
        "intact, before healing",
        "healed",
        "intact, same training",
    ]
    columns += ["from scratch", "above scratch"] if scratch else []
    shown = [cost for cost in costs if cost.damage != INTACT]
    rows = [Row(_cost_cells(cost, scratch, analysed.results), tags(group, cost.dataset or "")) for cost in shown]
    records = [_cost_record(group, cost) for cost in costs]
    title = f"What damage cost and how far healing came: {group.label}"
    name, caption = file_stem("recovery", group), _caption(analysed, scratch)
    return Table(name, title, caption, columns, rows, records, group, shown=bool(rows))


def _caption(analysed, scratch):
    caption = (
        f"{analysed.metric.capital}, means over seeds. Lost: intact minus healed, both after the same training. "
        f"{direction(analysed.metric)}Recovery: (healed "
        "\u2212 damaged) / (intact \u2212 damaged), how much healing covered of the way from the damaged model's score "
        "before healing to the intact model's after the same training. Part of that way, often most, is learning the "
        "task, which lies before the intact model, too: see intact, before healing. Intervals of fractions are "
        "Fieller's, 95%, over paired seeds, and not shown where they are wider than 200 percentage points. A "
        f"fraction is undefined where the difference to divide by is {least_difference(analysed.metric)}. Over all "
        "datasets a fraction is that of the summed differences, also of datasets where it is undefined by itself."
    )
    baseline = analysed.results.baseline()
    caption += f" {baseline['name'].capitalize()}: {baseline['says']}."
    if scratch:
        caption += (
            " From scratch: healed after 100% damage, when only what lies outside the layers is pretrained. Above "
            "scratch: healed minus from scratch. Retained: that, as a fraction of what all pretrained layers add "
            "(intact minus from scratch)."
        )
    if analysed.results.intact_is_shared():
        caption += f" {SHARED_INTACT[0].upper()}{SHARED_INTACT[1:]}s."
    return caption


def _cost_cells(cost, scratch, results):
    runs = to_runs(results.numbers(results.datasets if cost.dataset is None else [cost.dataset], [cost.damage]))
    cells = [cost.dataset or Cell("all datasets", "their mean"), Cell(str(cost.damage), cost.layers, link=runs)]
    cells.append(_estimate_cell(cost.lost))
    cells += [*([_fraction_cell(cost.retained)] if scratch else []), _fraction_cell(cost.recovery)]
    cells += [number(v) for v in (cost.majority, cost.damaged, cost.untrained, cost.healed, cost.intact)]
    return cells + ([number(cost.scratch), _estimate_cell(cost.above_scratch)] if scratch else [])


def _estimate_cell(estimated):
    if estimated is None:
        return Cell(DASH)
    over = f", {estimated.basis} only" if estimated.basis in ("seeds", "examples") else ""
    note = interval(estimated.interval) + over if estimated.interval else few_seeds(estimated)
    return Cell(number(estimated.effect), note)


def _fraction_cell(ratio):
    if ratio is None:
        return Cell(DASH)
    return Cell("undefined" if ratio.value is None else percent(ratio.value), fraction_note(ratio))


def _cost_record(group, cost):
    record = {"group": group.label, "dataset": cost.dataset or "all datasets", "level": cost.damage.level}
    record |= {"region": cost.damage.region or "shared", "layers": cost.layers}
    record |= {name: getattr(cost, name) for name in ("majority", "damaged", "untrained", "healed")}
    record |= {"intact": cost.intact, "scratch": cost.scratch}
    # The columns "worth" and "kept" keep the names that readers' scripts know.
    for name, found in (("lost", cost.lost), ("worth", cost.above_scratch)):
        record |= {name: found and found.effect, f"{name}_n": found and found.pairs}
        for scope in ("over_seeds", "over_examples", "over_both"):
            record |= ends(f"{name}_{scope}", found and getattr(found, scope))
    for name, found in (("recovery", cost.recovery), ("kept", cost.retained)):
        record |= {name: found and found.value, f"{name}_n": found and found.pairs}
        record |= ends(name, found and found.interval)
        record |= {f"{name}_denominator": found and found.denominator}
        record |= ends(f"{name}_denominator", found and found.denominator_interval)
    return record
