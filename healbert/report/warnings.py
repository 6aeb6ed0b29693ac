"""How many runs there are, and what makes the runs of one folder hard to compare, in sentences."""

import collections
import itertools
import json
import pathlib

from ..analysis.grouping import of_datasets
from ..analysis.runs import INTACT, Damage, signature
from ..analysis.views import collapsed
from ..arguments.neutral import NOT_IDENTITY
from ..results.plans import FINISHED, count_finished, run_hash
from .text import count

HASH_LETTERS = 12


def overview(study):
    """How many runs there are, by status, as a list of (count, what)."""
    statuses = collections.Counter(run.status for run in study.runs)
    known = sorted(statuses.items(), key=lambda item: (item[0] != "completed", item[0]))
    counts = [(n, status) for status, n in known]
    counts += [(len(study.unfinished), "not finished"), (len(study.unreadable), "unusable")]
    counts += [(study.teachers, "for others to learn from, in .teachers, left out here")]
    counts.append((len(study.scans), "scan" if len(study.scans) == 1 else "scans"))
    return [(n, status) for n, status in counts if n]


def warnings(study, problems):
    """Sentences that name what makes runs of one folder hard to compare.

    Args:
        study: `Study`.
        problems: list of (run, reason) of files that could not be used.
    """
    found = []
    without_score = collections.Counter(run.status for run in study.runs if run.status != "completed")
    if study.unfinished:
        begun = count(len(study.unfinished), "run")
        found.append(f"Half finished: {begun} begun and not finished; figures may change.")
    found += _of_plans(study) + [sentence for group in study.groups if (sentence := _holes(study, group))]
    found += _left_out(study.unreadable, "run", "results.json") + _left_out(study.unusable_scans, "scan", "scan.json")
    found += [f"{count(n, 'run')} {status}: left out of every mean." for status, n in sorted(without_score.items())]
    if problems:
        found.append(
            f"{count(len(problems), 'file')} cannot be used; the intervals and figures that need them are missing."
        )
    found += _collapsed(study) + _without_last(study) + _one_draw(study) + _repeated(study)
    found += _taken_up(study) + _damaged_before(study)
    return found + _of_datasets(study) + _mixed(study)


def _left_out(unusable, what, file):
    """Sentences on (name, reason) of runs or scans: faults of one file together, of which a table has each."""
    reasons = collections.Counter(f"{file} cannot be used" if file in reason else reason for _, reason in unusable)
    return [f"{count(n, what)} left out: {reason}." for reason, n in sorted(reasons.items())]


def _collapsed(study):
    """A sentence on runs that learnt nothing, or none."""
    runs = sum(map(collapsed, study.runs))
    if not runs:
        return []
    what = "one answer for all examples, or no better than answering without a model"
    return [f"{count(runs, 'run')} collapsed ({what}): they are in every mean, and verdicts say what is without them."]


def _without_last(study):
    """A sentence on runs of which only the chosen epoch's score is known, or none."""
    scored = [run for run in study.runs if run.status == "completed" and run.score("healed") is not None]
    lacking = sum(run.score("last") is None for run in scored)
    if not lacking:
        return []
    runs = count(lacking, "run lacks", "runs lack")
    return [f"{runs} the last epoch's score: whether verdicts depend on the choice of epoch is not known there."]


def _one_draw(study):
    """Sentences on groups whose seeds all stand for one draw of the damage."""
    found = []
    for group in study.groups:
        damaged = [run for run in group.runs if run.damage != INTACT]
        draws = {run.config.get("corrupt_seed") for run in damaged}
        if len({group.repetition(run) for run in damaged}) < 2 or len(draws) != 1:
            continue
        of = f" of {group.label}" if len(study.groups) > 1 else ""
        found.append(
            f"One draw of the damage (corrupt_seed {draws.pop()}) is behind all seeds{of}: verdicts are of this draw, "
            "unless the damage draws nothing; --corrupt_seed draws another."
        )
    return found


def _repeated(study):
    """A sentence on runs of the same settings, such as copies of a folder, or none."""
    alike = collections.defaultdict(list)
    for run in (run for run in study.runs if run.status == "completed"):
        alike[json.dumps({k: v for k, v in run.config.items() if k not in NOT_IDENTITY}, sort_keys=True)].append(run)
    extra = {runs[0].name: runs[1].name for runs in alike.values() if len(runs) > 1}
    if not extra:
        return []
    first, second = next(iter(extra.items()))
    runs = count(len(extra), "run")
    return [f"{runs} there more than once (such as {first} and {second}): their mean counts as one."]


def _taken_up(study):
    """A sentence on runs that went on from a checkpoint of another folder, or none."""
    elsewhere = [run for run in study.runs if _began_elsewhere(run)]
    if not elsewhere:
        return []
    return [
        f"{count(len(elsewhere), 'run')} went on from a checkpoint of another folder (such as {elsewhere[0].name}, "
        "--resume_from_checkpoint): what was learnt there is in their figures, and their settings do not say what."
    ]


def _began_elsewhere(run):
    """Whether a run was told to go on from a checkpoint that does not lie in the folder that it was told to write."""
    named, own = run.config.get("resume_from_checkpoint"), run.config.get("output_dir")
    return bool(named) and pathlib.Path(named).resolve().parent != pathlib.Path(own or run.folder).resolve()


def _damaged_before(study):
    """A sentence on runs whose model had been damaged before they began, or none."""
    runs = [run for run in study.runs if run.part("model").get("damaged_before")]
    if not runs:
        return []
    said = f"{count(len(runs), 'run')} began with a model that had been damaged before (such as {runs[0].name}"
    return [f"{said}: {runs[0].part('model')['damaged_before']}): there, intact means as it was then."]


def _of_datasets(study):
    """Sentences on groups whose datasets have settings of their own, which means over datasets mix."""
    found = []
    for group in study.groups:
        if names := of_datasets(group):
            of = f" of {group.label}" if len(study.groups) > 1 else ""
            found.append(f"Datasets{of} differ in {', '.join(names)}: what is said of all of them mixes these.")
    return found


def short_hash(commit):
    """A commit's first letters, with the + of uncommitted changes."""
    changed = "+" if commit.endswith("+") else ""
    return commit[:HASH_LETTERS].removesuffix("+") + changed


def _of_plans(study):
    """What the plans of the folder's sweeps say: how much is missing, and that seeds were added by a rule."""
    finished = [run.folder.name for run in study.runs if run.status in FINISHED]
    missing = study.planned.keys() - set(map(run_hash, finished))
    found = [f"{count_finished(study.planned, finished)}."] if missing else []
    for width, most in sorted({(until["width"], until["max_seeds"]) for p in study.plans if (until := p.get("until"))}):
        found.append(
            "Seeds were added, damage by damage, until the 95% interval over seeds of what is lost was no wider than "
            f"{width:g} (at most {most:g} seeds): by its width alone, whatever it said. Damages have different numbers "
            "of seeds for that reason."
        )
    return found


def _holes(study, group):
    """A sentence on the combinations of a group's values that no run is of, or None; where a plan says it, None."""
    if all(run_hash(run.folder.name) in study.planned for run in group.runs):
        return None
    wanted, there = _combinations(group)
    missing = len(wanted - there)
    if not missing:
        return None
    of = f" of {group.label}" if len(study.groups) > 1 else ""
    return (
        f"Not a full grid: {missing:,} of {len(wanted):,} combinations of dataset, level, region, learning rate and "
        f"seed{of} have no finished run."
    )


def _combinations(group):
    """Two sets of (dataset, damage, learning rate, seed): all that the group's values make, and those of its runs."""
    datasets, rates = group.datasets, {run.rate for run in group.runs}
    damages = {run.damage for run in group.runs}
    # Levels and regions make a grid; layers that were named one by one, and several damages in a row, stand alone.
    grid = {run.damage for run in group.runs if not _named_by_hand(run) and run.damage.level not in (0, 1)}
    damages |= {Damage(*pair) for pair in itertools.product({d.level for d in grid}, {d.region for d in grid})}
    repetitions = {group.repetition(run) for run in group.runs if run.damage != INTACT}
    repetitions |= {group.repetition(run) for run in group.runs if group.repeated != "corrupt_seed"}
    wanted = set(itertools.product(datasets, damages, rates, repetitions or {None}))
    there = {(run.dataset, run.damage, run.rate, group.repetition(run)) for run in group.runs}
    if group.repeated == "corrupt_seed":  # an intact model has no draws of damage
        whole = {key[:3] for key in there if key[1] == INTACT}
        there |= {key for key in wanted if key[:3] in whole}
    return wanted, there


def _named_by_hand(run):
    return run.config.get("corrupt_layers") is not None or run.config.get("corruptions") is not None


def _mixed(study):
    environments = study.environments
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
    found += [sentence for group in study.groups for sentence in _mixed_machines(study, group)]
    return found + _mixed_fingerprints(study)


MACHINES = {
    "device": "devices",
    "processes": "numbers of processes",
    "mixed_precision": "precisions",
    "threads": "numbers of CPU threads",
}


def _mixed_machines(study, group):
    """Sentences on what may change figures and differs between runs of one group."""
    environments = [run.part("environment") for run in group.runs if run.part("environment")]
    values = {name: {str(e[name]) for e in environments if e.get(name) is not None} for name in MACHINES}
    of = f" of {group.label}" if len(study.groups) > 1 else ""
    return [
        f"Runs{of} come from different {MACHINES[name]}: {', '.join(sorted(found))}."
        for name, found in values.items()
        if len(found) > 1
    ]


def _mixed_fingerprints(study):
    found = []
    data, models = collections.defaultdict(set), collections.defaultdict(set)
    drawn = ("max_train_samples", "max_eval_samples", "sample_seed", "selection", "dev_fraction")
    for run in study.runs:
        kind = run.part("task").get("type", "classification")  # which columns count, and which parts a model has
        key = (run.dataset, kind, *(signature(run.config.get(name)) for name in drawn))
        data[key].add(run.part("task").get("fingerprint"))
        if run.damage == INTACT or run.part("model"):
            name = (str(run.config.get("model_name_or_path")), run.config.get("pooling"), kind)
            models[name].add(run.part("model").get("fingerprint"))
    mixed = sorted({key[0] for key, prints in data.items() if len(prints - {None}) > 1})
    found += [f"Runs of {name} have different texts or labels (data fingerprints)." for name in mixed]
    mixed = sorted(name for (name, *_), prints in models.items() if len(prints - {None}) > 1)
    found += [f"Runs of model {name} start from different weights (model fingerprints)." for name in mixed]
    changed = [run for run in study.runs if run.part("corruption").get("untouched_bit_identical") is False]
    if changed:
        found.append(f"In {len(changed)} runs weights changed that the damage should have left alone.")
    return found
