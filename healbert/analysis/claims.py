"""The claims of arXiv 2406.14459 as contrasts: weighted sums of scores."""

import collections
import dataclasses
import itertools

from .contrasts import combine, quarter_weights
from .entries import fraction_hit, levels_label
from .metric import Metric
from .runs import INTACT, Damage


@dataclasses.dataclass(frozen=True)
class Column:
    """What one kind of damage says of a claim on one dataset.

    ``weights`` ({damage: weight}) are a contrast that is positive if the claim is true, of scores of which more is
    better; of a trend the mean score of a level. ``extent`` is the fraction of the encoder hit.
    """

    weights: dict
    extent: float = 0.0


@dataclasses.dataclass
class Question:
    """A claim as contrasts on some datasets.

    A contrast is {dataset: {damage: weight}}; its mean over datasets counts.

    Args:
        main: the one that the claim is about; without datasets where no run says anything of it.
        parts: {label: contrast}: each damage against intact, each level, or each step between neighbouring levels.
        levels: of a trend, {label: contrast}: the mean score of each level, intact first.
        first: of a trend, the step from intact to the least damage.
        span: of a trend, quarters of the encoder between the least and the most damage.
        notes: what is missing, in words.
    """

    main: dict
    parts: dict
    notes: list
    levels: dict = dataclasses.field(default_factory=dict)
    first: dict = dataclasses.field(default_factory=dict)
    span: float = 0.0


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim.

    ``columns(results, dataset)`` gives {label: `Column`}; damages that hit the same are one. ``trend`` says that
    columns are scores by level, whose fall per quarter counts, and not differences, whose mean does. ``needs`` says
    what a dataset without columns lacks. ``ratio`` says that the effect is a ratio, 1 where there is none. ``measure``
    is what stands in place of the score: a name in `MEASURES`.
    """

    letter: str
    text: str
    effect: str
    columns: object = None
    trend: bool = False
    needs: str = "such damage"
    ratio: bool = False
    measure: str = ""

    def margin(self, margin, span):
        """The effect below which a difference of ``margin`` does not count: of a trend, over its ``span`` quarters."""
        if self.ratio or self.measure or not margin:
            return None
        return margin / span if self.trend and span else margin

    def question(self, results, datasets):
        """The `Question` that this claim asks of some datasets of a `Results`."""
        columns, notes = {}, []
        for dataset in datasets:
            found = self.columns(results, dataset)
            lack = self._lack(results, dataset, found)
            if lack:
                notes.append(lack)
            else:
                columns[dataset] = found
        return (_trend if self.trend else _mean_of_columns)(results, columns, notes)

    def _lack(self, results, dataset, columns):
        """Why a dataset says nothing of this claim, or None if it does."""
        if not columns:
            return f"{dataset} has no scored runs of {self.needs}"
        if self.trend and not _extents_known(results, dataset, columns):
            return f"{dataset} has results.json without corruption.fraction_of_encoder, which slopes need"
        if self.trend and len({column.extent for column in columns.values()}) < 2:
            return f"{dataset} has damage of one extent; a trend needs two"
        return None


def _extents_known(results, dataset, columns):
    damages = {damage for column in columns.values() for damage in column.weights}
    return all(
        fraction_hit(run) is not None
        for damage in damages
        for members in results.get(dataset, damage).runs.values()
        for run in members
    )


def _mean_of_columns(results, columns, notes):
    """The mean over columns, and each column as a part."""
    main = {
        dataset: combine([(1 / len(found), column.weights) for column in found.values()])
        for dataset, found in columns.items()
    }
    parts = collections.defaultdict(dict)
    for dataset, found in columns.items():
        for label, column in found.items():
            parts[label][dataset] = column.weights
    return Question(main, dict(parts), notes + _absent(columns))


def _trend(results, columns, notes):
    """The slope over damaged levels, and each step between neighbours as a part."""
    main = {}
    for dataset, found in columns.items():
        factors = quarter_weights([column.extent for column in found.values()])
        main[dataset] = combine(list(zip(factors, (column.weights for column in found.values()), strict=True)))
    extents = {label: column.extent for found in columns.values() for label, column in found.items()}
    order = sorted(extents, key=extents.get)
    having = {label: {d: found[label].weights for d, found in columns.items() if label in found} for label in order}
    steps = {pair: _step(*(having[label] for label in pair)) for pair in itertools.pairwise(order)}
    parts = {pair: step for pair, step in steps.items() if step}
    with_intact = [] if results.intact_is_shared() else [d for d in columns if results.scores(d, INTACT)]
    intact = {dataset: {INTACT: 1} for dataset in with_intact}
    first = _step(intact, having[order[0]]) if order else {}
    levels = ({INTACT_LABEL: intact} if intact else {}) | having
    span = 4 * (extents[order[-1]] - extents[order[0]]) if order else 0.0
    return Question(main, parts, notes + _absent(columns), levels, first, span)


def _step(less, more):
    """The fall from one level to another on the datasets that have both."""
    return {d: combine([(1, less[d]), (-1, more[d])]) for d in less if d in more}


def _absent(columns):
    """What some datasets have and others lack: a list of texts."""
    labels = list(dict.fromkeys(label for found in columns.values() for label in found))
    lacking = {d: [label for label in labels if label not in found] for d, found in columns.items()}
    return [f"{dataset} without {', '.join(missing)}" for dataset, missing in lacking.items() if missing]


def _costs_of_damage(results, dataset, measure=""):
    scored = _scored(results, dataset, measure)
    if not any(INTACT in same for same in scored.values()):
        return {}
    kinds = {kind: same for kind, same in scored.items() if INTACT not in same}
    return {results.name_of(kind): Column({INTACT: 1, **_mean(same, -1)}, kind.extent) for kind, same in kinds.items()}


def _scores_by_level(region):
    def columns(results, dataset):
        row = {
            kind: same
            for kind, same in _scored(results, dataset).items()
            if kind.region in (region, "") and kind.extent > 0
        }
        if not any(damage.region == region for same in row.values() for damage in same):
            return {}
        return {
            results.levels_of(kind): Column(_mean(row[kind]), kind.extent)
            for kind in sorted(row, key=lambda kind: kind.extent)
        }

    return columns


def _bottom_against_top(results, dataset):
    """By pairs of kinds: levels at which both regions hit the same as at another level are one."""
    levels = collections.defaultdict(list)
    for level in results.levels:
        pair = tuple(results.kind_of.get(Damage(level, region)) for region in ("bottom", "top"))
        if None not in pair and all(kind.region and kind.extent for kind in pair):
            levels[pair].append(level)
    columns = {}
    for same in levels.values():
        here = [level for level in same if all(results.scores(dataset, Damage(level, r)) for r in ("bottom", "top"))]
        if here:
            tops, bottoms = ([Damage(level, region) for level in here] for region in ("top", "bottom"))
            columns[levels_label(same)] = Column(_mean(tops) | _mean(bottoms, -1))
    return columns


def _scored(results, dataset, measure=""):
    """{`Kind`: the dataset's damages of it that have a score, or what is measured in its place}."""

    def known(damage):
        if not measure:
            return bool(results.scores(dataset, damage))
        return any(measured(run, measure) is not None for run in results.get(dataset, damage).counted)

    found = {kind: [damage for damage in same if known(damage)] for kind, same in results.kinds(dataset).items()}
    return {kind: same for kind, same in found.items() if same}


def _mean(damages, sign=1):
    """Weights of the mean over damages."""
    return dict.fromkeys(damages, sign / len(damages))


def measured(run, measure):
    """What a run's healed features measure (`MEASURES`), or None."""
    return (run.part("features").get("healed") or {}).get(measure)


MEASURES = {  # as results.json names them under features.healed; of all of them more is better
    "silhouette": Metric(None, "silhouette", "silhouette"),
    "neighbour_agreement": Metric(None, "neighbour_agreement", "neighbour agreement"),
}


def _mixing(name, measure):
    return Claim(
        f"f, {name}",
        f"Damaged models' features mix the classes, by {MEASURES[measure].title}",
        f"{MEASURES[measure].title} of intact minus healed features, mean over kinds of damage",
        lambda results, dataset: _costs_of_damage(results, dataset, measure),
        needs="intact models and of damage with --tsne",
        measure=measure,
    )


INTACT_LABEL = "intact"  # of the level without damage
FALL = "fall per further quarter of the encoder, over damaged levels"

CLAIMS = (
    Claim(
        "a",
        "Healing does not fully restore the intact score",
        "intact minus healed, mean over kinds of damage",
        _costs_of_damage,
        needs="intact models and of damage",
    ),
    Claim("b, bottom", "More damage from the bottom, worse score", FALL, _scores_by_level("bottom"), trend=True),
    Claim("b, top", "More damage from the top, worse score", FALL, _scores_by_level("top"), trend=True),
    Claim(
        "c",
        "Bottom damage costs more than top damage at equal level",
        "top score minus bottom score, mean over levels",
        _bottom_against_top,
        needs="bottom and top damage at one level",
    ),
    _mixing("silhouette", "silhouette"),
    _mixing("neighbours", "neighbour_agreement"),
)
