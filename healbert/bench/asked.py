"""What is to be measured: the `Arguments` of a run with a bench's own settings, made anew in each process."""

from ..arguments.parser import make_arguments, parse_arguments
from ..healing.strategies.base import Strategy
from ..utils.errors import UserError

# Once over a few batches, evaluated and saved at the end, and nothing told to anybody.
OF_BENCH = {
    "disable_tqdm": True,
    "eval_strategy": "epoch",
    "max_steps": -1,
    "num_train_epochs": 1,
    "report_to": "none",
    "output_dir": ".",
}


def from_flags(argv, **more):
    """`Arguments` of the flags of a run, a list of str; ``more`` are settings in place of those."""
    return parse_arguments([*argv, *(f"--{name}={value}" for name, value in (OF_BENCH | more).items())])[0]


def from_settings(settings, **more):
    """`Arguments` of the settings of a run, a dict; ``more`` are settings in place of those."""
    return make_arguments(**settings | OF_BENCH | more)


def check_against(arguments, names):
    """Refuses references beside a task that a plain Trainer cannot train as it stands.

    Args:
        arguments: `Arguments`.
        names: of the references.

    Raises:
        UserError: naming the type.
    """
    if names and not arguments.task_type.per_text:
        kind = arguments.task_type.name
        raise UserError(f"a plain Trainer has no batches, or no scores, of --task_type {kind}; say --against none")


def check(arguments):
    """Refuses what has no steps of a model to be timed, or steps that are not the whole of it.

    Raises:
        UserError: saying what it is.
    """
    run, strategy = arguments.run, arguments.run.strategy()
    if arguments.training.world_size > 1:
        raise UserError("bench is one process; start it without a launcher")
    if strategy.fixed_features:
        raise UserError(f"--healing {run.healing} trains on features that are read once; bench times steps of a model")
    if run.reuse_frozen:
        raise UserError("--reuse_frozen passes frozen layers once, and bench times whole steps; leave it out")
    if strategy.learns_from == "finetuned" and not arguments.sources.teacher:
        raise UserError(f"--healing {run.healing} would fine-tune its teacher first; name a --teacher")
    parts = getattr(strategy, "parts", [strategy])
    by_and_by = any(type(part).opens is not Strategy.opens for part in parts)
    if by_and_by or any(type(part).stops is not Strategy.stops for part in parts):
        what = "opens layers by and by" if by_and_by else "says itself when training ends"
        raise UserError(f"--healing {run.healing} {what}, which a few steps do not show; bench another strategy")
    if arguments.sources.text:
        raise UserError("--heal_text is trained on before the task, which bench does not time; leave it out")
    if not arguments.task_type.one_sequence:
        kind = arguments.task_type.name
        raise UserError(f"an example of --task_type {kind} is not one sequence of tokens, as bench needs; name another")
    if arguments.training.fp16:
        raise UserError("--fp16 is not measured, but float32 and bfloat16; leave it out")
