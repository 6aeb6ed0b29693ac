"""A report that is written again whenever runs have finished or changed, until all that are planned have ended."""

import math
import pathlib
import re
import time

from ..results.plans import planned_runs, read_plans, run_hash
from ..results.read import is_locked, list_folders, read_runs
from ..utils.files import atomic_path, file_state
from .content import make_content
from .workers import Workers
from .write import check_output, check_request, remove_made, write_report

STATES = ("settings.json", "results.json", "scan.json")  # files of runs and scans that say how far they are
# What templates/report.html.j2 writes into a page that loads itself again; texts of runs are escaped in a page.
RELOADING = re.compile(r"<!-- reloading -->\n.*?<!-- /reloading -->\n", re.DOTALL)


def watch(directory, output=None, seed=0, margin=None, paper=None, every=10.0, tell=print):
    """Writes a report, and again after every change, until plans in the folder say that all runs have ended.

    A report that cannot be made, as of files that are being written, is told of and tried again. The last page does not
    load itself again, also where an interrupt ends the watching.

    Args:
        directory, output, seed, margin, paper: as of `make_report`.
        every: seconds between two looks at the folder.
        tell: function of a line of text.

    Returns:
        tuple: `Content`, and the folder written.

    Raises:
        UserError: if ``directory`` is no folder, or the output folder cannot be written or holds other things.
    """
    output, figures = check_request(directory, output, seed, margin, paper)
    try:
        return _until_ended(directory, output, (seed, margin, figures), every, tell), output
    except KeyboardInterrupt:
        stop_reloading(output / "report.html")
        raise KeyboardInterrupt(f"{output} holds the last report that was made, if any") from None


def _until_ended(directory, output, how, every, tell):
    written, told, held = None, None, []
    while True:
        now = _state(directory)  # sooner than the report: what changes meanwhile is in the next one
        if now != written or (held and not any(map(_at_work, held))):  # to let go of a lock changes no file
            ended, says, held = _progress(directory)
            made = check_output(output)
            with Workers() as workers:
                try:
                    content = make_content(directory, *how, workers)
                except (ValueError, OSError) as error:  # a file that is being written, or no run yet
                    remove_made(made)
                    if ended:
                        raise
                    if told != (told := str(error)):
                        tell(f"no new report: {error}; trying again every {every:g} s")
                else:
                    content.reload = None if ended else max(1, math.ceil(every))
                    write_report(content, output)
                    written, told = now, None
                    tell(f"{time.strftime('%H:%M:%S')}  {says}: {output / 'report.html'}")
                    if ended:
                        return content
        time.sleep(every)


def _state(directory):
    """{file: its state, or None} of the files that say what runs, scans and plans there are, and how far they are."""
    folders = list_folders(directory)
    files = [folder / name for folder in folders for name in STATES]
    around = {pathlib.Path(directory), *(folder.parent for folder in folders)}
    return {path: _state_of(path) for path in (*files, *(path for one in around for path in one.glob("sweep-*.json")))}


def _state_of(path):
    try:
        return file_state(path)
    except OSError:
        return None


def _progress(directory):
    """(whether all planned runs have ended and none is at work, how many have in words, folders still held).

    A run that has failed has ended, too. A sweep that adds seeds as it goes may always plan more. A run holds its
    folder a little longer than until its results are there: where all have results, those that still do are told.
    """
    runs, unusable = read_runs(directory)
    folders = [folder for folder, _ in (*runs, *unusable)]
    plans = read_plans(directory, folders)
    planned = planned_runs(plans)
    done = planned.keys() & {run_hash(folder.name) for folder, _ in runs}
    if not planned:
        return False, f"{len(runs):,} runs have ended, no plan says of how many", []
    grows = any(plan.get("until") for plan in plans)
    written = len(done) == len(planned) and not grows
    held = list(filter(_at_work, folders)) if written else []
    return written and not held, f"{len(done):,} of {len(planned):,} planned runs have ended", held


def _at_work(folder):
    try:
        return is_locked(folder)
    except OSError:  # a place that cannot be written, where a lock cannot be tried
        return False


def stop_reloading(page):
    """Takes out of a report's page what loads it again; a page without it stays as it is."""
    if page.is_file() and RELOADING.search(text := page.read_text(encoding="utf-8")):
        with atomic_path(page) as name:
            pathlib.Path(name).write_text(RELOADING.sub("", text, count=1), encoding="utf-8")
