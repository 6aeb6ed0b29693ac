"""The claims of arXiv 2406.14459 as contrasts: weighted sums of scores."""

import collections
import dataclasses

from .collect import INTACT, Damage
from .contrasts import combine, quarter_weights
from .entries import levels_label


@dataclasses.dataclass
class Claim:
    """One claim.

    ``columns(results, dataset)`` gives {label: {damage: weight}}, contrasts that are positive if the claim is true, of
    scores of which more is better; damages that hit the same are one. ``trend`` says that they are scores by level,
    whose fall per quarter counts, and not differences, whose mean does.
    """

    letter: str
    text: str
    effect: str
    columns: object
    trend: bool = False

    def negligible(self, metric):
        """The effect below which the claim surely does not hold; that of a trend is given over the whole encoder."""
        return metric.smallest_difference / 4 if self.trend else metric.smallest_difference

    def weights(self, block):
        """The one contrast that the claim is about, from the columns of a `Block` that are complete."""
        factors = quarter_weights(block.fractions) if self.trend else [1 / len(block.labels)] * len(block.labels)
        return combine(list(zip(factors, (block.columns[label] for label in block.labels), strict=True)))


def _costs_of_damage(results, dataset):
    kinds = {kind: same for kind, same in results.kinds(dataset).items() if kind.extent > 0}
    return {results.name_of(kind): {INTACT: 1, **_mean(same, -1)} for kind, same in kinds.items()}


def _scores_by_level(region):
    def columns(results, dataset):
        row = {kind: same for kind, same in results.kinds(dataset).items() if kind.region in (region, "")}
        if not any(damage.region == region for same in row.values() for damage in same):
            return {}
        return {
            results.levels_of(kind): _mean(row[kind])
            for kind in sorted(row, key=lambda kind: kind.extent)
            if not (kind.extent == 0 and results.intact_is_shared())
        }

    return columns


def _bottom_against_top(results, dataset):
    """By pairs of kinds: levels at which both regions hit the same as at another level are one."""
    levels = collections.defaultdict(list)
    for level in results.levels:
        pair = tuple(results.kind_of.get(Damage(level, region)) for region in ("bottom", "top"))
        if None not in pair and all(kind.region for kind in pair):
            levels[pair].append(level)
    columns = {}
    for same in levels.values():
        here = [level for level in same if all(results.get(dataset, Damage(level, r)) for r in ("bottom", "top"))]
        if here:
            tops, bottoms = ([Damage(level, region) for level in here] for region in ("top", "bottom"))
            columns[levels_label(same)] = _mean(tops) | _mean(bottoms, -1)
    return columns


def _mean(damages, sign=1):
    """Weights of the mean over damages."""
    return dict.fromkeys(damages, sign / len(damages))


CLAIMS = (
    Claim(
        "a",
        "Healing does not fully restore the intact score",
        "intact minus healed, mean over kinds of damage",
        _costs_of_damage,
    ),
    Claim(
        "b, bottom",
        "More damage from the bottom, worse score",
        "fall per further quarter of the encoder",
        _scores_by_level("bottom"),
        trend=True,
    ),
    Claim(
        "b, top",
        "More damage from the top, worse score",
        "fall per further quarter of the encoder",
        _scores_by_level("top"),
        trend=True,
    ),
    Claim(
        "c",
        "Bottom damage costs more than top damage at equal level",
        "top score minus bottom score, mean over levels",
        _bottom_against_top,
    ),
)
