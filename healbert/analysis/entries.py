"""For every dataset and damage: the best learning rate's runs, one score per seed, and what failed."""

import collections
import dataclasses
import functools

import numpy as np

from ..results.schema import baseline_of
from .runs import ALL, INTACT, Damage, natural

OUTSIDE = "outside the layers"  # where damage lies that hits none of them, as that of the embeddings alone
STAGE_OF_CHOICE = {"best_eval": "healed", "dev": "dev"}


@dataclasses.dataclass
class Entry:
    """What is known of one dataset under one damage.

    ``rates`` maps learning rates to {repetition: completed runs}; ``rate`` is the chosen one; ``without_score`` counts
    runs without a score by (learning rate, status).
    """

    dataset: str
    damage: Damage
    rates: dict
    rate: float | None
    without_score: collections.Counter
    _known: dict = dataclasses.field(default_factory=dict, repr=False)

    @property
    def runs(self):
        """{repetition: completed runs} at the chosen learning rate."""
        return self.rates.get(self.rate, {})

    @property
    def counted(self):
        """The runs of ``runs``, a list."""
        return [run for members in self.runs.values() for run in members]

    def scores(self, stage="healed"):
        """{repetition: score}; several runs of a repetition (crossed seeds) count as their mean."""
        if stage not in self._known:
            self._known[stage] = _scores(self.runs, stage)
        return self._known[stage]

    @property
    def values(self):
        return list(self.scores().values())

    def without_score_here(self):
        """{status: count} of runs without a score at the chosen learning rate, or at all if none could be chosen."""
        counts = collections.Counter()
        for (rate, status), count in self.without_score.items():
            if self.rate is None or rate == self.rate:
                counts[status] += count
        return counts

    def without_score_elsewhere(self):
        return sum(self.without_score.values()) - sum(self.without_score_here().values())


def _scores(runs, stage):
    found = {key: [run.score(stage) for run in members] for key, members in runs.items()}
    return {key: float(np.mean(values)) for key, values in found.items() if None not in values}


def entries(group):
    """{(dataset, damage): Entry} of a `Group`."""
    sorted_runs = collections.defaultdict(list)
    for run in group.runs:
        sorted_runs[run.dataset, run.damage].append(run)
    ordered = sorted(sorted_runs, key=lambda key: (key[0], key[1].level, natural(key[1].region)))
    return {key: _entry(group, *key, sorted_runs[key]) for key in ordered}


def _entry(group, dataset, damage, runs):
    rates, without_score = {}, collections.Counter()
    for run in runs:
        if run.status != "completed":
            without_score[run.rate, run.status] += 1
        elif None in (run.score("healed"), run.score(STAGE_OF_CHOICE[group.selection])):
            without_score[run.rate, "without a score"] += 1
        else:
            rates.setdefault(run.rate, {}).setdefault(group.repetition(run), []).append(run)
    ordered = {rate: dict(sorted(rates[rate].items(), key=str)) for rate in sorted(rates)}
    chosen = _choose(ordered, STAGE_OF_CHOICE[group.selection], group.metric.sign)
    return Entry(dataset, damage, ordered, chosen, without_score)


def _choose(rates, stage, sign):
    """The learning rate of the best mean among those with scores of the most seeds; the smaller one of equals.

    One lucky seed, of a sweep that is half finished or whose other seeds have no score, chooses nothing.
    """
    scored = {rate: list(_scores(runs, stage).values()) for rate, runs in rates.items()}
    known = {rate: (len(values), sign * np.mean(values)) for rate, values in scored.items() if values}
    # Rates ascend, and max takes the first of equals: the smaller one.
    return max(known, key=known.get) if known else None


class Kind(collections.namedtuple("Kind", "region extent")):
    """What was hit: the region ("" at 0 and 1) and the fraction of the encoder; where that is unknown, the level.

    The region of damage that hits none of the encoder is `OUTSIDE`; the intact model's is "".
    """


class Results:
    """The entries of a group and what is asked of them."""

    def __init__(self, group):
        self.group, self.entries, self.metric = group, entries(group), group.metric
        self.datasets = group.datasets
        self.damages = sorted({damage for _, damage in self.entries}, key=damage_order)
        self.levels = sorted({damage.level for damage in self.damages})
        self.regions = sorted({damage.region for damage in self.damages} - {""}, key=natural) or [""]

    def get(self, dataset, damage):
        """The `Entry`, or None."""
        return self.entries.get((dataset, damage))

    def scores(self, dataset, damage, stage="healed"):
        """{repetition: score}, empty where there is none."""
        entry = self.get(dataset, damage)
        return entry.scores(stage) if entry else {}

    def oriented(self, dataset, damage, stage="healed"):
        """The same, turned so that more is better: what contrasts are made of."""
        return {key: self.metric.sign * score for key, score in self.scores(dataset, damage, stage).items()}

    def numbers(self, datasets, damages):
        """The numbers of the runs that count for some datasets under some damages: a list."""
        found = [entry for dataset in datasets for damage in damages if (entry := self.get(dataset, damage))]
        return [run.number for entry in found for run in entry.counted]

    def damages_of(self, dataset):
        return [damage for damage in self.damages if (dataset, damage) in self.entries]

    def repetitions(self, dataset):
        """Every seed that some run of the dataset has, with a score or without."""
        runs = [run for run in self.group.runs if run.dataset == dataset]
        if self.group.repeated == "corrupt_seed":
            runs = [run for run in runs if run.damage != INTACT] or runs
        return sorted({self.group.repetition(run) for run in runs}, key=str)

    def intact_is_shared(self):
        """Whether one intact run stands beside several draws of the damage."""
        return self.group.repeated == "corrupt_seed"

    @functools.cached_property
    def kind_of(self):
        """{damage: `Kind`}: those that hit the same, as 25% and 30% of six layers do, are of one kind."""
        return {damage: self._kind(damage) for damage in self.damages}

    def _kind(self, damage):
        fractions = [fraction_hit(run) for run in self._completed(damage, self.datasets)]
        known = [fraction for fraction in fractions if fraction is not None] if damage != INTACT else []
        mean = float(np.mean(known)) if known else damage.level
        extent = round(mean, 6) or float(f"{mean:.6g}")  # a few weights of many are not none
        if damage != INTACT and not extent:
            return Kind(OUTSIDE, extent)
        return Kind("" if extent in (0, 1) else damage.region, extent)

    def is_outside(self, damage):
        """Whether a damage lies outside the layers."""
        return self.kind_of[damage].region == OUTSIDE

    def kinds(self, dataset):
        """{`Kind`: the dataset's damages of it}, in the order of `Kind`."""
        found = collections.defaultdict(list)
        for damage in self.damages_of(dataset):
            found[self.kind_of[damage]].append(damage)
        return dict(sorted(found.items()))

    def levels_of(self, kind):
        """The levels of a kind on whatever dataset, as text: "25% and 30%"."""
        levels = {damage.level for damage, its in self.kind_of.items() if its == kind}
        return levels_label(sorted(levels))

    def name_of(self, kind):
        """A kind of damage as text: "bottom 25% and 30%"."""
        return OUTSIDE if kind.region == OUTSIDE else f"{kind.region or 'all'} {self.levels_of(kind)}"

    def on_row(self, region):
        """The damages of a region's row, levels ascending, with the two ends that regions share."""
        return [damage for damage in self.damages if damage.region in (region, "")]

    @property
    def lines(self):
        """What has a line in a figure by extent: the regions of damage in the layers, and `OUTSIDE` if some is."""
        inside = {damage.region for damage in self.damages if not self.is_outside(damage)} - {""}
        inside = sorted(inside, key=natural) or [""]
        return inside + ([OUTSIDE] if any(map(self.is_outside, self.damages)) else [])

    def on_line(self, line):
        """The damages of one of `lines`, levels ascending; of a region's with the two ends that regions share."""
        if line == OUTSIDE:
            return [damage for damage in self.damages if self.is_outside(damage)]
        return [damage for damage in self.on_row(line) if not self.is_outside(damage)]

    def hit(self, damage, datasets=None):
        """What the damage hit, for example "2 of 6 layers"; "" if it is not known, or not the same everywhere."""
        texts = {hit(run) for run in self._completed(damage, datasets or self.datasets)}
        return texts.pop() if len(texts) == 1 else ""

    def true_level(self, damage, datasets):
        """The fraction of the encoder that was damaged: whole layers seldom make just the level asked for."""
        if damage == INTACT:
            return 0.0
        found = [fraction_hit(run) for run in self._completed(damage, datasets)]
        return None if None in found or not found else float(np.mean(found))

    def _completed(self, damage, datasets):
        rates = [entry.rates for dataset in datasets if (entry := self.get(dataset, damage))]
        return [run for runs in rates for found in runs.values() for members in found.values() for run in members]

    def majority(self, dataset):
        """The score of the answer that needs no model (of classification: always the commonest class), or None."""
        runs = (run for run in self.group.runs if run.dataset == dataset)
        found = (run.part("task").get("majority") for run in runs)
        return next((value for value in found if value is not None), None)

    def baseline(self):
        """What `majority` is, as `results.schema.baseline_of` says; in general where the runs are of several types."""
        found = {tuple(baseline_of({"task": run.part("task")}).items()) for run in self.group.runs}
        return dict(found.pop()) if len(found) == 1 else {"name": "baseline", "says": "the answer that needs no model"}


def fraction_hit(run):
    """The fraction of the encoder that a run's receipt says was damaged, or None."""
    return run.part("corruption").get("fraction_of_encoder")


def levels_label(levels):
    return " and ".join(f"{100 * level:.4g}%" for level in levels)


def hit(run):
    """What a run's damage hit: layers, or by parameters the fraction they make; "" if there is none or unknown."""
    found = run.part("corruption")
    layers, total, fraction = (found.get(name) for name in ("layers_hit", "num_layers", "fraction_of_encoder"))
    if run.damage == INTACT or None in (layers, total, fraction):
        return ""
    if found.get("unit") == "parameter":
        return f"{100 * fraction:.4g}% of the encoder"
    return f"{len(layers)} of {total} layers"


def damage_order(damage):
    """Intact first, then regions by name and levels ascending, all of it last."""
    return ({INTACT: 0, ALL: 2}.get(damage, 1), natural(damage.region), damage.level)
