"""The claims of arXiv 2406.14459, each put to the test: supported, contradicted, equivalent or inconclusive."""

import functools

import numpy as np

from . import statistics
from .claims import CLAIMS, INTACT_LABEL, measured
from .evidence import Evidence, flat
from .examples import Examples
from .shape import shape
from .spreads import PAIRS, judge_spreads
from .verdict import POOLED, SHARED_INTACT, Ruling, Verdict
from .views import CHOSEN, LAST, UNCOLLAPSED, VIEWS, Seen, View, collapsed, scores

LETTERS = [claim.letter for claim in CLAIMS] + [pair.claim.letter for pair in PAIRS]


def judge(all_results, predictions, seed=0, margin=None):
    """All verdicts of a report; those over all datasets of a group are corrected together.

    Args:
        all_results: list of `Results`, one per group.
        predictions: `Predictions`.
        seed: of the permutations.
        margin: the difference of scores below which none counts; default: each metric's own, see `Metric`.
    """
    verdicts = [verdict for results in all_results for verdict in _Judge(results, predictions, seed, margin).verdicts()]
    verdicts += judge_spreads(all_results)
    correct(verdicts)
    return verdicts


def correct(verdicts):
    """Gives every ruling its p-values: corrected together in each view, but for exploratory verdicts."""
    for view in reversed(VIEWS):  # the chosen epoch's last: its rulings stand in for what a view lacks
        seen = [(v.rulings.get(view.name), v.ruling) for v in verdicts if not v.exploratory]
        _correct([own if own and own.outcome else chosen for own, chosen in seen])
        there = [v.rulings[view.name] for v in verdicts if v.exploratory and view.name in v.rulings]
        for ruling in (ruling for ruling in there if ruling.outcome):
            ruling.p_difference, ruling.p_equal = ruling.outcome.p, ruling.outcome.p_equal(ruling.margin)


def _correct(rulings):
    rulings = [ruling for ruling in rulings if ruling.outcome]
    differences = [ruling.outcome.p for ruling in rulings]
    equal = [ruling.outcome.p_equal(ruling.margin) for ruling in rulings]
    tests = sum(p is not None for p in differences)
    corrected = zip(rulings, statistics.corrected(differences), statistics.corrected(equal), strict=True)
    for ruling, ruling.p_difference, ruling.p_equal in corrected:
        ruling.corrected = tests


def by_claim(verdicts):
    """[(verdict over all datasets or on the only one, verdicts on each of several), ...], a claim each."""
    found = {}
    for verdict in verdicts:
        found.setdefault(verdict.claim.letter, []).append(verdict)
    return [(first, rest) for first, *rest in found.values()]


def _left_out(question, smaller):
    """What a question asked of fewer scores says nothing of: a tuple of texts."""
    labels, left = (list(each.levels or each.parts) for each in (question, smaller))
    gone = [f"no scored runs of {label}" for label in labels if label not in left] if smaller.main else []
    return (*gone, *(note for note in smaller.notes if note not in question.notes))


class _Judge:
    """Works out the verdicts of one group: a model for each view and scope, which all claims share."""

    def __init__(self, results, predictions, seed, margin):
        self.results, self.seed = results, seed
        self.margin = results.metric.smallest_difference if margin is None else margin
        self.examples = Examples(results, predictions)
        self.views = {view.name: view for view in VIEWS}
        self.scores = {name: scores(results, view) for name, view in self.views.items()}
        self._evidence = {}

    def verdicts(self):
        datasets = self.results.datasets
        scopes = [(dataset, [dataset]) for dataset in datasets]
        scopes = [(POOLED, datasets), *scopes] if len(datasets) > 1 else scopes
        asked = [(claim, *scope, claim.question(self.results, scope[1])) for claim in CLAIMS for scope in scopes]
        # What few runs measure is not spoken of where none does.
        return [self._verdict(*each) for each in asked if each[3].main or not each[0].measure]

    def _verdict(self, claim, scope, datasets, question):
        verdict = Verdict(self.results.group, claim, scope, len(question.main))
        verdict.exploratory = scope != POOLED and len(self.results.datasets) > 1
        runs = self._runs(datasets)  # not the claim's alone: all that are in the model
        verdict.runs, verdict.collapsed = len(runs), sum(map(collapsed, runs))
        verdict.without_last = sum(run.score("last") is None for run in runs)
        evidence = self._of(claim.measure or CHOSEN, datasets)
        verdict.rulings = {name: self._ruling(claim, question, name, datasets) for name in self._views(verdict)}
        verdict.notes = tuple(question.notes + self._notes(claim, question))
        if question.main:
            verdict.parts = evidence.outcomes(question.parts, exactly=not verdict.exploratory)
            verdict.check = self._check(claim, question, evidence, verdict.outcome)
        if claim.trend and question.main:
            verdict.first = evidence.outcome(question.first) if question.first else None
            verdict.shape = shape(verdict.first, list(verdict.parts.values()), verdict.outcome, question.span)
            verdict.means = {label: self._mean(contrast) for label, contrast in question.levels.items()}
        return verdict

    def _views(self, verdict):
        yield CHOSEN
        if verdict.claim.measure:  # of the chosen epoch's features alone
            return
        if verdict.runs and not verdict.without_last:
            yield LAST
        if verdict.collapsed:
            yield UNCOLLAPSED

    def _ruling(self, claim, question, view, datasets):
        left_out = ()
        if view == UNCOLLAPSED:  # a damage of which every run collapsed must not take its dataset with it
            all_of_them = question
            question = claim.question(Seen(self.results, self.scores[view]), datasets)
            left_out = _left_out(all_of_them, question)
        outcome = self._of(claim.measure or view, datasets).outcome(question.main) if question.main else None
        return Ruling(outcome, claim.margin(self.margin, question.span), left_out=left_out)

    def _runs(self, datasets):
        """The runs that count, of some datasets."""
        entries = [entry for (dataset, _), entry in self.results.entries.items() if dataset in datasets]
        return [run for entry in entries for run in entry.counted]

    def _of(self, view, datasets):
        """The `Evidence` of some datasets in a view, or of a measure in a score's place; made once."""
        key = view, tuple(datasets)
        if key not in self._evidence:
            resampled = None
            if view in self.views:
                resampled = functools.partial(self.examples.contrast, view=self.views[view])
            elif view not in self.scores:
                self.scores[view] = scores(self.results, View(view, "", measured=lambda run: measured(run, view)))
            found = {place: values for place, values in self.scores[view].items() if place[0] in datasets}
            self._evidence[key] = Evidence(found, self.results.intact_is_shared(), resampled)
        return self._evidence[key]

    def _check(self, claim, question, evidence, outcome):
        """A test that assumes less than the model: Page's of a trend, else the permutation test; or None."""
        if not outcome.over_seeds:
            return None
        if claim.trend and len(rows := self._rows(question, evidence)) > 1 and len(rows[0]) > 2:
            return statistics.trend_test(rows)
        strata = evidence.strata(question.main)
        if not strata:
            return None
        test = statistics.paired_test(strata, statistics.estimate(strata), self.seed)
        return test if test.least_p is not None else None

    def _rows(self, question, evidence):
        """Scores (dataset and seed, levels) at the damaged levels of all datasets, of seeds that have them all."""
        levels = [level for label, level in question.levels.items() if label != INTACT_LABEL]
        rows = []
        common = [level for level in levels if set(question.main) <= set(level)]
        for dataset in question.main:
            by_level = [evidence.pairs({dataset: level[dataset]}).get(dataset, {}) for level in common]
            keys = sorted(set.intersection(*map(set, by_level)), key=str) if by_level else []
            rows += [[values[key] for values in by_level] for key in keys]
        return np.array(rows)

    def _mean(self, contrast):
        """The mean score of a level over datasets, as it is."""
        found = self.scores[CHOSEN]
        values = [np.mean(list(found[key].values())) * weight for key, weight in flat(contrast).items()]
        return float(self.results.metric.sign * sum(values))

    def _notes(self, claim, question):
        shared = self.results.intact_is_shared()
        notes = [SHARED_INTACT] if shared and claim.letter == "a" and question.main else []
        if len(question.main) == 1 and question.notes and len(self.results.datasets) > 1:
            notes.append(f"only {next(iter(question.main))} has what this needs")
        return notes
