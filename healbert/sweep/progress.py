"""What a sweep shows while it runs: a live table on a terminal, plain lines elsewhere."""

import pathlib
import sys
import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from ..results.schema import error_message, primary_of, primary_score
from ..utils.text import duration, one_line

SHOWN = 12  # running runs in the live table


class Progress:
    """Follows a `Plan` while it runs.

    Args:
        plan: the `Plan`.
        console: where to; default: standard output.
    """

    def __init__(self, plan, console=None):
        self.plan = plan
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.began, self.finished_here, self.running_since, self.workers = time.monotonic(), 0, {}, 1
        self.live, self.beside = None, ""

    def start(self, workers):
        self.began, self.workers = time.monotonic(), max(1, min(workers, len(self.plan.in_state("todo"))))
        if self.console.is_terminal:
            self.live = Live(self.render(), console=self.console, refresh_per_second=2, transient=False)
            self.live.start()
        else:
            self.console.print(f"{count_runs(len(self.plan.runs))}, {self._done()} done; {self.workers} at a time")

    def shared(self, sweeps, workers):
        """Notes that so many sweeps and runs use this machine now, so that this one makes ``workers`` at a time."""
        self.workers = max(1, min(workers, len(self.plan.in_state("todo"))))
        others = sweeps - 1
        self.beside = f"; {others} more at work on this machine" if others else ""
        if self.live is None:
            text = f"shares this machine with {others} more" if others else "has this machine to itself again"
            self.console.print(f"this sweep {text}: {workers} at a time")
        self._update()

    def running(self, run):
        self.running_since[run.name] = time.monotonic()
        self._update()

    def finished(self, run):
        since = self.running_since.pop(run.name, None)
        self.finished_here += since is not None
        if self.live is None:
            self.console.print(one_line(self._line(run, since)), markup=False)
        self._update()

    def tick(self):
        self._update()

    def stop(self):
        if self.live is not None:
            self._update()
            self.live.stop()
            self.live = None

    def _update(self):
        if self.live is not None:
            self.live.update(self.render())

    def _line(self, run, since):
        took = "elsewhere" if since is None else f"{time.monotonic() - since:.1f} s"
        healed = healed_score(run)
        score = f", healed {title_of(run)} {healed:.4f}" if healed is not None else ""
        why = f": {error_message(run.results) or 'no reason given'}" if run.state == "failed" else ""
        return f"[{self._done()}/{len(self.plan.runs)}] {run.name}: {run.state}{why}{score} ({took}); {self._pace()}"

    def _done(self):
        return len(self.plan.runs) - len(self.plan.in_state("todo"))

    def _pace(self):
        hours = (time.monotonic() - self.began) / 3600
        left = self.plan.seconds_left(self.workers)
        rate = f"{self.finished_here / hours:.0f} runs/h" if self.finished_here else "no run finished yet"
        return f"{rate}, {duration(left)} left"

    def render(self):
        """The live display: progress, a row per task, the running runs."""
        done, total = self._done(), len(self.plan.runs)
        failed = len(self.plan.in_state("failed"))
        head = f"{done} of {count_runs(total)}" + (f", {failed} failed" if failed else "")
        head += f"; {self._pace()}{self.beside}"
        bar = Table.grid()  # by itself it does not end its line
        bar.add_row(ProgressBar(total=total, completed=done, width=60))
        best_run = Column("best run", overflow="fold")  # a name that is cut short names nothing
        tasks = Table("task", "model", "done", "best score", best_run, box=None, pad_edge=False)
        for (model, task), runs in _by_task(self.plan.runs).items():
            best = best_run_of(runs)
            count = f"{sum(run.state != 'todo' for run in runs)}/{len(runs)}"
            score, name = (f"{healed_score(best):.4f} {title_of(best)}", best.name) if best else ("-", "-")
            tasks.add_row(_last_part(task), _last_part(model), count, Text(one_line(score)), Text(one_line(name)))
        running = Table(Column("running", overflow="fold"), "for", box=None, pad_edge=False)
        for name, since in list(self.running_since.items())[:SHOWN]:
            running.add_row(Text(one_line(name)), duration(round(time.monotonic() - since)))
        if len(self.running_since) > SHOWN:
            running.add_row(f"and {len(self.running_since) - SHOWN} more", "")
        return Group(Text(head), bar, tasks, *([running] if self.running_since else []))


def _last_part(name):
    return Text(one_line(pathlib.PurePath(name).name))


def _by_task(runs):
    groups = {}
    for run in runs:
        groups.setdefault(run.kind, []).append(run)
    return groups


def healed_score(run):
    """The primary metric of a finished run after healing, or None."""
    return primary_score(run.results, "healed") if run.results else None


def title_of(run):
    """What the primary metric of a finished run is called."""
    return primary_of(run.results)[1]["title"]


def best_run_of(runs):
    """The run of one task with the best healed score, in the direction of its metric; None if none has a score."""
    scored = [run for run in runs if healed_score(run) is not None]
    if not scored:
        return None
    choose = max if primary_of(scored[0].results)[1]["greater_is_better"] else min
    return choose(scored, key=healed_score)


def count_runs(number):
    """1 run, 2 runs."""
    return f"{number} run" if number == 1 else f"{number} runs"
