"""How fast healing goes, and what more examples bring."""

import numpy as np

from ...analysis.curves import SHARES, speeds, training_examples
from ...analysis.families import families
from ...utils.registry import register
from ..text import DASH, number
from .base import Cell, Row, Table, file_stem, tags, to_runs
from .main import mean_and_spread

SIZE = "max_train_samples"


@register("table", "speed")
def speed(analysis):
    """Examples and seconds until shares of the intact score, and the area under the curve."""
    return [table for group in analysis.groups if (table := _speed_table(group))]


def _speed_table(analysed):
    group, found = analysed.group, speeds(analysed.results)
    if not found:
        return None
    timed = any(values for one in found for values in one.seconds.values())
    kinds = ["examples", *(["seconds"] if timed else [])]
    columns = ["dataset", "damage", *(f"{kind} to {100 * s:.0f}%" for kind in kinds for s in SHARES), "mean score"]
    rows = [Row(_speed_cells(one, kinds, analysed.results), tags(group, one.dataset)) for one in found]
    caption = (
        f"At the first evaluation whose {analysed.metric.title} reaches a share of the intact model's (mean over "
        "seeds, at its best epoch): training examples seen until then, each as often as it was seen, and seconds of "
        "the optimizer's steps on the run's machine. Means over the seeds that reach it, their number under it where "
        "it is not all; a dash where none does. It is as fine as evaluations are (--eval_strategy steps). Mean score: "
        "the area under the curve from before healing to the last epoch, divided by its length."
    )
    title = f"How fast it heals: {group.label}"
    records = [_speed_record(group, one) for one in found]
    return Table(file_stem("speed", group), title, caption, columns, rows, records, group)


def _speed_cells(one, kinds, results):
    damage = Cell(str(one.damage), link=to_runs(results.numbers([one.dataset], [one.damage])))
    until = [_until(getattr(one, kind)[share], one.runs) for kind in kinds for share in SHARES]
    return [one.dataset, damage, *until, number(np.mean(one.area) if one.area else None)]


def _until(values, runs):
    note = f"{len(values)} of {runs} runs" if values and len(values) < runs else ""
    mean = np.mean(values) if values else 0
    return Cell((f"{mean:,.0f}" if mean >= 100 else f"{mean:.3g}") if values else DASH, note)


def _speed_record(group, one):
    record = {"group": group.label, "dataset": one.dataset, "level": one.damage.level}
    record |= {"region": one.damage.region or "shared", "runs": one.runs}
    for kind in ("examples", "seconds"):
        for share, values in getattr(one, kind).items():
            record[f"{kind}_to_{100 * share:.0f}"] = float(np.mean(values)) if values else None
            record[f"{kind}_to_{100 * share:.0f}_runs"] = len(values)
    return record | {"mean_score": float(np.mean(one.area)) if one.area else None}


@register("table", "data-efficiency")
def data_efficiency(analysis):
    """Score by number of training examples, where a study varies it."""
    found = families(analysis.groups, SIZE.__eq__)
    return [_size_table(family, i if len(found) > 1 else 0) for i, family in enumerate(found, 1)]


def by_size(family, dataset, damage):
    """{training examples: (`Group`, scores over seeds, numbers of runs)} of an entry in all groups, ascending.

    Groups that train on the same number, as those do that ask for more examples than there are, are one: of each seed
    the mean counts.
    """
    found = {}
    for analysed in family.groups:
        entry = analysed.results.get(dataset, damage)
        if entry and entry.values:
            run = next(run for members in entry.runs.values() for run in members)
            size = training_examples(run)
            if size is not None:
                _, scores, runs = found.setdefault(size, (analysed.group, {}, []))
                for seed, score in entry.scores().items():
                    scores.setdefault(seed, []).append(score)
                runs += [run.number for run in entry.counted]
    return {
        size: (group, [float(np.mean(same)) for same in scores.values()], runs)
        for size, (group, scores, runs) in sorted(found.items())
    }


def _size_table(family, number_):
    found = {place: by_size(family, *place) for place in family.places}
    sizes = sorted({size for of in found.values() for size in of})
    if len(sizes) < 2:
        return None
    rows = [
        Row([dataset, str(damage), *(_size_cell(of, size) for size in sizes)], tags(family.groups[0].group, dataset))
        for (dataset, damage), of in found.items()
        if of
    ]
    records = [
        {"family": family.label, "dataset": dataset, "level": damage.level, "region": damage.region or "shared"}
        | {"examples": size, "mean": float(np.mean(values)), "n": len(values)}
        for (dataset, damage), of in found.items()
        for size, (_, values, _) in of.items()
    ]
    title = f"{family.metric.capital} by number of training examples: {family.label}"
    caption = "After healing: mean \u00b1 standard deviation over seeds, each at the best learning rate of its number."
    name = f"data-efficiency-{number_}" if number_ else "data-efficiency"
    return Table(name, title, caption, ["dataset", "damage", *(f"{size:,}" for size in sizes)], rows, records)


def _size_cell(of, size):
    if size not in of:
        return Cell("", "no run", "missing")
    _, values, runs = of[size]
    return Cell(mean_and_spread(values), f"n {len(values)}", link=to_runs(runs))
