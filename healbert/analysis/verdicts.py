"""The claims of arXiv 2406.14459, each put to the test: holds, does not hold, or not enough data."""

import dataclasses
import itertools

import numpy as np

from . import statistics
from .claims import CLAIMS
from .contrasts import combine, complete, paired_values, stratum
from .verdict import FAILS, OPEN, POOLED, SEEDS_FOR_SENSITIVITY, SHARED_INTACT, Verdict


@dataclasses.dataclass
class Block:
    """A dataset's complete part of a claim's columns; of a trend also the ``fractions`` of the encoder hit."""

    dataset: str
    labels: list
    keys: list
    columns: dict
    dropped: list
    fractions: list

    def has_trend(self):
        """Whether three levels or more hit different fractions of the encoder, each known."""
        return len(self.fractions) == len(self.labels) and len(set(self.fractions)) > 2

    def only(self, labels):
        """The part with these columns alone, or None if one of them is missing."""
        if not set(labels) <= set(self.labels):
            return None
        if not self.fractions:
            return dataclasses.replace(self, labels=list(labels))
        fractions = dict(zip(self.labels, self.fractions, strict=True))
        return dataclasses.replace(self, labels=list(labels), fractions=[fractions[label] for label in labels])

    def rows(self, results):
        """Contrasts (repetitions, columns)."""
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
        if verdict.detectable and verdict.verdict == OPEN and verdict.estimated.effect >= verdict.detectable:
            verdict.detectable = None
        if verdict.verdict == FAILS or (verdict.estimated and verdict.estimated.effect <= 0):
            verdict.exceptions = ()
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
    notes = list(filter(None, (_lack(claim, block) for block in blocks)))
    usable = [block for block in blocks if not _lack(claim, block)]
    single = [block for block in usable if len(block.keys) == 1]
    if len(single) < len(usable):  # one seed says nothing of how much seeds differ
        notes += [f"without {block.dataset} (one seed)" for block in single]
        usable = [block for block in usable if block not in single]
    common = _common(claim, usable)
    if not common:  # one dataset's finding is not that of all, and counts in the correction once
        alone = f"only {usable[0].dataset} has what this needs" if len(usable) == 1 else ""
        reason = alone or "no two datasets have in common what this needs"
        return Verdict(results.group, claim, POOLED, 0, notes=(reason, *notes))
    used = {block.dataset: block.labels for block in common}
    for block in usable:
        extra = [label for label in block.labels if label not in used.get(block.dataset, block.labels)]
        if extra:
            notes.append(f"{block.dataset} without {', '.join(extra)} (not on every dataset)")
        if block.dataset not in used:
            notes.append(f"without {block.dataset} (too little that the others have)")
    return _verdict(results, predictions, claim, common, POOLED, seed, notes)


def _common(claim, blocks):
    """The part of a claim's blocks where every dataset has the same columns: the most datasets x columns.

    Returns:
        list of two `Block` or more, or an empty one.
    """
    sets = [tuple(block.labels) for block in blocks]
    sets += [tuple(label for label in one if label in other) for one, other in itertools.combinations(sets, 2)]
    options = [[part for block in blocks if (part := block.only(labels))] for labels in dict.fromkeys(sets) if labels]
    options = [option for option in options if len(option) > 1 and (option[0].has_trend() or not claim.trend)]
    return max(options, key=lambda option: (len(option) * len(option[0].labels), len(option)), default=[])


def _block(results, claim, dataset):
    columns = claim.columns(results, dataset)
    labels, keys = complete({label: paired_values(results, dataset, w) for label, w in columns.items()})
    dropped = [label for label in columns if label not in labels]
    fractions = _fractions(results, dataset, columns, labels) if claim.trend else []
    return Block(dataset, labels, keys, columns, dropped, fractions)


def _fractions(results, dataset, columns, labels):
    """Fractions of the encoder that a trend's levels hit, by the receipts, where all are known."""
    found = [[results.true_level(damage, [dataset]) for damage in columns[label]] for label in labels]
    return [float(np.mean(fractions)) for fractions in found if None not in fractions]


def _verdict(results, predictions, claim, blocks, scope, seed, notes=()):
    notes = [*notes, *_notes(results, claim, blocks)]
    blocks = [block for block in blocks if not _lack(claim, block)]
    verdict = Verdict(results.group, claim, scope, len(blocks))
    if blocks:
        strata = [stratum(results, predictions, b.dataset, claim.weights(b), b.keys) for b in blocks]
        verdict.estimated = statistics.estimate(strata)
        if claim.trend:
            _test_trend(results, verdict, blocks)
            verdict.exceptions = tuple(_rises(results, predictions, blocks))
        else:
            _test_difference(verdict, strata, seed)
            verdict.exceptions = tuple(_against(results, predictions, blocks))
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
    means = results.metric.sign * np.mean([table.mean(axis=0) for table in tables], axis=0)
    verdict.means = dict(zip(blocks[0].labels, means.tolist(), strict=True))
    if repeated and verdict.estimated.seeds >= SEEDS_FOR_SENSITIVITY:
        verdict.detectable = statistics.detectable_fall(tables, np.mean([block.fractions for block in blocks], axis=0))
        verdict.detectable_by = test.name


def _rises(results, predictions, blocks):
    """Steps to more damage after which scores are better, each by its own interval, whatever the trend over all."""
    found = []
    for low, high in itertools.pairwise(blocks[0].labels):
        weights = [combine([(1, block.columns[high]), (-1, block.columns[low])]) for block in blocks]
        step = _estimated(results, predictions, blocks, weights)
        if step.error and step.interval[0] > 0:
            found.append(((low, high), step))
    return found


def _against(results, predictions, blocks):
    """The columns whose mean is on the other side, the farthest first."""
    if len(blocks[0].labels) == 1:
        return []
    found = {
        label: _estimated(results, predictions, blocks, [block.columns[label] for block in blocks])
        for label in blocks[0].labels
    }
    least = results.metric.smallest_difference
    against = [(label, each) for label, each in found.items() if each.effect < 0 and each.effect <= -least]
    return sorted(against, key=lambda item: item[1].effect)


def _estimated(results, predictions, blocks, weights):
    pairs = zip(blocks, weights, strict=True)
    return statistics.estimate([stratum(results, predictions, b.dataset, w, b.keys) for b, w in pairs])


def _lack(claim, block):
    """Why a block says nothing of a claim, or None if it does."""
    if not block.columns:
        needed = "bottom and top damage at one level" if claim.letter == "c" else "such damage"
        return f"{block.dataset} has no runs of {needed}"
    if not block.keys:
        return f"{block.dataset} has no seed with all the scores that this needs"
    if claim.trend and len(block.fractions) < len(block.labels):
        return f"{block.dataset} has results.json without corruption.fraction_of_encoder, which slopes need"
    if claim.trend and not block.has_trend():
        different = len(set(block.fractions))
        levels = "1 level" if different == 1 else f"{different} levels"
        return f"{block.dataset} has {levels} of different extent; a trend needs three"
    return None


def _notes(results, claim, blocks):
    notes = list(filter(None, (_lack(claim, block) for block in blocks)))
    for block in blocks:
        missing = set(results.repetitions(block.dataset)) - set(block.keys)
        if block.keys and missing:
            notes.append(f"{block.dataset} without seed {', '.join(map(str, sorted(missing, key=str)))} (incomplete)")
        if block.keys and block.dropped:
            notes.append(f"{block.dataset} without {', '.join(block.dropped)} (incomplete)")
    if results.intact_is_shared() and claim.letter == "a":
        notes.append(SHARED_INTACT)
    if results.intact_is_shared() and claim.trend:
        notes.append("without the intact model, of which one run stands beside all draws of the damage")
    return notes
