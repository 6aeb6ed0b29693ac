"""Where the figures come from: settings, versions, hardware, time, failures, and what gives reason for doubt."""

import collections
import dataclasses
import itertools
import json

from ...analysis.collect import INTACT, Damage, signature
from ...arguments.neutral import NOT_IDENTITY
from ..text import count
from .base import Row, Table, tags

LOG_LINES = 8


HASH_LETTERS = 12


MANY = 8  # values of a setting, beyond which only some are listed


HARDWARE = ("device", "platform", "processes", "threads", "mixed_precision")


@dataclasses.dataclass
class Reproducibility:
    """``warnings`` are sentences; the rest are `Table`, those without rows left out."""

    warnings: list
    tables: list


def reproducibility(study, problems):
    """What a reader needs to trust and to repeat the figures.

    Args:
        study: `Study`.
        problems: list of (run, reason) of files that could not be used.
    """
    tables = [
        _settings_that_vary(study),
        _settings_in_common(study),
        _versions(study),
        _hardware(study),
        _failures(study),
        _unusable("unfinished", "Runs not finished", ["run", "what it is"], study.unfinished),
        _unusable("unreadable", "Runs that cannot be used", ["run", "why"], study.unreadable),
        _unusable("problems", "Files that cannot be used", ["run", "why"], problems),
    ]
    return Reproducibility(warnings(study, problems), [table for table in tables if table.rows])


def overview(study):
    """How many runs there are, by status, as a list of (count, what)."""
    statuses = collections.Counter(run.status for run in study.runs)
    known = sorted(statuses.items(), key=lambda item: (item[0] != "completed", item[0]))
    counts = [(n, status) for status, n in known]
    counts += [(len(study.unfinished), "not finished")] if study.unfinished else []
    return counts + ([(len(study.unreadable), "unusable")] if study.unreadable else [])


def _counted(values):
    """``{text: count}`` as text, commonest first."""
    common = collections.Counter(values).most_common()
    if len(common) == 1:
        return common[0][0]
    listed = ", ".join(f"{value} ({count(cells, 'cell')})" for value, cells in common[:MANY])
    return listed + (f" and {len(common) - MANY} more" if len(common) > MANY else "")


def _settings(study):
    """{setting: its value in every run}, settings that cannot change a result left out."""
    names = sorted({name for run in study.runs for name in run.config} - NOT_IDENTITY)
    return {name: [signature(run.config.get(name)) for run in study.runs] for name in names}


def _settings_that_vary(study):
    found = {name: values for name, values in _settings(study).items() if len(set(values)) > 1}
    return _two_columns("settings-varying", "Settings that vary", ["setting", "values"], found)


def _settings_in_common(study):
    found = {name: values for name, values in _settings(study).items() if len(set(values)) == 1}
    return _two_columns("settings-common", "Settings common to all runs", ["setting", "value"], found)


def _two_columns(name, title, columns, found):
    rows = [Row([key, _counted(values)], {}) for key, values in found.items()]
    records = [
        {columns[0]: key, "value": value, "runs": cells}
        for key, values in found.items()
        for value, cells in collections.Counter(values).items()
    ]
    return Table(name, title, "", columns, rows, records)


def _environments(study):
    return [run.part("environment") for run in study.runs if run.part("environment")]


def _versions(study):
    environments = _environments(study)
    names = sorted({name for found in environments for name in found.get("versions") or {}})
    found = {"python": [str(e.get("python")) for e in environments]} if environments else {}
    found |= {name: [str((e.get("versions") or {}).get(name)) for e in environments] for name in names}
    if environments:
        found["git commit of healbert"] = [str(e.get("git_commit")) for e in environments]
    return _two_columns("versions", "Versions", ["what", "version"], found)


def _hardware(study):
    environments = _environments(study)
    found = {name: [str(e[name]) for e in environments if name in e] for name in HARDWARE}
    found = {name.replace("_", " "): values for name, values in found.items() if values}
    peaks = [e["peak_memory_mib"] for e in environments if e.get("peak_memory_mib")]
    if peaks:
        found["peak memory, largest run"] = [f"{max(peaks):,} MiB"]
    stages = collections.Counter()
    for run in study.runs:
        stages.update({stage: seconds for stage, seconds in run.part("timing").items() if seconds})
    if stages:
        found["time of all runs"] = [duration(sum(stages.values()))]
        found["of it"] = ["; ".join(f"{stage} {duration(seconds)}" for stage, seconds in stages.most_common())]
    return _two_columns("hardware", "Hardware and time", ["what", "value"], found)


def duration(seconds):
    """Seconds as text: 41 s, 12 min 5 s, 3 h 20 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _failures(study):
    rows, records = [], []
    for run in (run for run in study.runs if run.status != "completed"):
        message, log = _error(run)
        group = next(group for group in study.groups if run in group.runs)
        rows.append(Row([run.name, run.status, run.line(), message, "\n".join(log)], tags(group, run.dataset)))
        records.append({"run": run.name, "status": run.status, "what": run.line(), "error": message})
    columns = ["run", "status", "what it is", "error", "last lines of its log"]
    return Table("failures", "Runs without a score", "No mean has them in it.", columns, rows, records)


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


def _unusable(name, title, columns, found):
    records = [dict(zip(columns, pair, strict=True)) for pair in found]
    return Table(name, title, "", columns, [Row(list(pair), {}) for pair in found], records)


def warnings(study, problems):
    """Sentences that name what makes runs of one folder hard to compare."""
    found = []
    lost = collections.Counter(run.status for run in study.runs if run.status != "completed")
    if study.unfinished:
        found.append(
            f"Half finished: {count(len(study.unfinished), 'cell')} begun and not finished; figures may change."
        )
    found += [sentence for group in study.groups if (sentence := _holes(study, group))]
    if study.unreadable:
        found.append(f"{count(len(study.unreadable), 'cell')} left out: results.json cannot be used.")
    found += [f"{count(n, 'cell')} {status}; no mean has them in it." for status, n in sorted(lost.items())]
    if problems:
        found.append(f"{count(len(problems), 'file')} of no use; the intervals and figures that need them are missing.")
    return found + _repeated(study) + _mixed(study)


def _repeated(study):
    """Runs of the same settings, such as copies of a folder, of which a mean has more than one in it."""
    alike = collections.defaultdict(list)
    for run in (run for run in study.runs if run.status == "completed"):
        alike[json.dumps({k: v for k, v in run.config.items() if k not in NOT_IDENTITY}, sort_keys=True)].append(run)
    extra = {runs[0].name: runs[1].name for runs in alike.values() if len(runs) > 1}
    if not extra:
        return []
    first, second = next(iter(extra.items()))
    return [
        f"{count(len(extra), 'cell')} there more than once (such as {first} and {second}): their mean counts as one."
    ]


def short_hash(commit):
    """A commit's first letters, with the + of uncommitted changes."""
    return commit[:HASH_LETTERS] + "+" * commit.endswith("+")


def _holes(study, group):
    """What a full grid of a group's values would have and no run is of, in a sentence, or None."""
    datasets, rates = group.datasets, {run.rate for run in group.runs}
    damages = {run.damage for run in group.runs}
    inner = itertools.product({d.level for d in damages} - {0, 1}, {d.region for d in damages} - {""})
    damages = {damage for damage in damages if damage.level in (0, 1)} | {Damage(*pair) for pair in inner}
    repetitions = {group.repetition(run) for run in group.runs if run.damage != INTACT}
    repetitions |= {group.repetition(run) for run in group.runs if group.repeated != "corrupt_seed"}
    wanted = set(itertools.product(datasets, damages, rates, repetitions or {None}))
    there = {(run.dataset, run.damage, run.rate, group.repetition(run)) for run in group.runs}
    if group.repeated == "corrupt_seed":  # an intact model has no draws of damage
        whole = {key[:3] for key in there if key[1] == INTACT}
        there |= {key for key in wanted if key[:3] in whole}
    missing = len(wanted - there)
    if not missing:
        return None
    of = f" of {group.label}" if len(study.groups) > 1 else ""
    return (
        f"Not a full grid: {missing:,} of {len(wanted):,} combinations of dataset, level, region, learning rate and "
        f"seed{of} have no finished run."
    )


def _mixed(study):
    environments = _environments(study)
    found = []
    commits = {str(e.get("git_commit")) for e in environments}
    if len(commits) > 1:
        listed = ", ".join(sorted({short_hash(commit) for commit in commits}))
        found.append(f"Runs come from different versions of the code: commits {listed}.")
    if any(commit.endswith("+") for commit in commits):
        found.append("Some runs come from code with uncommitted changes (commits that end in +).")
    for name in sorted({name for e in environments for name in e.get("versions") or {}}):
        versions = {str((e.get("versions") or {}).get(name)) for e in environments}
        if len(versions) > 1:
            found.append(f"Runs come from different versions of {name}: {', '.join(sorted(versions))}.")
    devices = {str(e.get("device")) for e in environments}
    if len(devices) > 1:
        found.append(f"Runs come from different devices: {', '.join(sorted(devices))}.")
    return found + _mixed_fingerprints(study)


def _mixed_fingerprints(study):
    found = []
    data, models = collections.defaultdict(set), collections.defaultdict(set)
    drawn = ("max_train_samples", "max_eval_samples", "sample_seed", "selection", "dev_fraction")
    for run in study.runs:
        key = (run.dataset, *(signature(run.config.get(name)) for name in drawn))
        data[key].add(run.part("task").get("fingerprint"))
        if run.damage == INTACT or run.part("model"):
            name = (str(run.config.get("model_name_or_path")), run.config.get("pooling"))  # which weights there are
            models[name].add(run.part("model").get("fingerprint"))
    mixed = sorted({key[0] for key, prints in data.items() if len(prints - {None}) > 1})
    found += [f"Runs of {name} have different texts or labels (data fingerprints)." for name in mixed]
    mixed = sorted(name for (name, _), prints in models.items() if len(prints - {None}) > 1)
    found += [f"Runs of model {name} start from different weights (model fingerprints)." for name in mixed]
    changed = [run for run in study.runs if run.part("corruption").get("untouched_bit_identical") is False]
    if changed:
        found.append(f"In {len(changed)} runs weights changed that the damage should have left alone.")
    return found
