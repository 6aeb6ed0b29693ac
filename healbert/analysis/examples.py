"""Contrasts on resamples of the evaluation examples, with the choice of epoch and learning rate made anew in each."""

import functools

import numpy as np

from .predictions import resampled_score
from .statistics import example_counts
from .views import LAST, VIEWS

RESAMPLES = 100  # of those that repeat the choice, which scores every epoch of every run: enough for a spread


class Examples:
    """A group's scores on resamples of the evaluation examples, one vector for each dataset and damage.

    The choice is repeated in a group whose runs all keep what every epoch predicted.
    """

    def __init__(self, results, predictions):
        self.results, self.predictions = results, predictions
        self._found, self._counts, self._epochs = {}, {}, {}

    def contrast(self, weights, view=VIEWS[0]):
        """A contrast on each resample (resamples,); None where a run has no predictions, or a dataset two samples.

        Args:
            weights: {(dataset, damage): weight}.
            view: the `View` that the scores are of.
        """
        found = {key: self._of(key, view) for key in weights}  # all of them: what cannot be read is named
        samples = {(dataset, sample) for (dataset, _), (_, sample) in found.items()}
        if any(vector is None for vector, _ in found.values()) or len(samples) > len({key[0] for key in weights}):
            return None
        return self.results.metric.sign * sum(weight * found[key][0] for key, weight in weights.items())

    @functools.cached_property
    def lack_epochs(self):
        """Whether a run does not say what every epoch predicted, of those that a choice was made among."""
        runs = (run for entry in self.results.entries.values() for run in _all(entry))
        return not all(map(self.predictions.keeps_epochs, runs))

    def _of(self, key, view):
        """(score on each resample, which examples) of a dataset and damage; (None, None) without predictions."""
        if (key, view) not in self._found:
            self._found[key, view] = self._resample(self.results.entries[key], view)
        return self._found[key, view]

    def _resample(self, entry, view):
        runs = [run for run in entry.counted if view.counts(run)]
        vector, sample = self.predictions.resampled(runs) if runs else (None, None)
        if vector is None:
            return None, sample
        if self.lack_epochs:  # the last epoch, of which there are no predictions, is taken to scatter as the chosen one
            return vector + np.mean([view.value(run) - run.score("healed") for run in runs]), sample
        return self._chosen_anew(entry, view), sample

    def _chosen_anew(self, entry, view):
        """Means over runs of the rate that each resample chooses, each run at the epoch that it chooses or its last.

        All runs choose the rate, as they did when it was chosen, and those that count are scored.
        """
        most = max(map(len, entry.rates.values()))
        rates = [runs.values() for runs in entry.rates.values() if len(runs) == most]
        runs_of = [[run for members in runs for run in members] for runs in rates]
        runs_of = [runs for runs in runs_of if any(map(view.counts, runs))]
        by, scored = [], []  # of each rate (resamples,)
        for runs in runs_of:
            found = np.array([self._of_run(run, view) for run in runs])
            by.append(found[:, 0].mean(axis=0))
            scored.append(found[[view.counts(run) for run in runs], 1].mean(axis=0))
        best = (self.results.metric.sign * np.array(by)).argmax(axis=0)
        return np.array(scored)[best, np.arange(RESAMPLES)]

    def _of_run(self, run, view):
        """What each resample chooses the epoch by, and the score there, or in the last epoch: (2, resamples)."""
        if run not in self._epochs:
            scored = self._every_epoch(run, "predictions.parquet")
            dev = run.config.get("selection") == "dev"
            self._epochs[run] = self._every_epoch(run, "predictions_dev.parquet") if dev else scored, scored
        by, scored = self._epochs[run]
        best = (self.results.metric.sign * by).argmax(axis=0)
        places = np.arange(RESAMPLES)
        return np.array([by[best, places], scored[-1] if view.name == LAST else scored[best, places]])

    def _every_epoch(self, run, name):
        """The score of every epoch on each resample: (epochs, resamples)."""
        labels, epochs = self.predictions.every_epoch(run, name)
        size = len(labels)
        if size not in self._counts:
            self._counts[size] = example_counts(size, self.predictions.seed, RESAMPLES)
        return np.array([resampled_score(run, labels, predicted, self._counts[size]) for predicted in epochs])


def _all(entry):
    return [run for runs in entry.rates.values() for members in runs.values() for run in members]
