"""From a sweep to its cells: expanded, checked, each experiment once, and what of it is done."""

import dataclasses
import pathlib
import statistics

from ..arguments import Arguments, make_arguments, typed
from ..cell import is_locked
from ..errors import UserError
from ..results import read_results

NAMED = 3  # cells that an error names


@dataclasses.dataclass
class PlannedCell:
    """One cell of a sweep.

    ``settings`` are the flags that the sweep gives it, ``arguments`` all that follow from them, ``folder`` its
    results folder, ``state`` one of "todo", "completed", "diverged" and "failed", and ``written`` tells one writing of
    its ``results.json`` from another.
    """

    settings: dict
    arguments: Arguments
    folder: pathlib.Path
    state: str = "todo"
    results: dict | None = None
    written: tuple | None = None

    @property
    def name(self):
        return self.folder.name

    @property
    def kind(self):
        """What cells share that load the same: (model, task)."""
        model, data = self.arguments.model, self.arguments.data
        return (model.model_name_or_path, data.task_name or data.dataset_name or data.train_file)

    def look(self):
        """Reads the state from disk; what cannot be read is to be done again."""
        try:
            stat = (self.folder / "results.json").stat()
            self.results, self.written = read_results(self.folder), (stat.st_ino, stat.st_mtime_ns)
            self.state = self.results["status"]
        except (OSError, ValueError):
            self.results, self.written, self.state = None, None, "todo"
        return self.state

    def runs_elsewhere(self):
        """Whether some process is at work on the cell."""
        return is_locked(self.folder)


@dataclasses.dataclass
class Plan:
    """The cells of a sweep, and what is known of them."""

    cells: list
    duplicates: int = 0

    def in_state(self, *states):
        return [cell for cell in self.cells if cell.state in states]

    def seconds_left(self, workers):
        """Seconds until the rest is done, from finished cells of the same task and model, or None if there are none."""
        taken = {}
        for cell in self.in_state("completed", "diverged"):
            seconds = sum((cell.results.get("timing") or {}).values())
            taken.setdefault(cell.kind, []).append(seconds)
        if not taken:
            return None
        overall = statistics.mean(second for seconds in taken.values() for second in seconds)
        means = {kind: statistics.mean(seconds) for kind, seconds in taken.items()}
        return sum(means.get(cell.kind, overall) for cell in self.in_state("todo")) / workers


def make_plan(sweep, output_dir, processes=1):
    """Expands a sweep, checks every cell and looks at what is on disk.

    Args:
        sweep: a `Sweep`.
        output_dir: the sweep's results folder.
        processes: processes that train one cell together.

    Returns:
        Plan: each experiment once, cells of one task and model next to each other.

    Raises:
        UserError: if a cell would be refused; names the first of them.
    """
    output_dir, cells, refused, total = pathlib.Path(output_dir), {}, [], 0
    exclude = [{key: _typed_values(key, value) for key, value in entry.items()} for entry in sweep.exclude]
    for settings, from_grid in sweep.settings():
        try:
            arguments = make_arguments(**settings, output_dir=str(output_dir))
            if from_grid and _is_excluded(arguments, exclude):
                continue
            name = arguments.name(processes)
        except UserError as error:
            if not (from_grid and _is_excluded_as_given(settings, exclude)):
                refused.append((settings, error))
            continue
        total += 1
        cells.setdefault(name, PlannedCell(settings, arguments, output_dir / name))
    if refused:
        raise UserError(_describe_refused(refused, sweep))
    if not cells:
        raise UserError("no cell is left: exclude takes all of them")
    plan = Plan(_grouped(cells.values()), total - len(cells))
    _look_at_all(plan.cells, output_dir)
    return plan


def _typed_values(key, value):
    return [typed(key, one) for one in (value if isinstance(value, list) else [value])]


def _is_excluded(arguments, exclude):
    return bool(exclude) and _matches(arguments.settings(), exclude)


def _is_excluded_as_given(settings, exclude):
    # What cannot run is often why it is excluded.
    named = settings.keys() & {key for entry in exclude for key in entry}
    return _matches({key: typed(key, settings[key]) for key in named}, exclude)


def _matches(settings, exclude):
    return any(all(key in settings and settings[key] in values for key, values in entry.items()) for entry in exclude)


def _describe_refused(refused, sweep):
    varying = {*sweep.grid, *(key for entry in sweep.include for key in entry)}
    named = [", ".join(f"{k}={v}" for k, v in settings.items() if k in varying) for settings, _ in refused[:NAMED]]
    more = f" and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    return f"{len(refused)} cells cannot run ({'; '.join(named)}{more}): {refused[0][1]}"


def _grouped(cells):
    # Workers keep what they loaded last: cells that share it should follow each other.
    order = {}
    for cell in cells:
        order.setdefault(cell.kind, []).append(cell)
    return [cell for group in order.values() for cell in group]


def _look_at_all(cells, output_dir):
    present = {path.name for path in output_dir.iterdir()} if output_dir.is_dir() else set()
    for cell in cells:
        if cell.name in present:
            cell.look()
