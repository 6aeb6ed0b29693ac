"""A report's folder: every format's files, put in place when all of them are made."""

import pathlib
import shutil
import tempfile

from ..results.read import check_folder
from ..utils.errors import UserError
from .content import make_content

# Replaced as a whole, so that nothing of an earlier report stays; elsewhere files are replaced one by one.
OWN_FOLDERS = ("tables", "figures")


def make_report(directory, output=None, seed=0):
    """Writes report.html, report.md, tables/ and figures/, and what formats of plugins write.

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
    from .formats import FORMATS

    with tempfile.TemporaryDirectory(prefix=".report-", dir=output) as name:
        folder = pathlib.Path(name)
        for write in FORMATS.values():
            write(content, folder)
        for part in OWN_FOLDERS:
            shutil.rmtree(output / part, ignore_errors=True)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            place = output / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
