"""From a sweep to its runs: expanded, checked, each experiment once, and what of it is done."""

import dataclasses
import functools
import gc
import math
import pathlib
import statistics
import sys

from ..analysis.runs import Damage
from ..arguments.parser import arguments_of, make_arguments
from ..arguments.parts import SharedParts
from ..arguments.teacher import teacher_arguments
from ..results.plans import plan_path, run_hash, write_plan
from ..results.read import is_locked, read_sound
from ..results.schema import NewerSchema, error_message, place_of, primary_of, source_name
from ..utils.errors import UserError
from .exclusions import Exclusions
from .progress import count_runs
from .tokens import TOKENS

NAMED = 3  # runs that an error names


@dataclasses.dataclass
class PlannedRun:
    """One run of a sweep.

    ``settings`` are the flags that the sweep gives it, ``kind`` is what runs share that load the same, (model, task),
    ``folder`` its results folder, ``seeds`` its own and those of its damages (none of an intact one), ``damage`` what
    that is in words, ``state`` "todo", "completed", "diverged" or "failed", ``results`` what of its ``results.json`` a
    sweep needs, ``written`` tells one writing of that file from another, ``teacher`` is the run of the sweep that it
    learns from, if any, and ``tokens`` is at most how many it trains on, infinite where that is not known.
    """

    settings: dict
    kind: tuple | None
    folder: pathlib.Path
    seeds: tuple = ()
    damage: str = ""
    state: str = "todo"
    results: dict | None = None
    written: tuple | None = None
    teacher: "PlannedRun | None" = None
    tokens: float = math.inf

    @property
    def name(self):
        return self.folder.name

    @functools.cached_property
    def arguments(self):
        """All that follows from the settings: `Arguments`; made when asked for, as those of 100,000 runs weigh."""
        return make_arguments(**self.settings, output_dir=str(self.folder.parent))

    def look(self):
        """Reads the state from disk; what is damaged is to be done again.

        Raises:
            UserError: if the run is of a later HealBERT.
        """
        try:
            stat = (self.folder / "results.json").stat()
            self.results, self.written = _needed(read_sound(self.folder)), (stat.st_ino, stat.st_mtime_ns)
            self.state = self.results["status"]
        except NewerSchema as error:
            raise UserError(f"{self.folder}: {error}") from error
        except (OSError, ValueError):
            self.results, self.written, self.state = None, None, "todo"
        return self.state

    def runs_elsewhere(self):
        """Whether some process is at work on the run; of a folder that cannot be read, the run itself will say so."""
        try:
            return is_locked(self.folder)
        except OSError:
            return False


def _needed(results):
    """What of a run's results a sweep goes by: a small part of them, as 100,000 finished runs weigh."""
    primary, about = primary_of(results)
    return {
        "status": results["status"],
        "error": {"message": error_message(results)},
        "timing": results.get("timing"),
        "environment": {"threads": (results.get("environment") or {}).get("threads")},
        "config": {"save_model": results["config"].get("save_model")},
        "task": {"primary_metric": primary, "metrics": {primary: about} if about else {}},
        "metrics": {"healed": (results.get("metrics") or {}).get("healed")},
    }


@dataclasses.dataclass
class Plan:
    """The runs of a sweep, and what is known of them.

    ``source`` is what the sweep was read from, by which its plan in the folder is known, and ``name`` that in short.
    """

    runs: list
    duplicates: int = 0
    source: object = None
    name: str = ""

    def in_state(self, *states):
        return [run for run in self.runs if run.state in states]

    def doubt(self):
        """A sentence where several seeds share one draw of the damage, with what mends it; else ""."""
        damaged = {run.seeds for run in self.runs if len(run.seeds) > 1}
        seeds, draws = {own for own, *_ in damaged}, {tuple(drawn) for _, *drawn in damaged}
        if len(seeds) < 2 or len(draws) > 1:
            return ""
        return (
            f"{len(seeds)} seeds share one draw of the damage (corrupt_seed {draws.pop()[0]}), so nothing is known of "
            "other draws; corrupt_seed: same_as_seed in base draws it anew with each seed"
        )

    def write(self, output_dir, until=None):
        """Keeps the plan in the sweep's folder; ``until`` as of `write_plan`."""
        runs = [
            {"name": run.name, "dataset": run.kind[1], "damage": run.damage, "seed": run.seeds[0]} for run in self.runs
        ]
        write_plan(plan_path(output_dir, self.source), self.name, runs, until)

    def seconds_left(self, workers):
        """Seconds until the rest is done, from finished runs of the same task and model, or None if there are none.

        Medians: a run that was held up for hours says nothing of the others.
        """
        taken = {}
        for run in self.in_state("completed", "diverged"):
            seconds = sum((run.results.get("timing") or {}).values())
            taken.setdefault(run.kind, []).append(seconds)
        if not taken:
            return None
        overall = statistics.median(second for seconds in taken.values() for second in seconds)
        usual = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
        return sum(usual.get(run.kind, overall) for run in self.in_state("todo")) / workers


def make_plan(sweep, output_dir, processes=1):
    """Expands a sweep, checks every run and looks at what is on disk.

    Args:
        sweep: a `Sweep`.
        output_dir: the sweep's results folder.
        processes: processes that train one run together.

    Returns:
        Plan: each experiment once, runs of one task and model next to each other, the longest first.

    Raises:
        UserError: if a run would be refused; names the first of them.
    """
    output_dir = pathlib.Path(output_dir)
    gc.freeze()  # looking through all that was imported, again and again, would take a fifth of the time
    try:
        runs, refused, total = _expand(sweep, output_dir, processes)
    finally:
        gc.unfreeze()
    if refused:
        raise UserError(_describe_refused(refused, sweep))
    if not runs:
        raise UserError("no run is left: exclude takes all of them")
    plan = Plan(_teachers_first(_grouped(runs.values())), total - len(runs))
    _look_at_all(plan.runs, output_dir)
    return plan


def _expand(sweep, output_dir, processes):
    """({hash: `PlannedRun`}, the settings that are refused and why, how many runs were asked for)."""
    runs, refused, total, parts, known, learn = {}, [], 0, SharedParts(), {}, {}
    exclusions = Exclusions(sweep.exclude)
    for settings, from_grid in sweep.settings():
        try:
            arguments = arguments_of(settings | {"output_dir": str(output_dir)}, parts)
            _share(arguments, known)
            if from_grid and exclusions.leave_out(settings, arguments):
                continue
            name, intact = arguments.name(processes), teacher_arguments(arguments)
            learn |= {run_hash(name): run_hash(intact.name(processes))} if intact else {}
        except UserError as error:
            if not (from_grid and exclusions.leave_out_as_given(settings)):
                refused.append((settings, error))
            continue
        total += 1
        # The hash at the end: what is asked for in other words may hit the same, and is then the same run.
        if "precision" in settings:  # as resolved here, where the folder gets its name: a worker may be elsewhere
            settings = settings | {"precision": arguments.run.precision}
        found = _kind(arguments), output_dir / name, _seeds(arguments), _damage(arguments)
        run = PlannedRun(settings, *found, tokens=_tokens(arguments))
        kept = runs.setdefault(run_hash(name), run)
        if kept is not run and arguments.run.save_model:  # no part of the name: one that asks for it is enough
            kept.settings = kept.settings | {"save_model": True}
    _link_teachers(runs, learn)
    exclusions.warn_of_unmet()
    return runs, refused, total


def _link_teachers(runs, learn):
    """Has intact runs of the sweep that others learn from keep their models, and those others wait for them."""
    for one, other in learn.items():
        if one in runs and other in runs:
            runs[one].teacher = runs[other]
            runs[other].settings = runs[other].settings | {"save_model": True}


def _share(arguments, known):
    """Has runs of equal parts, which are one object then, share what they stand for: to find out takes the longest."""
    run, model, data = arguments.run, arguments.model, arguments.data
    _share_one(arguments, "specs", id(arguments.corruption), known)
    _share_one(arguments, "needs_intact", id(run), known)
    others = (tuple(spec.donor for spec in arguments.specs), arguments.features.trace_reference, run.teacher)
    _share_one(arguments, "sources", (*vars(model).values(), *vars(data).values(), *others, run.heal_text), known)


def _share_one(arguments, name, key, known):
    key = (name, key)
    if key not in known:
        known[key] = getattr(arguments, name)
    vars(arguments)[name] = known[key]  # where `functools.cached_property` keeps it


def _kind(arguments):
    return sys.intern(arguments.model.model_name_or_path), sys.intern(source_name(vars(arguments.data)))


def _seeds(arguments):
    return arguments.training.seed, *(spec.seed for spec in arguments.specs if not spec.intact)


def _damage(arguments):
    return sys.intern(str(Damage(*place_of(vars(arguments.corruption)))))


def _tokens(arguments):
    data, training, task = arguments.data, arguments.training, arguments.sources.data.task
    known = [rows for rows in (data.max_train_samples, task and task.examples) if rows]
    return min(known, default=math.inf) * data.max_seq_length * training.num_train_epochs


def _describe_refused(refused, sweep):
    varying = {*sweep.grid, *sweep.zip, *(key for entry in sweep.include for key in entry)} - {*TOKENS}
    named = [", ".join(f"{k}={v}" for k, v in settings.items() if k in varying) for settings, _ in refused[:NAMED]]
    more = f" and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    count = count_runs(len(refused))
    return f"{count} cannot run ({'; '.join(named)}{more}): {refused[0][1]}"


def _grouped(runs):
    # Workers keep what they loaded last: runs that share it should follow each other. The longest first: one that
    # begins when the others are nearly done keeps all but one worker waiting.
    order = {}
    for run in runs:
        order.setdefault(run.kind, []).append(run)
    longest = sorted(order.values(), key=lambda group: -max(run.tokens for run in group))
    return [run for group in longest for run in sorted(group, key=lambda run: -run.tokens)]


def _teachers_first(runs):
    needed = {id(run.teacher) for run in runs if run.teacher}
    return sorted(runs, key=lambda run: id(run) not in needed) if needed else runs


def _look_at_all(runs, output_dir):
    try:
        names = sorted(path.name for path in output_dir.iterdir()) if output_dir.is_dir() else []
    except OSError as error:
        raise UserError(f"results folder {output_dir} cannot be read: {error.strerror}") from error
    present = {run_hash(name): name for name in names}
    for run in runs:
        name = present.get(run_hash(run.name))
        if name:  # also under the name of the same run in other words
            run.folder = output_dir / name
            run.look()
