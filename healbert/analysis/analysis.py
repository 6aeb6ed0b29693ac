"""All that a report is made of: the one object that every table and every figure is a function of."""

import dataclasses
import functools

from ..arguments.neutral import NOT_IDENTITY
from .aggregates import aggregates
from .collect import Study, collect, collect_runs
from .contrasts import costs
from .entries import Results
from .pairs import Pair, pair_of
from .paper import stand_beside
from .predictions import Predictions
from .projections import Projections
from .runs import signature
from .texts import Texts
from .verdicts import by_claim, judge


@dataclasses.dataclass
class GroupAnalysis:
    """What is known of one group of runs.

    Args:
        number: its place in the report, from 1.
        results: `Results`: the entries (a dataset under a damage) with their scores by seed.
        predictions: `Predictions`.
        judged: function that gives the `Verdict`s of all groups.
    """

    number: int
    results: Results
    predictions: Predictions
    judged: object

    @functools.cached_property
    def costs(self):
        """A list of `Cost`: what each damage cost and how far healing came; worked out when it is asked for."""
        return costs(self.results, self.predictions)

    @functools.cached_property
    def aggregates(self):
        """`Aggregates`: the runs of each damage as a whole."""
        return aggregates(self.results, self.predictions.seed)

    @functools.cached_property
    def verdicts(self):
        """A list of `Verdict` on the paper's claims, of this group; all groups are judged when one is asked for."""
        return [verdict for verdict in self.judged() if verdict.group is self.group]

    @property
    def group(self):
        """The `Group`: its runs, label, model and method."""
        return self.results.group

    @property
    def metric(self):
        """The `Metric` that its runs are scored by."""
        return self.results.metric

    @property
    def claims(self):
        """[(verdict over all datasets or on the only one, verdicts on each of several), ...], a claim each."""
        return by_claim(self.verdicts)

    @property
    def compared(self):
        """Whether any claim has something to be judged by."""
        return any(verdict.outcome for verdict in self.verdicts)


@dataclasses.dataclass
class Analysis:
    """A folder of runs, analysed.

    Args:
        study: `Study`: every run, the groups, what is unfinished or cannot be used.
        groups: list of `GroupAnalysis`.
        predictions: `Predictions`, which reads what runs predicted when it is asked.
        projections: `Projections`, which lays out features by t-SNE when it is asked.
        seed: of the resampled examples, of permutations and of t-SNE.
        margin: the difference of scores below which none counts in verdicts; None: each metric's own.
        pair: `Pair` of the two runs that were named to be compared, or None.
        texts: `Texts`, which finds the texts of examples when it is asked.
    """

    study: Study
    groups: list
    predictions: Predictions
    projections: Projections
    seed: int = 0
    margin: float | None = None
    pair: Pair | None = None
    texts: Texts = dataclasses.field(default_factory=Texts)

    @property
    def verdicts(self):
        """Every `Verdict`, the groups in their order."""
        return [verdict for group in self.groups for verdict in group.verdicts]

    @functools.cached_property
    def settings(self):
        """{setting: its value in every run, as text}, settings that cannot change a result left out."""
        configs = [run.config for run in self.study.runs]
        names = sorted({name for config in configs for name in config} - NOT_IDENTITY)
        return {name: [signature(config.get(name)) for config in configs] for name in names}

    def without_epochs(self):
        """How many runs have predictions, and not those of every epoch that `--selection best_eval` chose among."""
        counted = (run for group in self.groups for entry in group.results.entries.values() for run in entry.counted)
        runs = {id(run): run for run in counted}.values()  # intact runs stand in several groups
        seen = [run for run in runs if run.config.get("selection") != "dev" and self.predictions.of(run) is not None]
        return sum(not self.predictions.keeps_epochs(run) for run in seen)

    @property
    def problems(self):
        """(run, reason) of every file that could not be used by what has been asked for so far."""
        return sorted(self.predictions.problems) + sorted(self.projections.problems)


def analyse(directory, seed=0, margin=None, paper=None):
    """Reads the runs at or under a folder; what it takes to compare them is worked out when it is asked for.

    Args:
        directory: a results folder: of one run, of a sweep, finished or half finished, or of several; or a list of the
            folders of two runs, which are compared with each other.
        seed: of the resampled examples, of permutations and of t-SNE.
        margin: the difference of scores below which none counts in verdicts; default: each metric's own.
        paper: the paper's own figures, as `paper.read_paper` gives them; default: none.

    Returns:
        Analysis.

    Raises:
        UserError: if it is no folder, or holds no finished run, or two runs cannot be compared.
    """
    two = isinstance(directory, (list, tuple))
    study = collect_runs(directory) if two else collect(directory)
    predictions = Predictions(seed)
    pair = pair_of(study.runs, predictions) if two else None
    all_results = [Results(group) for group in study.groups]

    @functools.cache
    def judged():  # of all groups at once: p-values are corrected together
        verdicts = judge(all_results, predictions, seed, margin)
        stand_beside(verdicts, paper or {})
        return verdicts

    groups = [GroupAnalysis(i, results, predictions, judged) for i, results in enumerate(all_results, 1)]
    return Analysis(study, groups, predictions, Projections(seed), seed, margin, pair)
