"""What damage cost, and how far healing came: a line per damage."""

from ...analysis.collect import ALL, INTACT
from ...analysis.verdicts import SHARED_INTACT
from ..sentences import few_seeds, share_note
from ..text import interval, number, percent
from .base import Cell, Row, Table, ends, file_stem, tags


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
            record |= ends(f"{name}_{scope}", found and getattr(found, scope))
    for name, found in (("recovery", cost.recovery), ("kept", cost.kept)):
        record |= {name: found and found.value, f"{name}_n": found and found.pairs}
        record |= ends(name, found and found.interval)
        record |= {f"{name}_denominator": found and found.denominator}
        record |= ends(f"{name}_denominator", found and found.denominator_interval)
    return record
