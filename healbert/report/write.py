"""A report's files: the page, its Markdown, tables and figures."""

import pathlib
import shutil
import tempfile

from ..results.read import check_folder
from ..utils.errors import UserError
from .content import make_content


def make_report(directory, output=None, seed=0):
    """Writes report.html, report.md, tables/ and figures/.

    Args:
        directory: a results folder: of one run, of a sweep, finished or half finished, or of several.
        output: the folder to write; default: ``report`` in ``directory``.
        seed: of the resampled examples, of permutations and of t-SNE.

    Returns:
        tuple: `Content`, and the folder written.

    Raises:
        UserError: if there is no finished run, or the output folder cannot be written or holds other things.
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


def _write(content, output):
    """Writes everything beside its place first, so that a broken-off report replaces nothing."""
    from ..utils.files import atomic_path
    from .figures.static import save_figures
    from .formats.html import html_report
    from .formats.latex import latex_table
    from .formats.markdown import markdown_report
    from .sentences import NO_GLYPH

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

    from .text import clean

    path.write_text(clean(pandas.DataFrame(table.records).to_csv(index=False)), encoding="utf-8")
