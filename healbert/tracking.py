"""Experiment trackers: what a run tells TensorBoard, Weights & Biases, MLflow or Trackio. One entry per tracker.

They run on accelerate's tracker classes. `transformers.Trainer` has integrations of its own, but these know nothing of
the damage and close their run before the healed model is scored.
"""

import dataclasses
import importlib
import importlib.util
import json
import os
import pathlib
from collections.abc import Callable

from transformers import TrainerCallback

from .utils.errors import UserError, check_choice
from .utils.files import jsonable
from .utils.registry import register, table


@dataclasses.dataclass(frozen=True)
class Tracker:
    """One experiment tracker.

    Args:
        make: ``make(name, arguments)`` gives an accelerate tracker, not yet started.
        table: ``table(tracker, rows, step)`` hands over the closing table, a list of (name, value).
        settings: ``settings(tracker, values)`` hands over the settings, a dict of plain values.
        package: the library that has to be installed, or None.
        errors: the tool's base class of exceptions, as a dotted name.
    """

    make: Callable
    table: Callable
    settings: Callable = lambda tracker, values: tracker.store_init_configuration(values)
    package: str | None = None
    errors: str = "builtins.OSError"

    @property
    def is_installed(self):
        return self.package is None or importlib.util.find_spec(self.package) is not None


TRACKERS = table("tracker", Tracker)


def _tensorboard_settings(tracker, values):
    tracker.writer.add_text("settings", _markdown(values.items()))
    tracker.writer.add_hparams(values, metric_dict={}, run_name=".")


def _tensorboard_table(tracker, rows, step):
    tracker.writer.add_text("table", _markdown(rows), step)


@register("tracker", "tensorboard", package="tensorboard", settings=_tensorboard_settings, table=_tensorboard_table)
def _make_tensorboard(name, arguments):
    from accelerate.tracking import TensorBoardTracker

    folder = os.environ.get("TENSORBOARD_LOGGING_DIR") or pathlib.Path(arguments.training.output_dir) / "tensorboard"
    return TensorBoardTracker(name, logging_dir=str(folder))


def _wandb_table(tracker, rows, step):
    tracker.log_table("table", ["", "value"], [list(row) for row in rows], step=step)


@register("tracker", "wandb", package="wandb", table=_wandb_table, errors="wandb.errors.Error")
def _make_wandb(name, arguments):
    from accelerate.tracking import WandBTracker

    return WandBTracker(os.environ.get("WANDB_PROJECT", arguments.training.project), name=name)


def _mlflow_table(tracker, rows, step):
    import mlflow

    mlflow.log_text(_markdown(rows), "table.md")


@register("tracker", "mlflow", package="mlflow", table=_mlflow_table, errors="mlflow.exceptions.MlflowException")
def _make_mlflow(name, arguments):
    from accelerate.tracking import MLflowTracker

    return MLflowTracker(experiment_name=arguments.training.project, run_name=name)


def _trackio_table(tracker, rows, step):
    import trackio

    tracker.log({"table": trackio.Table(columns=["", "value"], data=[list(row) for row in rows])}, step=step)


@register("tracker", "trackio", package="trackio", table=_trackio_table)
def _make_trackio(name, arguments):
    from accelerate.tracking import TrackioTracker

    training = arguments.training
    private = {} if training.hub_private_repo is None else {"private": training.hub_private_repo}
    options = {"space_id": training.trackio_space_id, "bucket_id": training.trackio_bucket_id, **private}
    return TrackioTracker(training.project, name=name, resume="allow", embed=False, **options)


def check_trackers(asked):
    """The trackers that ``--report_to`` names: a list; "all" are those installed.

    Raises:
        UserError: for an unknown tracker, or one that is not installed.
    """
    asked = [asked] if isinstance(asked, str) else list(asked or [])
    if "all" in asked:
        return [name for name, tracker in TRACKERS.items() if tracker.is_installed]
    names = [name for name in asked if name != "none"]
    for name in names:
        check_choice("tracker", name, TRACKERS)
        if not TRACKERS[name].is_installed:
            raise UserError(f"--report_to {name}: {name} is not installed; run: pip install {TRACKERS[name].package}")
    return names


class Tracking(TrainerCallback):
    """Tells all the trackers that were asked for of a run; on other processes than the first it does nothing.

    As a context manager it starts and ends what they record, under the name ``--run_name``, else the run's own.

    Raises:
        UserError: on entering, if a tracker refuses (no login, no server).
    """

    def __init__(self, arguments):
        names = arguments.training.report_to if arguments.training.process_index == 0 else []
        self.kinds, self.arguments, self.running = [TRACKERS[name] for name in names], arguments, []

    def __enter__(self):
        name = self.kinds and (self.arguments.training.run_name or self.arguments.name())
        for kind in self.kinds:
            tracker = kind.make(name, self.arguments)
            try:
                tracker.start()
            except _named_class(kind.errors) as error:
                self.__exit__()
                raise UserError(f"--report_to {tracker.name} cannot start: {error}") from error
            self.running.append((kind, tracker))
        return self

    def __exit__(self, *_):
        for _, tracker in self.running:
            tracker.finish()

    def settings(self, settings, receipt):
        """Sends every setting by its flag's name, and what the damage was (``receipt.summary``)."""
        values = settings | {f"receipt/{name}": value for name, value in receipt.summary.items()}
        for kind, tracker in self.running:
            kind.settings(tracker, {name: _plain(value) for name, value in values.items()})

    def metrics(self, stage, values, step):
        """Sends figures under ``stage``/name; what is missing is left out."""
        figures = {f"{stage}/{name}": value for name, value in values.items() if isinstance(value, (int, float))}
        for _, tracker in self.running:
            tracker.log(figures, step=step)

    def table(self, rows, step):
        """Sends the closing table, a list of (name, value)."""
        for kind, tracker in self.running:
            kind.table(tracker, rows, step)

    def on_log(self, args, state, control, logs=None, **_):
        """Trainer's hook: training loss and the metrics of every epoch, under Trainer's own names."""
        for stage, prefix in (("eval", "eval_"), ("train", "")):
            own = {k.removeprefix(prefix): v for k, v in logs.items() if k.startswith("eval_") == bool(prefix)}
            if own:
                self.metrics(stage, own, state.global_step)


def _plain(value):
    if isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(jsonable(value), default=str)


def _markdown(rows):
    lines = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in rows]
    return "\n".join(["|  |  |", "|---|---|", *lines])


def _named_class(dotted):
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)
