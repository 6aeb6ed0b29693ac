"""The claims of arXiv 2406.14459 as weighted sums of scores."""

import collections
import dataclasses

from .collect import INTACT, Damage
from .contrasts import combine, quarter_weights
from .entries import levels_label

NEGLIGIBLE = 0.01  # weighted F1, of a trend over the whole encoder: a claim whose effect is surely less does not hold


@dataclasses.dataclass
class Claim:
    """One claim.

    ``columns(results, dataset)`` gives {label: {damage: weight}}, weighted sums that are positive if the claim is true;
    damages that hit the same are one. ``trend`` says that they are scores by level, whose fall per quarter counts, and
    not differences, whose mean does.
    """

    letter: str
    text: str
    effect: str
    columns: object
    trend: bool = False

    @property
    def negligible(self):
        """`NEGLIGIBLE` in the unit of the effect."""
        return NEGLIGIBLE / 4 if self.trend else NEGLIGIBLE

    def weights(self, block):
        """The one weighted sum that the claim is about, from the columns of a `Block` that are complete."""
        factors = quarter_weights(block.shares) if self.trend else [1 / len(block.labels)] * len(block.labels)
        return combine(list(zip(factors, (block.columns[label] for label in block.labels), strict=True)))


def _costs_of_damage(results, dataset):
    kinds = {label: same for label, same in results.kinds(dataset).items() if INTACT not in same}
    return {label: {INTACT: 1, **dict.fromkeys(same, -1 / len(same))} for label, same in kinds.items()}


def _scores_by_level(region):
    def columns(results, dataset):
        by_extent = collections.defaultdict(list)
        for damage in sorted(results.damages_of(dataset)):
            if damage.region in (region, "") and not (damage == INTACT and results.intact_is_shared()):
                by_extent[results.extent(damage, dataset)].append(damage)
        if not any(damage.region == region for same in by_extent.values() for damage in same):
            return {}
        row = [same for _, same in sorted(by_extent.items())]
        return {levels_label(damage.level for damage in same): dict.fromkeys(same, 1 / len(same)) for same in row}

    return columns


def _bottom_against_top(results, dataset):
    present, by_extent = set(results.damages_of(dataset)), collections.defaultdict(list)
    for level in results.levels:
        pair = Damage(level, "bottom"), Damage(level, "top")
        if present.issuperset(pair):
            by_extent[tuple(results.extent(damage, dataset) for damage in pair)].append(level)
    return {
        levels_label(levels): {
            Damage(level, region): sign / len(levels)
            for level in levels
            for region, sign in (("top", 1), ("bottom", -1))
        }
        for levels in by_extent.values()
    }


CLAIMS = (
    Claim(
        "a",
        "Healing does not fully restore the intact score",
        "intact minus healed, mean over kinds of damage",
        _costs_of_damage,
    ),
    Claim(
        "b, bottom",
        "More damage from the bottom, lower score",
        "fall per further quarter of the encoder",
        _scores_by_level("bottom"),
        trend=True,
    ),
    Claim(
        "b, top",
        "More damage from the top, lower score",
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
