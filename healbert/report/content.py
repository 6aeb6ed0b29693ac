"""From folders of runs to a finding: tables, verdicts, figures. Reads results, never trains."""

import dataclasses
import pathlib


@dataclasses.dataclass
class GroupContent:
    """What the report has on one group; ``number`` is its place, for links."""

    number: int
    label: str
    tags: dict
    lead: list
    claims: list  # (verdict over all datasets or on the only one, verdicts on each of several)
    main: object
    recovery: object
    figures: list
    costs: list = dataclasses.field(default_factory=list, repr=False)
    leads: list = dataclasses.field(default_factory=list)  # (dataset, what ``lead`` says of it alone) of several

    @property
    def compared(self):
        """Whether any claim has something to be judged by."""
        return any(verdict.estimated for first, rest in self.claims for verdict in (first, *rest))


@dataclasses.dataclass
class Content:
    """Everything that the three forms of the report show."""

    title: str
    overview: list
    groups: list
    verdicts: object
    reproducibility: object
    filters: dict
    cells: object
    seed: int

    @property
    def tables(self):
        """Every `Table` that becomes a file."""
        mains = [table for group in self.groups for table in (group.main, group.recovery)]
        return [*mains, self.verdicts, *self.reproducibility.tables, self.cells]

    @property
    def compared(self):
        return any(group.compared for group in self.groups)

    @property
    def figures(self):
        return [figure for group in self.groups for figure in group.figures]


class Context:
    """What figures need beside a group's results."""

    def __init__(self, costs, predictions, features):
        self.costs, self.predictions, self.features = costs, predictions, features


def make_content(directory, seed=0):
    """Reads a results folder and works out all that a report says, drawing nothing."""
    from ..analysis.collect import collect
    from ..analysis.entries import Results
    from ..analysis.predictions import Predictions
    from ..analysis.projections import Projections
    from ..analysis.verdicts import judge
    from .tables.claims import verdict_table
    from .tables.experiments import run_table
    from .tables.reproducibility import overview, reproducibility

    study = collect(directory)
    predictions, projections = Predictions(seed), Projections(seed)
    all_results = [Results(group) for group in study.groups]
    verdicts = judge(all_results, predictions, seed)
    groups = [
        _group_content(number, results, [v for v in verdicts if v.group is results.group], predictions, projections)
        for number, results in enumerate(all_results, 1)
    ]
    return Content(
        title=pathlib.Path(directory).resolve().name,
        overview=overview(study),
        groups=groups,
        verdicts=verdict_table(verdicts),
        reproducibility=reproducibility(study, predictions.problems + projections.problems),
        filters={
            "dataset": sorted({dataset for group in study.groups for dataset in group.datasets}),
            "model": sorted({group.model for group in study.groups}),
            "method": sorted({group.method for group in study.groups}),
        },
        cells=run_table(study),
        seed=seed,
    )


def _group_content(number, results, verdicts, predictions, projections):
    from ..analysis.contrasts import costs
    from ..analysis.verdicts import by_claim
    from .figures import make_figures
    from .sentences import lead
    from .tables.base import tags
    from .tables.recovery import cost_table
    from .tables.scores import main_table

    found = costs(results, predictions)
    return GroupContent(
        number=number,
        label=results.group.label,
        tags=tags(results.group),
        lead=lead(found),
        claims=by_claim(verdicts),
        main=main_table(results),
        recovery=cost_table(results, found),
        figures=make_figures(results, Context(found, predictions, projections.of)),
        costs=found,
        leads=[(name, lead(found, name)) for name in results.datasets] if len(results.datasets) > 1 else [],
    )
