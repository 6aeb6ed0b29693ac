"""The claims of arXiv 2406.14459, each put to the test: holds, does not hold, or not enough data."""

import collections
import dataclasses
import itertools

import numpy as np

from .. import statistics
from .collect import INTACT, Damage
from .contrasts import combine, complete, paired_values, quarter_weights, stratum

HOLDS, FAILS, OPEN = "holds", "does not hold", "not enough data"
NEGLIGIBLE = 0.01  # weighted F1: a claim whose effect is surely below this does not hold
POOLED = "all datasets"
SEEDS_FOR_SENSITIVITY = 3  # two say too little of how much seeds differ


@dataclasses.dataclass
class Claim:
    """One claim.

    ``columns(results, dataset)`` gives {label: {damage: weight}}, weighted sums that are positive if the claim is true;
    ``trend`` says that they are scores by level (levels that hit the same are one), whose fall per quarter counts, and
    not differences, whose mean does.
    """

    letter: str
    text: str
    effect: str
    columns: object
    trend: bool = False

    def weights(self, block):
        """The one weighted sum that the claim is about, from the columns of a `Block` that are complete."""
        factors = quarter_weights(block.shares) if self.trend else [1 / len(block.labels)] * len(block.labels)
        return combine(list(zip(factors, (block.columns[label] for label in block.labels), strict=True)))


def _costs_of_damage(results, dataset):
    damages = [damage for damage in results.damages_of(dataset) if damage != INTACT]
    return {str(damage): {INTACT: 1, damage: -1} for damage in damages}


def _scores_by_level(region):
    def columns(results, dataset):
        if not any(damage.region == region for damage in results.damages_of(dataset)):
            return {}
        present = set(results.damages_of(dataset))
        by_extent = collections.defaultdict(list)
        for damage in sorted(present.intersection(results.on_row(region))):
            by_extent[_extent(results, damage, dataset)].append(damage)
        return {
            " and ".join(f"{100 * damage.level:.4g}%" for damage in same): dict.fromkeys(same, 1 / len(same))
            for _, same in sorted(by_extent.items())
        }

    return columns


def _extent(results, damage, dataset):
    """The order of levels: what was hit; the level asked for where that is not known."""
    share = results.true_level(damage, [dataset])
    return damage.level if share is None else round(share, 6)


def _bottom_against_top(results, dataset):
    present = set(results.damages_of(dataset))
    levels = [level for level in results.levels if {Damage(level, "bottom"), Damage(level, "top")} <= present]
    return {f"{100 * level:.4g}%": {Damage(level, "top"): 1, Damage(level, "bottom"): -1} for level in levels}


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


@dataclasses.dataclass
class Verdict:
    """One claim on one dataset or on all of them.

    ``estimated`` is a `statistics.Estimate` or None, ``test`` a `statistics.Test`, ``p_corrected`` its p-value after
    correction for the ``tests`` of the report; ``detectable`` the smallest true effect that the test named by
    ``detectable_by`` would have found in four cases of five, before correction (None if it is not known); ``means``
    mean scores by level of a trend; ``notes`` what was left out, ``rises`` steps at which the score rises (sentences).
    """

    group: object
    claim: Claim
    scope: str
    datasets: int
    estimated: object = None
    test: object = None
    p_corrected: float | None = None
    tests: int = 0
    detectable: float | None = None
    detectable_by: str = ""
    means: dict = dataclasses.field(default_factory=dict)
    notes: tuple = ()
    rises: tuple = ()

    @property
    def verdict(self):
        """Only an interval over seeds says anything of other seeds: without one the claim stays open."""
        if self.estimated is None or not self.estimated.error:
            return OPEN
        low, high = self.estimated.interval
        if high < NEGLIGIBLE:
            return FAILS
        significant = self.p_corrected is not None and self.p_corrected < statistics.ALPHA
        return HOLDS if significant and self.test.direction > 0 and low > 0 else OPEN


@dataclasses.dataclass
class Block:
    """A dataset's complete part of a claim's columns; ``shares`` of the encoder that were hit, for a trend."""

    dataset: str
    labels: list
    keys: list
    columns: dict
    dropped: list
    shares: list

    def has_trend(self):
        """Whether three levels or more hit different shares of the encoder, each known."""
        return len(self.shares) == len(self.labels) and len(set(self.shares)) > 2

    def rows(self, results):
        values = [paired_values(results, self.dataset, self.columns[label]) for label in self.labels]
        return np.array([[found[key] for found in values] for key in self.keys])


def judge(all_results, predictions, seed=0):
    """All verdicts of a report, their p-values corrected together.

    Args:
        all_results: list of `Results`, one per group.
        predictions: `Predictions`.
        seed: of the permutations.
    """
    verdicts = [
        verdict
        for results in all_results
        for claim in CLAIMS
        for verdict in _judge_claim(results, predictions, claim, seed)
    ]
    p_values = statistics.corrected([verdict.test.p if verdict.test else None for verdict in verdicts])
    for verdict, p in zip(verdicts, p_values, strict=True):
        verdict.p_corrected, verdict.tests = p, len(p_values) - p_values.count(None)
    return verdicts


def by_claim(verdicts):
    """[(verdict over all datasets or on the only one, verdicts on each of several), ...], a claim each."""
    found = {}
    for verdict in verdicts:
        found.setdefault(verdict.claim.letter, []).append(verdict)
    return [(first, rest) for first, *rest in found.values()]


def _judge_claim(results, predictions, claim, seed):
    blocks = [_block(results, claim, dataset) for dataset in results.datasets]
    single = [_verdict(results, predictions, claim, [block], block.dataset, seed) for block in blocks]
    if len(blocks) < 2:
        return single
    return [_pooled(results, predictions, claim, blocks, seed), *single]


def _pooled(results, predictions, claim, blocks, seed):
    usable = [block for block in blocks if block.keys]
    left_out = [block.dataset for block in blocks if not block.keys]
    if claim.trend and usable:  # rows of one test have the same levels
        common = collections.Counter(tuple(block.labels) for block in usable).most_common(1)[0][0]
        left_out += [block.dataset for block in usable if tuple(block.labels) != common]
        usable = [block for block in usable if tuple(block.labels) == common]
    notes = [f"without {', '.join(left_out)}"] if left_out else []
    single = [block for block in usable if len(block.keys) == 1]
    if len(single) < len(usable):  # one seed says nothing of how much seeds differ
        notes += [f"without {block.dataset} (one seed)" for block in single]
        usable = [block for block in usable if block not in single]
    return _verdict(results, predictions, claim, usable, POOLED, seed, notes)


def _block(results, claim, dataset):
    columns = claim.columns(results, dataset)
    labels, keys = complete({label: paired_values(results, dataset, w) for label, w in columns.items()})
    dropped = [label for label in columns if label not in labels]
    return Block(dataset, labels, keys, columns, dropped, _shares(results, claim, dataset, columns, labels))


def _shares(results, claim, dataset, columns, labels):
    """Shares of the encoder that a trend's levels hit, by the receipts, where all are known."""
    found = [[results.true_level(damage, [dataset]) for damage in columns[label]] for label in labels if claim.trend]
    return [float(np.mean(shares)) for shares in found if None not in shares]


def _verdict(results, predictions, claim, blocks, scope, seed, notes=()):
    notes = [*notes, *_notes(results, claim, blocks)]
    blocks = [block for block in blocks if block.keys and (block.has_trend() or not claim.trend)]
    verdict = Verdict(results.group, claim, scope, len(blocks))
    if blocks:
        strata = [stratum(results, predictions, b.dataset, claim.weights(b), b.keys) for b in blocks]
        verdict.estimated = statistics.estimate(strata)
        if claim.trend:
            _test_trend(results, verdict, blocks)
            verdict.rises = tuple(_rises(results, predictions, blocks))
        else:
            _test_difference(verdict, strata, seed)
    verdict.notes = tuple(notes)
    return verdict


def _test_difference(verdict, strata, seed):
    estimated = verdict.estimated
    verdict.test = statistics.paired_test(strata, estimated, seed)
    if estimated.seeds >= SEEDS_FOR_SENSITIVITY:
        verdict.detectable = statistics.detectable_difference(estimated.error, estimated.df)
        verdict.detectable_by = "t test over seeds"


def _test_trend(results, verdict, blocks):
    tables = [block.rows(results) for block in blocks]
    test = statistics.trend_test(np.concatenate(tables))
    repeated = verdict.estimated.error  # None or 0: nothing is known of other seeds
    verdict.test = test if repeated else dataclasses.replace(test, p=None)
    verdict.means = dict(zip(blocks[0].labels, np.mean([t.mean(axis=0) for t in tables], axis=0).tolist(), strict=True))
    if repeated and verdict.estimated.seeds >= SEEDS_FOR_SENSITIVITY:
        verdict.detectable = statistics.detectable_fall(tables, np.mean([block.shares for block in blocks], axis=0))
        verdict.detectable_by = test.name


def _rises(results, predictions, blocks):
    """Steps to more damage at which the score surely rises, whatever the trend over all levels: a list of sentences."""
    found = []
    for low, high in itertools.pairwise(blocks[0].labels):
        weights = [combine([(1, block.columns[high]), (-1, block.columns[low])]) for block in blocks]
        step = statistics.estimate(
            [stratum(results, predictions, b.dataset, w, b.keys) for b, w in zip(blocks, weights, strict=True)]
        )
        if step.over_seeds and step.interval[0] > 0:
            ends = " to ".join(f"{end:.3f}" for end in step.interval)
            found.append(f"Yet from {low} to {high} the score rises by {step.effect:.3f} (95% interval {ends}).")
    return found


def _notes(results, claim, blocks):
    notes = []
    for block in blocks:
        if not block.columns:
            needed = "bottom and top damage at one level" if claim.letter == "c" else "such damage"
            notes.append(f"{block.dataset} has no cells of {needed}")
        elif not block.keys:
            notes.append(f"{block.dataset} has no seed with all the scores that this needs")
        elif claim.trend and len(block.shares) < len(block.labels):
            notes.append(f"{block.dataset} has results.json without corruption.fraction_of_encoder, which slopes need")
        elif claim.trend and not block.has_trend():
            shares = len(set(block.shares))
            notes.append(
                f"{block.dataset} has {shares} level{'s' * (shares != 1)} of different extent; a trend needs three"
            )
        missing = set(results.repetitions(block.dataset)) - set(block.keys)
        if block.keys and missing:
            notes.append(f"{block.dataset} without seed {', '.join(map(str, sorted(missing, key=str)))} (incomplete)")
        if block.keys and block.dropped:
            notes.append(f"{block.dataset} without {', '.join(block.dropped)} (incomplete)")
    if results.intact_is_shared() and claim.letter == "a":
        notes.append("one intact run stands beside all draws of the damage; its own chance is not in the interval")
    return notes
