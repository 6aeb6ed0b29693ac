"""What a set of scores says of contrasts: by the mixed model, or paired where that cannot be fitted."""

import functools

import numpy as np

from . import statistics
from .contrasts import pair
from .outcome import MIXED, PAIRED, Outcome, outcome_of
from .runs import INTACT
from .statistics import mixed

# Why there is no interval over seeds; report/sentences.py puts them into words.
NO_COMMON_SEED = "no seed on every dataset"
ONE_COMMON_SEED = "one seed on every dataset"
ONE_SEED = "one seed"
NO_PAIR = "no seed has all of these scores"
EQUAL_SEEDS = "seeds do not differ"

INTACT_SHARED = "one intact run stands beside all draws of the damage"  # why the mixed model is not used


class Evidence:
    """The scores of some datasets in one view.

    Args:
        scores: {(dataset, damage): {repetition: score}}, more being better.
        shared: whether one intact run stands beside several draws of the damage.
        resampled: a contrast {(dataset, damage): weight} on resamples of the evaluation examples, as of
            `examples.Examples.contrast`; None where scores cannot be resampled.
    """

    def __init__(self, scores, shared, resampled=None):
        self.scores, self.shared, self.resampled = scores, shared, resampled

    @functools.cached_property
    def model(self):
        """(`statistics.mixed.Mixed` or None, why not): fitted when it is first asked for, and then once."""
        cells = [
            mixed.Cell(dataset, damage, seed, score)
            for (dataset, damage), by_seed in self.scores.items()
            if not (self.shared and damage == INTACT)  # its seed is none of the draws'
            for seed, score in by_seed.items()
        ]
        try:
            # Damaged models often scatter more than intact ones: what is pooled over both is right for neither.
            return mixed.fit(cells, groups={INTACT: INTACT}), ""
        except mixed.NotFitted as error:
            return None, error.reason

    def model_of(self, contrast):
        """(model, "") where it can judge a contrast, else (None, why not)."""
        if self.shared and any(INTACT in weights for weights in contrast.values()):
            return None, INTACT_SHARED
        return self.model

    def known(self, contrast):
        """The part of a contrast on datasets that have all of its scores in this view."""
        return {d: w for d, w in contrast.items() if all((d, damage) in self.scores for damage in w)}

    def outcome(self, contrast, many=1):
        """The `Outcome` of {dataset: {damage: weight}}, whose mean over datasets counts; None where scores are missing.

        Args:
            many: of how many contrasts the intervals shall hold at once, by Bonferroni.
        """
        contrast = self.known(contrast)
        if not contrast:
            return None
        model, why = self.model_of(contrast)
        if model is None:
            return self._paired(contrast, why, many)
        return self._modelled(contrast, model.contrast(flat(contrast)), many)

    def outcomes(self, contrasts, exactly=True):
        """{label: `Outcome`} of several contrasts, whose 95% intervals hold for all of them at once.

        Args:
            contrasts: {label: contrast}, as of `outcome`.
            exactly: by the distribution of the largest (of differences from intact: Dunnett's test); else by
                Bonferroni, which takes no time and is a little wider. Paired outcomes are always by Bonferroni.
        """
        contrasts = {label: known for label, each in contrasts.items() if (known := self.known(each))}
        many = len(contrasts)
        if many < 2 or not exactly or any(self.model_of(each)[0] is None for each in contrasts.values()):
            return {label: self.outcome(each, many) for label, each in contrasts.items()}
        family = self.model[0].simultaneous([flat(each) for each in contrasts.values()])
        found = zip(contrasts.items(), family.contrasts, family.intervals, family.p, strict=True)
        return {
            label: self._modelled(each, contrast, many, over_seeds=interval, p=p)
            for (label, each), contrast, interval, p in found
        }

    def _modelled(self, contrast, found, many, **rest):
        resampled = self._resampled(contrast)
        rest |= {"by": MIXED, **self._size(contrast)}
        if not found.error:
            rest["lack"] = EQUAL_SEEDS
        return outcome_of(found.effect, found.error, found.df, resampled, many, **rest)

    def _resampled(self, contrast):
        return self.resampled and self.resampled(flat(contrast))

    def _size(self, contrast):
        there = [self.scores[key] for key in flat(contrast)]
        return {"cells": sum(map(len, there)), "seeds": len(set().union(*there))}

    def pairs(self, contrast):
        """The contrast of every seed that has all of a dataset's scores: {dataset: {repetition: value}}."""
        found = {}
        for dataset, weights in contrast.items():
            values = pair({damage: self.scores[dataset, damage] for damage in weights}, weights, self.shared)
            found |= {dataset: values} if values else {}
        return found

    def strata(self, contrast):
        """The same as `statistics.Stratum`s."""
        return [
            statistics.Stratum(np.array(list(values.values())), seeds=tuple(values))
            for values in self.pairs(contrast).values()
        ]

    def _paired(self, contrast, why, many):
        """By Student's t over the differences of seeds."""
        strata, size = self.strata(contrast), self._size(contrast)
        if not strata:
            return Outcome(self._means(contrast), PAIRED, lack=NO_PAIR, not_fitted=why, **size)
        found = statistics.estimate(strata)
        rest = {"by": PAIRED, "not_fitted": why, "lack": _lack(found, size["seeds"]), **size}
        return outcome_of(found.effect, found.error, found.df, self._resampled(contrast), many, **rest)

    def _means(self, contrast):
        """The contrast of mean scores, where no seed has all of them."""
        return float(sum(w * np.mean(list(self.scores[key].values())) for key, w in flat(contrast).items()))


def flat(contrast):
    """{(dataset, damage): weight} of the mean over datasets of {dataset: {damage: weight}}."""
    return {(dataset, d): w / len(contrast) for dataset, weights in contrast.items() for d, w in weights.items() if w}


def _lack(found, seeds):
    """Why a `statistics.Estimate` of so many seeds in all has no interval over seeds, or None if it has."""
    if found.error == 0:
        return EQUAL_SEEDS
    if found.error is not None:
        return None
    if found.seeds == 0:
        return NO_COMMON_SEED
    return ONE_COMMON_SEED if found.shared and seeds > 1 else ONE_SEED
