"""What a sweep will take: its kinds of runs measured, times how many there are, how many epochs and examples."""

import dataclasses
import functools
import math

from ..damage.methods import METHODS
from ..healing.strategies import STRATEGIES, strategy_names
from ..sweep.plan import make_plan
from ..sweep.run import MAX_RUNS
from ..sweep.sweep_file import check_size, read_sweep
from ..utils.errors import UserError
from .asked import check, from_settings
from .run import finish, load_before, one
from .variants import OURS

NOWHERE = "."  # the folder of a sweep that is planned and not run: whatever is there is none of its runs
# What changes no second of a step; damage does where it takes layers out, or says what trains.
OF_LENGTH = ("num_train_epochs", "max_steps", "eval_strategy", "eval_steps")
NO_MATTER = {*OF_LENGTH, "data_seed", "learning_rate", "sample_seed", "seed", "warmup_steps", "weight_decay"}
DAMAGE = ("corrupt_", "corruptions", "match_severity", "measure_damage")


@dataclasses.dataclass(frozen=True)
class Length:
    """How long a run trains, and how often it is evaluated.

    Args:
        epochs: of the run, where ``max_steps`` does not say when it ends.
        max_steps: steps of the optimizer; 0 or less where epochs count.
        batch: examples of a step.
        within: between two evaluations within epochs, steps or (below 1) their share of all; None without any.
    """

    epochs: float
    max_steps: int = -1
    batch: int = 1
    within: float | None = None

    def of(self, examples):
        """(epochs that are trained, evaluations on the way) of so many training examples."""
        by_epoch = math.ceil(examples / self.batch)
        steps = self.max_steps if self.max_steps > 0 else math.ceil(self.epochs * by_epoch)
        evaluations = math.ceil(steps / by_epoch)
        if self.within:
            every = self.within if self.within >= 1 else max(1, math.ceil(self.within * steps))
            evaluations += sum(step % by_epoch != 0 for step in range(int(every), steps, int(every)))
        return (self.max_steps / by_epoch if self.max_steps > 0 else self.epochs), evaluations


def _length(training):
    return Length(
        training.num_train_epochs,
        training.max_steps,
        training.train_batch_size * training.gradient_accumulation_steps,
        training.eval_steps if training.eval_strategy == "steps" else None,
    )


@dataclasses.dataclass
class Kind:
    """Runs of a sweep that take the same for a step.

    ``settings`` and ``arguments`` are those of the first, ``lengths`` the `Length` of every run, ``seconds`` of all,
    once known.
    """

    dataset: str
    settings: dict
    arguments: object
    lengths: list = dataclasses.field(default_factory=list)
    seconds: float | None = None

    @property
    def precision(self):
        return "bfloat16" if self.arguments.training.bf16 else "float32"


def read_kinds(source, assignments=()):
    """The runs of a sweep by kind: a list of `Kind`.

    Args:
        source: a sweep file.
        assignments: ``KEY=VALUE`` texts that replace settings of the file.

    Raises:
        UserError: for a sweep or a run of it that cannot be used.
    """
    sweep = read_sweep(source, assignments)
    check_size(sweep, MAX_RUNS)
    kinds, lengths = {}, {}
    for run in make_plan(sweep, NOWHERE).runs:
        key = _key(run.settings, run.arguments)
        if key not in kinds:
            kinds[key] = Kind(run.kind[1], run.settings, run.arguments)
        asked = key, *(run.settings.get(name) for name in OF_LENGTH)
        if asked not in lengths:
            lengths[asked] = _length(run.arguments.training)
        kinds[key].lengths.append(lengths[asked])
    return list(kinds.values())


def _key(settings, arguments):
    """The settings of a run that can change what a step takes, as one value."""
    drops = any(METHODS[spec.method].drops for spec in arguments.specs)
    counts = drops or any(STRATEGIES[name].by_damage for name in strategy_names(arguments.run.healing))
    matter = [
        (name, str(value))
        for name, value in settings.items()
        if name not in NO_MATTER and (counts or not name.startswith(DAMAGE))
    ]
    return tuple(sorted(matter))


def project(kinds, steps, price, output_dir, tell):
    """Measures one run of each kind and projects the hours of all.

    Args:
        kinds: list of `Kind`.
        steps: steps of each that are timed.
        price: of an hour of this machine; None for no costs.
        output_dir: a folder that is there; a checkpoint lies in it for a while.
        tell: function of a line about what happens.

    Returns:
        dict: what ``bench.json`` holds, ``projection`` in it.

    Raises:
        UserError: if something that was given cannot be used.
    """
    load, measurements, left_out = load_before(), [], []
    for place, kind in enumerate(kinds):
        tell(f"kind {place + 1} of {len(kinds)}: {_described(kind)}")
        measured = _measured(kind, steps, output_dir)
        if "failed" in measured:
            left_out.append(f"Not projected: {len(kind.lengths)} runs of {_described(kind)}: {measured['failed']}.")
        else:
            measurements.append(measured)
            kind.seconds = sum(run_seconds(measured, length) for length in kind.lengths)
    found = finish(measurements, functools.partial(from_settings, kinds[0].settings), tell)
    return found | {"load": load, "projection": _projection(kinds, price) | {"left_out": left_out}}


def _measured(kind, steps, output_dir):
    try:
        check(from_settings(kind.settings))
    except UserError as error:
        return {"failed": str(error)}
    make = functools.partial(from_settings, kind.settings)
    return one(make, OURS, kind.precision, steps, output_dir) | {"called": _described(kind)}


def _described(kind):
    run, model = kind.arguments.run, kind.arguments.model.model_name_or_path
    return f"{kind.dataset}, {model.rstrip('/').rpartition('/')[2]}, {run.healing}"


def run_seconds(measured, length):
    """Seconds of one run in a process that has its imports already.

    It is loaded and evaluated before it heals, and trains with an evaluation and a checkpoint after each epoch, or more
    of both; a test file is scored in the end.

    Args:
        measured: what `measure` returned.
        length: `Length` of the run.
    """
    splits = measured["splits"]
    of_example = measured["seconds"] / measured["examples"]
    evaluated = measured["evaluation_seconds"] / measured["evaluated"]
    of_one = measured["saving_seconds"] + evaluated * (splits["evaluation"] + splits.get("dev", 0))
    once = evaluated * (splits["evaluation"] + splits.get("test", 0))
    epochs, evaluations = length.of(splits["train"])
    return measured["load"] + once + epochs * splits["train"] * of_example + evaluations * of_one


def _projection(kinds, price):
    """By dataset and in all: runs, those of them that could be measured, hours, and what they cost."""
    names = dict.fromkeys(kind.dataset for kind in kinds)
    of = {name: [kind for kind in kinds if kind.dataset == name] for name in names}
    return {
        "price": price,
        "datasets": [{"dataset": name} | _sum(some, price) for name, some in of.items()],
        "total": _sum(kinds, price),
    }


def _sum(kinds, price):
    known = [kind for kind in kinds if kind.seconds is not None]
    hours = sum(kind.seconds for kind in known) / 3600 if known else None
    return {
        "runs": sum(len(kind.lengths) for kind in kinds),
        "projected_runs": sum(len(kind.lengths) for kind in known),
        "hours": hours,
        "cost": None if hours is None or price is None else hours * price,
    }
