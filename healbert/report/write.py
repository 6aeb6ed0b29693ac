"""A report's folder: every format's files, put in place when all of them are made."""

import math
import pathlib
import shutil
import tempfile

from ..results.read import check_folder
from ..utils.alive import alive_file, alive_files
from ..utils.errors import UserError
from ..utils.files import read_json, write_json
from ..utils.text import is_utf8
from .content import make_content
from .workers import Workers

# Marks a folder as a report's and names what the report wrote: that, and nothing else, is replaced by the next one.
MARKER, SCHEMA = "report.json", 1
TITLE = "<title>Healing report: "  # by which a page of before the marker is known
UNFINISHED = ".report-"  # where the next report is made; a killed one leaves it behind
ALIVE = ".at-work-"  # the file in it that says that its report is alive


def make_report(directory, output=None, seed=0, margin=None, paper=None):
    """Writes report.html, report.md, tables/ and figures/, what formats of plugins write, and report.json, its marker.

    What an earlier report wrote, as its marker says, is replaced. Other files in the folder stay as they are.

    Args:
        directory: a results folder: of one run, of a sweep, finished or half finished, or of several; or a list of
            two paths, the folders of two runs, which are compared with each other.
        output: the folder to write; default: ``report`` in ``directory``; of two runs, in the first one's folder
            ``report-beside-`` and the name of the second one's.
        seed: of the resampled examples, of permutations and of t-SNE.
        margin: the difference of scores below which none counts in verdicts; default: 0.01 for scores from 0 to 1.
        paper: a YAML file of the paper's own figures, to stand beside the verdicts.

    Returns:
        tuple: `Content`, and the folder written.

    Raises:
        UserError: if there is no finished run, or two runs cannot be compared, or the output folder cannot be written
            or holds other things.
    """
    output, figures = check_request(directory, output, seed, margin, paper)
    made = check_output(output)
    with Workers() as workers:
        try:
            content = make_content(directory, seed, margin, figures, workers)
        except UserError:
            remove_made(made)
            raise
        write_report(content, output)
    return content, output


def check_request(directory, output, seed, margin, paper):
    """What is wrong with the arguments of `make_report` is said before anything is made.

    Returns:
        tuple: the folder that the report is written to, and the paper's figures, as of `analyse`.

    Raises:
        UserError: of what cannot be used.
    """
    folders = directory if isinstance(directory, (list, tuple)) else [directory]
    for folder in folders:
        check_folder(folder)
    if len(folders) > 1 and folders[0].samefile(folders[1]):
        raise UserError(f"{folders[0]} and {folders[1]} are one run; name two, or one folder")
    if output and not is_utf8(output):
        raise UserError(f"--output {output} is not UTF-8; name another folder")
    if seed < 0:
        raise UserError(f"--seed {seed} is negative; use 0 or more")
    if margin is not None and not 0 <= margin < math.inf:
        raise UserError(f"--margin {margin:g} is no difference of scores; use 0 or more, such as 0.01")
    beside = "report" if len(folders) == 1 else f"report-beside-{folders[1].resolve().name}"
    return pathlib.Path(output) if output else pathlib.Path(folders[0]) / beside, _read_paper(paper)


def _read_paper(path):
    if path is None:
        return None
    from ..analysis.paper import read_paper
    from ..analysis.verdicts import LETTERS

    return read_paper(path, LETTERS)


def check_output(output):
    """Makes the folder; gives those that had to be made, the innermost first, for `remove_made`.

    Raises:
        UserError: if it cannot be written, or holds other things.
    """
    try:
        made = _make_folder(output)
        _earlier_files(output)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    return made


def remove_made(made):
    """Removes the folders that `check_output` made, where there is nothing to write."""
    for folder in made:
        folder.rmdir()


def write_report(content, output):
    """Writes a `Content` into a folder that `check_output` has checked; raises `UserError` if that fails."""
    try:
        content.output = output.resolve()
        _write(content, output, _earlier_files(output))
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror or error}") from error


def _make_folder(output):
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output} is a file; name a folder")
    whole = output.resolve()  # without ".."
    made = [folder for folder in (whole, *whole.parents) if not folder.exists()]
    whole.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=output).close()
    return made


def _earlier_files(output):
    """The files that an earlier report wrote into a folder: a set of relative paths; None for one without a marker.

    Raises:
        UserError: if there are other files and no report.
    """
    folder = output.resolve()
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(UNFINISHED))
    marker = read_json(folder / MARKER) if (folder / MARKER).is_file() else None
    ours = marker.get("healbert_report") if isinstance(marker, dict) else None
    if isinstance(ours, dict) and isinstance(ours.get("schema"), int) and isinstance(ours.get("files"), list):
        return {name for name in ours["files"] if isinstance(name, str) and _is_inside(folder, folder / name)}
    if MARKER not in names and _is_page_of_before(folder / "report.html"):
        return None
    if names:
        named = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise UserError(
            f"--output {output} holds other files ({named}); name a new folder or that of an earlier report"
        )
    return set()


def _is_inside(folder, path):
    # Neither ".." nor a link may lead out of it.
    return path.parent.resolve().is_relative_to(folder) and path.is_file()


def _is_page_of_before(page):
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return TITLE.encode() in file.read(4096)


def _write(content, output, earlier):
    """Writes everything beside its place first, so that a broken-off report replaces nothing."""
    from .formats import FORMATS

    _remove_killed(output)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=output) as name, alive_file(name, ALIVE) as alive:
        folder = pathlib.Path(name)
        for write in FORMATS.values():
            write(content, folder)
        paths = [path for path in folder.rglob("*") if path.is_file() and str(path) != alive]
        files = sorted(path.relative_to(folder).as_posix() for path in paths)
        known = set(files) if earlier is None else earlier
        _refuse_foreign(output, set(files) - known)
        _mark(output, known | set(files))  # first: what a kill leaves is known to the next report
        for file in files:
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).replace(output / file)
        for file in known - set(files):
            (output / file).unlink(missing_ok=True)
        _mark(output, files)


def _remove_killed(output):
    """Removes what killed reports left, which the file in it proves to be ours; not that of one that is at work."""
    for folder in output.glob(UNFINISHED + "*"):
        if any(folder.glob(ALIVE + "*")) and not alive_files(folder, ALIVE):
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_foreign(output, new):
    there = sorted(file for file in new if (output / file).exists())
    if there:
        named = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
        raise UserError(f"--output {output} holds files that no report wrote: {named}; name a new folder")


def _mark(output, files):
    write_json(output / MARKER, {"healbert_report": {"schema": SCHEMA, "files": sorted(files)}})
