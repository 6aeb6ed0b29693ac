"""From folders of cells to a finding: tables, verdicts, figures. Reads results, never trains."""

import dataclasses
import pathlib
import shutil
import tempfile

from ..errors import UserError
from ..results import check_folder


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


def make_report(directory, output=None, seed=0):
    """Writes report.html, report.md, tables/ and figures/.

    Args:
        directory: a results folder: of one cell, of a sweep, finished or half finished, or of several.
        output: the folder to write; default: ``report`` in ``directory``.
        seed: of the resampled examples, of permutations and of t-SNE.

    Returns:
        tuple: `Content`, and the folder written.

    Raises:
        UserError: if there is no finished cell, or the output folder cannot be written or holds other things.
    """
    output = pathlib.Path(output) if output else pathlib.Path(directory) / "report"
    check_folder(directory)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative; use 0 or more")
    try:
        made = _check_output(output)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    try:
        content = make_content(directory, seed)
    except UserError:
        for folder in made:
            folder.rmdir()
        raise
    try:
        _write(content, output)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror or error}") from error
    return content, output


def _check_output(output):
    """Makes the folder; gives those that had to be made, the innermost first."""
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output} is a file; name a folder")
    if output.exists() and any(output.iterdir()) and not (output / "report.html").is_file():
        raise UserError(f"--output {output} holds other files; name a new folder or that of an earlier report")
    whole = output.resolve()  # without ".."
    made = [folder for folder in (whole, *whole.parents) if not folder.exists()]
    whole.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=output).close()
    return made


def make_content(directory, seed=0):
    """Reads a results folder and works out all that a report says, drawing nothing."""
    from .cells import cell_table
    from .collect import collect
    from .entries import Results
    from .predictions import Predictions
    from .projections import Projections
    from .reproducibility import overview, reproducibility
    from .tables import verdict_table
    from .verdicts import judge

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
        cells=cell_table(study),
        seed=seed,
    )


def _group_content(number, results, verdicts, predictions, projections):
    from .contrasts import costs
    from .figures import make_figures
    from .tables import cost_table, main_table, tags
    from .verdicts import by_claim
    from .wording import lead

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


def _write(content, output):
    """Writes everything beside its place first, so that a broken-off report replaces nothing."""
    from ..files import atomic_path
    from .figures import save_figures
    from .html import html_report
    from .latex import latex_table
    from .markdown import markdown_report
    from .wording import NO_GLYPH

    with tempfile.TemporaryDirectory(prefix=".report-", dir=output) as name:
        folder = pathlib.Path(name)
        for part in ("tables", "figures"):
            (folder / part).mkdir()
        for table in content.tables:
            _write_csv(folder / "tables" / f"{table.name}.csv", table)
            (folder / "tables" / f"{table.name}.tex").write_text(latex_table(table), encoding="utf-8")
        if save_figures(content.figures, folder / "figures"):
            content.reproducibility.warnings.append(NO_GLYPH)
        for part in ("tables", "figures"):
            shutil.rmtree(output / part, ignore_errors=True)
            (folder / part).rename(output / part)
    for file, text in (("report.md", markdown_report(content)), ("report.html", html_report(content))):
        with atomic_path(output / file) as path:
            pathlib.Path(path).write_text(text, encoding="utf-8")


def _write_csv(path, table):
    import pandas

    from .wording import clean

    path.write_text(clean(pandas.DataFrame(table.records).to_csv(index=False)), encoding="utf-8")


def terminal_text(content):
    """The main tables, the verdicts and the warnings, for the terminal."""
    from .markdown import text_table
    from .tables import brief_verdicts
    from .wording import NOT_COMPARED, clean, finding

    parts = [text_table(group.main) for group in content.groups]
    parts += [text_table(brief_verdicts(content.verdicts))] if content.compared else []
    for group in content.groups:
        parts += [f"{group.label}:"] if len(content.groups) > 1 else []
        parts += group.lead
        claims = [" ".join([f"({v.claim.letter}) {v.claim.text}: {v.verdict}.", *finding(v)]) for v, _ in group.claims]
        parts += claims if group.compared else [NOT_COMPARED]
    parts += [f"warning: {sentence}" for sentence in content.reproducibility.warnings]
    return clean("\n\n".join(parts))
