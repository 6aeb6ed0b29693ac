"""Where the figures come from: settings, versions, hardware, time, failures, files that cannot be used."""

import collections

from ...utils.registry import register
from ...utils.text import duration
from ..text import count
from .base import REPRODUCIBILITY, Cell, Row, Table, tags, to_run

LOG_LINES = 8


MANY = 8  # values of a setting, beyond which only some are listed


HARDWARE = ("device", "platform", "processes", "threads", "mixed_precision")


def _counted(values):
    """``{text: count}`` as text, commonest first."""
    common = collections.Counter(values).most_common()
    if len(common) == 1:
        return common[0][0]
    listed = ", ".join(f"{value} ({count(runs, 'run')})" for value, runs in common[:MANY])
    return listed + (f" and {len(common) - MANY} more" if len(common) > MANY else "")


@register("table", "settings-varying")
def settings_varying(analysis):
    """Every setting that has several values."""
    found = {name: values for name, values in analysis.settings.items() if len(set(values)) > 1}
    return _two_columns("settings-varying", "Settings that vary", ["setting", "values"], found)


@register("table", "settings-common")
def settings_common(analysis):
    """Every setting that has one value in all runs."""
    found = {name: values for name, values in analysis.settings.items() if len(set(values)) == 1}
    title = f"Settings common to all runs ({len(found)})"
    return _two_columns("settings-common", title, ["setting", "value"], found, folded=True)


def _two_columns(name, title, columns, found, folded=False):
    """A table of {what: its value in every run}; None of nothing."""
    if not found:
        return None
    rows = [Row([key, _counted(values)]) for key, values in found.items()]
    records = [
        {columns[0]: key, "value": value, "runs": runs}
        for key, values in found.items()
        for value, runs in collections.Counter(values).items()
    ]
    return Table(name, title, "", columns, rows, records, part=REPRODUCIBILITY, folded=folded)


@register("table", "versions")
def versions(analysis):
    """Versions of Python, of packages and of HealBERT."""
    environments = analysis.study.environments
    names = sorted({name for found in environments for name in found.get("versions") or {}})
    found = {"python": [str(e.get("python")) for e in environments]} if environments else {}
    found |= {name: [str((e.get("versions") or {}).get(name)) for e in environments] for name in names}
    if environments:
        found["git commit of healbert"] = [str(e.get("git_commit")) for e in environments]
    return _two_columns("versions", "Versions", ["what", "version"], found)


@register("table", "hardware")
def hardware(analysis):
    """What the runs ran on, and how long."""
    study, environments = analysis.study, analysis.study.environments
    found = {name: [str(e[name]) for e in environments if name in e] for name in HARDWARE}
    found = {name.replace("_", " "): values for name, values in found.items() if values}
    peaks = [e["peak_memory_mib"] for e in environments if e.get("peak_memory_mib")]
    if peaks:
        found["peak memory, largest process"] = [f"{max(peaks):,} MiB"]
    phases = collections.Counter()
    for run in study.runs:
        phases.update({phase: seconds for phase, seconds in run.part("timing").items() if seconds})
    if phases:
        found["time of all runs"] = [duration(sum(phases.values()))]
        found["of it"] = ["; ".join(f"{phase} {duration(seconds)}" for phase, seconds in phases.most_common())]
    return _two_columns("hardware", "Hardware and time", ["what", "value"], found)


@register("table", "failures")
def failures(analysis):
    """Runs that failed or diverged, with the end of what they printed."""
    study, rows, records = analysis.study, [], []
    for run in (run for run in study.runs if run.status != "completed"):
        message, log = _error(run)
        group = next(group for group in study.groups if run in group.runs)
        rows.append(Row([_to(run.name), run.status, run.line(), message, "\n".join(log)], tags(group, run.dataset)))
        records.append({"run": run.name, "status": run.status, "what": run.line(), "error": message})
    columns = ["run", "status", "what it is", "error", "last lines of its log"]
    if not rows:
        return None
    caption = "Left out of every mean."
    return Table("failures", "Runs without a score", caption, columns, rows, records, part=REPRODUCIBILITY)


def _error(run):
    error = run.part("error")
    message = ": ".join(str(error[part]) for part in ("kind", "message") if error.get(part))
    if run.status == "diverged" and not message:
        epochs = len(run.part("metrics").get("per_epoch") or [])
        message = f"the loss became NaN or infinite after {epochs} finished epochs"
    log = error.get("log_tail") or _log_end(run.folder / "log.txt")
    return message, str(log).splitlines()[-LOG_LINES:]


def _log_end(path):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


@register("table", "unfinished")
def unfinished(analysis):
    """Runs that were begun and are not finished."""
    return _pairs("unfinished", "Runs not finished", ["run", "what it is"], analysis.study.unfinished)


@register("table", "unreadable")
def unreadable(analysis):
    """Runs whose results.json cannot be used."""
    return _pairs("unreadable", "Runs that cannot be used", ["run", "why"], analysis.study.unreadable)


@register("table", "problems")
def problems(analysis):
    """Other files that could not be used by what was asked for before: figures are made sooner than tables."""
    return _pairs("problems", "Files that cannot be used", ["run", "why"], analysis.problems)


def _pairs(name, title, columns, found):
    """A table of pairs of texts; None of nothing."""
    if not found:
        return None
    records = [dict(zip(columns, pair, strict=True)) for pair in found]
    rows = [Row([_to(run), what]) for run, what in found]
    return Table(name, title, "", columns, rows, records, part=REPRODUCIBILITY)


def _to(run):
    return Cell(run, link=to_run(run))
