"""What a report shows, apart from how it is written: tables, figures and sentences out of an analysis."""

import dataclasses
import pathlib

from ..utils.errors import UserError
from .headline import NOTHING, headline, lacking
from .workers import Workers, draw

MANY, MANY_TSNE = 60, 8  # runs, and of them those laid out by t-SNE, beyond which other processes are worth their start
LATE = ("forest", "kinds", "recovery", "tsne")  # figures that wait for verdicts or a layout; others are drawn meanwhile


@dataclasses.dataclass
class GroupContent:
    """What the report has on one group of runs; ``number`` is its place, for links.

    ``headline`` is a sentence, ``headlines`` the same on each of several datasets: (dataset, sentence). ``claims`` are
    (verdict over all datasets or on the only one, verdicts on each of several). ``lack`` says what runs are missing
    where nothing can be compared.
    """

    number: int
    label: str
    tags: dict
    headline: str
    headlines: list
    claims: list
    compared: bool
    tables: list
    figures: list
    lack: str = ""

    @property
    def first_figures(self):
        """The figures that stand beside the verdicts, where there are any."""
        return [figure for figure in self.figures if figure.first and self.compared]

    @property
    def other_figures(self):
        """The figures of the group's own part."""
        return [figure for figure in self.figures if not (figure.first and self.compared)]

    def table(self, kind):
        """The table of a registered name."""
        return next(table for table in self.tables if table.kind == kind)


@dataclasses.dataclass
class Content:
    """Everything that the formats of a report write.

    ``tables`` and ``figures`` are all that become files; `GroupContent` has those of a group again, ``of_part`` gives
    those on all groups. ``warnings`` are sentences, ``overview`` is (count, what) of runs, ``filters`` maps what the
    page can be narrowed by to its values. ``reload`` is the seconds after which the page loads itself again, or None.
    ``comparison`` are sentences on two runs that were named. ``pages`` is what the page of a run is made of, see
    `run_pages`, ``folders`` where each run lies, ``output`` the report's folder, for links to them. ``drawn`` maps the
    name of a figure to a function that gives it as `figures.base.Drawn`.
    """

    title: str
    overview: list
    warnings: list
    groups: list
    tables: list
    figures: list
    filters: dict
    seed: int
    reload: int | None = None
    comparison: list = dataclasses.field(default_factory=list)
    pages: dict = dataclasses.field(default_factory=dict)
    folders: list = dataclasses.field(default_factory=list)
    output: pathlib.Path | None = None
    drawn: dict = dataclasses.field(default_factory=dict)

    def of_part(self, part):
        """The tables on all groups that the page shows in one of its parts."""
        return [table for table in self.tables if table.group is None and table.part == part and table.shown]

    def table(self, kind):
        """The only table of a registered name, or None."""
        return next((table for table in self.tables if table.kind == kind), None)

    @property
    def further_figures(self):
        """The figures on all groups, but for those of scans."""
        return [figure for figure in self.figures if figure.group is None and not figure.part]

    @property
    def scan_figures(self):
        """The figures of scans."""
        return [figure for figure in self.figures if figure.part == "scans"]

    @property
    def compared(self):
        """The groups in which a claim has something to be judged by."""
        return [group for group in self.groups if group.compared]

    @property
    def not_compared(self):
        """What is said of the other groups: a sentence, or ""."""
        others = [group for group in self.groups if not group.compared]
        if not others or not self.compared:
            return NOTHING if others else ""
        by_lack = {}
        for group in others:
            by_lack.setdefault(group.lack, []).append(group.label)
        return " ".join(f"No verdicts on {'; '.join(labels)}: {lack}." for lack, labels in by_lack.items())


def make_content(directory, seed=0, margin=None, paper=None, workers=None):
    """Reads a results folder and works out all that a report says; arguments as of `analyse` and `content_of`."""
    from ..analysis.analysis import analyse

    return content_of(analyse(directory, seed, margin, paper), workers)


def content_of(analysis, workers=None):
    """The `Content` of an `Analysis`.

    Args:
        analysis: the `Analysis`.
        workers: `Workers`, which begin to draw; default: figures are drawn when they are asked for.
    """
    from .compare import comparison
    from .run_pages import pages_of
    from .scan_axes import tags_of
    from .tables import TABLES, Table
    from .warnings import overview, warnings

    # Sooner than tables: one of these names the files they cannot read.
    figures, drawn = _figures(analysis, workers)
    tables = list(_made(TABLES, TABLES, Table, analysis))
    analysis.predictions.forget_draws()
    groups = [group.group for group in analysis.groups]
    return Content(
        title=_title(analysis),
        overview=overview(analysis.study),
        warnings=warnings(analysis.study, analysis.problems),
        groups=[_group_content(group, tables, figures) for group in analysis.groups],
        tables=tables,
        figures=figures,
        filters=_filters(groups, [tags_of(scan) for _, scan in analysis.study.scans]),
        seed=analysis.seed,
        comparison=comparison(analysis.pair),
        pages=pages_of(analysis, next(table for table in tables if table.kind == "runs")),
        folders=[run.folder for run in analysis.study.runs],
        drawn=drawn,
    )


def _figures(analysis, workers):
    """Every figure, and {its name: function that gives it drawn}."""
    from .figures import FIGURES, Figure
    from .figures.tsne import runs_shown

    shown, drawn, figures = runs_shown(analysis), {}, []
    if workers and (len(analysis.study.runs) > MANY or len(shown) > MANY_TSNE):
        workers.start()
    workers = workers or Workers()
    for run in shown if len(shown) > MANY_TSNE else ():  # few are sooner done here than what it takes is imported
        analysis.projections.begin(run, workers.submit)
    for figure in _made(FIGURES, sorted(FIGURES, key=LATE.__contains__), Figure, analysis):
        # Without the group, of which only the page makes use: all its runs would be copied to every process.
        drawn[figure.name] = workers.submit(draw, dataclasses.replace(figure, group=None))
        figures.append(figure)
    order = list(FIGURES)
    return sorted(figures, key=lambda figure: order.index(figure.kind)), drawn


def _title(analysis):
    if analysis.pair:
        return " and ".join(run.folder.resolve().name for run in analysis.pair.runs)
    return analysis.study.directory.resolve().name


def _filters(groups, scans):
    """{what the page can be narrowed by: its values}, of groups of runs and of the tags of scans."""
    found = {
        "dataset": {dataset for group in groups for dataset in group.datasets},
        "model": {group.model for group in groups},
        "method": {group.method for group in groups},
    }
    return {name: sorted(values | {tags[name] for tags in scans}) for name, values in found.items()}


def _group_content(analysed, tables, figures):
    from .tables.base import tags

    verdicts, costs, datasets = analysed.verdicts, analysed.costs, analysed.results.datasets
    return GroupContent(
        number=analysed.number,
        label=analysed.group.label,
        tags=tags(analysed.group),
        headline=headline(verdicts, costs),
        headlines=[(name, headline(verdicts, costs, name)) for name in datasets] if len(datasets) > 1 else [],
        claims=analysed.claims,
        compared=analysed.compared,
        tables=[table for table in tables if table.group is analysed.group],
        figures=[figure for figure in figures if figure.group is analysed.group],
        lack=lacking(analysed.results.damages),
    )


def _made(makers, order, entry, analysis):
    """What every function of a registry makes of an analysis, one after another, marked with the name it is of.

    Raises:
        UserError: if one makes something else, or two things would be written to one file.
    """
    made = {}
    for kind in order:
        found = makers[kind](analysis)
        for one in found if isinstance(found, list) else [found]:
            if one is None:
                continue
            if not isinstance(one, entry):
                raise UserError(f"{makers.kind} '{kind}' gives a {type(one).__name__}; it must give a {entry.__name__}")
            if one.name in made:
                raise UserError(
                    f"two {makers.kind}s are named '{one.name}' and would be one file; rename that of '{kind}'"
                )
            one.kind = kind
            made[one.name] = one
            yield one
