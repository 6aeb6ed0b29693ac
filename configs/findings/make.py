"""Writes the tables behind docs/findings.md from the results of studies, and the page from the tables.

    python -m configs.findings.make                                       # the page, from the tables
    python -m configs.findings.make three_tasks=runs/three_tasks [...]    # first these studies' tables, from their runs

A study's table is configs/findings/NAME.csv. The page's text is page.md.j2, which holds no figure of its own.
"""

import argparse
import csv
import dataclasses
import math
import pathlib
import statistics

import jinja2

from healbert.analysis.against_full import against_full
from healbert.analysis.analysis import analyse
from healbert.analysis.kinds import kinds_of_damage
from healbert.analysis.statistics import Cell, NotFitted, detectable_difference, fit
from healbert.analysis.verdict import POOLED
from healbert.analysis.views import UNCOLLAPSED, collapsed
from healbert.results.schema import primary_score
from healbert.utils.errors import UserError
from healbert.utils.files import atomic_path

from . import studies

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "findings.md"


@dataclasses.dataclass
class Row:
    """One figure of a study.

    Args:
        kind: "verdict" of a claim, "without collapsed" runs the same, "score" of a run (``text`` has its seed), "mean"
            of a damage's scores, "difference" of such means, "lost" after a damage, "way" to heal against full
            fine-tuning, "best epoch" of a damage's runs (median, lowest, highest), "collapsed": how many of them did,
            or "made": how the runs came about.
        group, dataset, item: what it is of, in words; "" where that is all of them.
        value: the figure; low, high: its 95% interval; p: as in the report.
        text: the verdict, the seed, or what a row of "made" says.
        seeds: how many it rests on.
        detectable: the true effect that four studies of five like this one would have found.
    """

    kind: str
    group: str
    dataset: str
    item: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    text: str = ""
    seeds: int | None = None
    detectable: float | None = None

    @property
    def figure(self):
        """The figure to three digits."""
        return f"{self.value:.3f}"

    @property
    def half_width(self):
        """Half of the width of the interval, to two digits."""
        return f"{(self.high - self.low) / 2:.2f}"

    @property
    def holds_zero(self):
        return self.low < 0 < self.high

    @property
    def to_settle(self):
        """How many seeds find an effect as large as this one seems, in four studies of five: an interval shrinks by the
        root of their number. Of a verdict at least: its interval is over examples, too, which seeds do not narrow."""
        return math.ceil(self.seeds * (self.detectable / abs(self.value)) ** 2)

    @property
    def said(self):
        """The figure with its interval."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def lacking(self):
        """The same of what is less: the sign turned."""
        return f"{-self.value:.3f} ({-self.high:.3f} to {-self.low:.3f})"


FIELDS = [field.name for field in dataclasses.fields(Row)]


def rows_of(study, directory):
    """The rows of a study's table, from the folder of its runs.

    Args:
        study: `Study`.
        directory: as of `healbert report`.
    """
    analysis = analyse(directory)
    names = {id(group.group): _name(group.group, study.apart) for group in analysis.groups}
    rows = _made(analysis) + _means(analysis, names)
    rows += _verdicts(analysis, names) if study.verdicts else []
    rows += _differences(analysis, study.differences) if study.differences else []
    rows += _lost(analysis) if study.lost else []
    return rows + (_ways(analysis) if study.ways else [])


def _name(group, apart):
    found = {name: group.runs[0].config.get(name) for name in apart}
    return ", ".join(f"{name} {value}" for name, value in found.items()) or group.label


def _made(analysis):
    environments = analysis.study.environments
    commits = sorted({str(found.get("git_commit"))[:7] for found in environments})
    hours = sum(sum(run.part("timing").values()) for run in analysis.study.runs) / 3600
    return [
        Row("made", "", "", "runs", len(analysis.study.runs)),
        Row("made", "", "", "commits", text=" ".join(commits)),
        Row("made", "", "", "hours", hours),
        Row("made", "", "", "collapsed", sum(map(collapsed, analysis.study.runs))),
    ]


def _means(analysis, names):
    rows = []
    for group in analysis.groups:
        for (dataset, damage), entry in group.results.entries.items():
            if values := entry.values:
                of = names[id(group.group)], dataset, str(damage)
                rows += [_score(of, run) for run in entry.counted]
                rows.append(Row("mean", *of, statistics.mean(values), seeds=len(values)))
                rows += _courses(of, entry.counted)
    return rows


def _score(of, run):
    return Row("score", *of, primary_score(run.results, "healed"), text=f"seed {run.config['seed']}")


def _courses(of, runs):
    """How the runs of one damage went: when they were at their best, and how many answer with one class."""
    epochs, stuck = [run.results.get("best_epoch") for run in runs], sum(map(collapsed, runs))
    rows = [Row("collapsed", *of, stuck, seeds=len(runs))] if stuck else []
    if None in epochs:
        return rows
    return [*rows, Row("best epoch", *of, statistics.median(epochs), min(epochs), max(epochs), seeds=len(runs))]


def _verdicts(analysis, names):
    rows = []
    for verdict in analysis.verdicts:
        outcome = verdict.outcome
        if outcome is None:
            continue
        low, high = outcome.interval or (None, None)
        whose = names[id(verdict.group)], "" if verdict.scope == POOLED else verdict.scope
        about = verdict.ruling.p, verdict.verdict, outcome.seeds, verdict.detectable
        rows.append(Row("verdict", *whose, verdict.claim.letter, outcome.effect, low, high, *about))
        without = verdict.rulings.get(UNCOLLAPSED) if verdict.collapsed else None
        if without and without.outcome and without.outcome.interval:
            found = without.outcome.effect, *without.outcome.interval, without.p, without.verdict, without.outcome.seeds
            rows.append(Row("without collapsed", *whose, verdict.claim.letter, *found))
    return rows


def _differences(analysis, differences):
    """Contrasts of means across groups: a mixed model of all scores, and one of each dataset."""
    scores, rows = _scores(analysis, differences), []
    datasets = sorted({dataset for dataset, _ in scores})
    for chosen in [datasets] + ([[dataset] for dataset in datasets] if len(datasets) > 1 else []):
        cells = [
            Cell(dataset, kind, seed, score)
            for (dataset, kind), found in scores.items()
            for seed, score in found.items()
            if dataset in chosen
        ]
        try:
            model = fit(cells)
        except NotFitted as error:
            raise UserError(f"the scores of {', '.join(chosen)} have no mixed model: {error.reason}") from error
        seeds = len({cell.seed for cell in cells})
        for name, weighted in differences.items():
            weights = {}
            for weight, wanted in weighted:
                for dataset in chosen:
                    place = dataset, _kind(scores, dataset, wanted)
                    weights[place] = weights.get(place, 0) + weight / len(chosen)
            found = model.contrast(weights)
            of = "" if chosen == datasets else chosen[0]
            least = detectable_difference(found.error, found.df)
            rows.append(Row("difference", "", of, name, found.effect, *found.interval, found.p, "", seeds, least))
    return rows


def _scores(analysis, differences):
    """{(dataset, kind of damage): {seed: score, more being better}}; a kind is (damage, {setting: value} as pairs).

    Settings are those in which groups differ, so that no two kinds are one, and those that differences name.
    """
    named = {name for parts in differences.values() for _, wanted in parts for name, _ in wanted.settings}
    named = sorted(named.union(*(group.group.settings for group in analysis.groups)) - {"scored by"})
    scores = {}
    for results in (group.results for group in analysis.groups):
        for (dataset, damage), entry in results.entries.items():
            if entry.counted:
                config = entry.counted[0].config
                kind = str(damage), tuple((name, config.get(name)) for name in named)
                scores[dataset, kind] = results.oriented(dataset, damage)
    return scores


def _kind(scores, dataset, wanted):
    """The one kind of damage of a dataset that a `Means` is of."""
    kinds = [kind for of, kind in scores if of == dataset and kind[0] == wanted.damage]
    found = [kind for kind in kinds if set(wanted.settings) <= set(kind[1])]
    if len(found) != 1:
        raise UserError(f"{dataset} has {len(found)} kinds of damage like {wanted}; it takes one")
    return found[0]


def _lost(analysis):
    rows = []
    for kind in (kind for kinds in kinds_of_damage(analysis.groups) for kind in kinds):
        cost = kind.costs.get(None)
        if cost and cost.lost and cost.lost.interval:
            rows.append(Row("lost", "", "", kind.label, cost.lost.effect, *cost.lost.interval, seeds=cost.lost.seeds))
    return rows


def _ways(analysis):
    rows = []
    for _, lines in against_full(analysis.groups):
        for line in (line for line in lines if line.interval):
            rows.append(Row("way", "", "", f"{line.name}, {line.damage or 'all'}", line.gain, *line.interval, line.p))
    return rows


def write(name, rows):
    """Writes a study's table."""
    with atomic_path(HERE / f"{name}.csv") as path, open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(FIELDS)
        for row in rows:
            values = (getattr(row, field) for field in FIELDS)
            table.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in values])


def read(name):
    """The rows of a study's table."""
    with open(HERE / f"{name}.csv", encoding="utf-8", newline="") as file:
        return [_row(values) for values in csv.DictReader(file)]


def _row(values):
    numbers = {"value", "low", "high", "p", "detectable"}
    typed = {k: (float(v) if v else None) if k in numbers else v for k, v in values.items()}
    return Row(**typed | {"seeds": int(values["seeds"]) if values["seeds"] else None})


def page():
    """The text of docs/findings.md, from the tables and page.md.j2.

    In the template, ``of("three_tasks", "verdict", "c")`` is the row of that kind and item, over all datasets unless
    ``dataset=`` or ``group=`` says which; it is an error if there is none, or are several. ``rows("beyond_healing",
    "way", "bottom 50%")`` are those whose item has these words in it.
    """
    tables = {path.stem: read(path.stem) for path in HERE.glob("*.csv")}

    def of(study, kind, item, dataset="", group=None):
        rows = [r for r in tables[study] if (r.kind, r.item, r.dataset) == (kind, item, dataset)]
        rows = rows if group is None else [row for row in rows if group in row.group]
        if len(rows) != 1:
            asked = f"{kind}, {item}, {dataset}, {group}"
            raise UserError(f"{study}.csv has {len(rows)} rows like {asked}; it takes one")
        return rows[0]

    def some(study, kind, words=""):
        return [row for row in tables[study] if row.kind == kind and words in row.item]

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string((HERE / "page.md.j2").read_text(encoding="utf-8")).render(of=of, rows=some)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(studies.STUDIES)
    parser.add_argument("studies", nargs="*", metavar="NAME=RUNS", help=f"one of {names}, and its folder")
    try:
        for given in parser.parse_args().studies:
            name, _, directory = given.partition("=")
            if name not in studies.STUDIES or not directory:
                raise UserError(f"{given!r} is no NAME=RUNS; names are {names}")
            write(name, rows_of(studies.STUDIES[name], directory))
        with atomic_path(PAGE) as path:
            pathlib.Path(path).write_text(page(), encoding="utf-8")
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
