"""Which type of task a run has, and which settings go with it."""

import dataclasses

from ..healing.strategies import STRATEGIES, strategy_names
from ..tasks.guess import guess_type, own_type
from ..tasks.source import DataSource
from ..tasks.types import TaskType, task_type
from ..utils.errors import UserError
from .groups import DataArguments, ModelArguments


def settle_type(values, parts):
    """Sets, in ``values`` by flags' names, ``task_type``: None where it is the task's own, so that it renames nothing.

    Args:
        values: the settings; changed in place.
        parts: `Parts`, which make the groups of arguments.

    Returns:
        TaskType: of the run.

    Raises:
        UserError: for a type that there is not, and for data that cannot be named so.
    """
    data, model = (
        parts.group(group, {field.name: values[field.name] for field in dataclasses.fields(group) if field.init})
        for group in (DataArguments, ModelArguments)
    )
    source = DataSource(data, model)
    own = own_type(source)
    found = values["task_type"] or guess_type(source, data, model) or own
    values["task_type"] = None if found == own else found
    return task_type(found)


def check_fits(arguments):
    """Refuses what asks more of a task than its type has.

    Args:
        arguments: `Arguments`.

    Raises:
        UserError: naming the flag.
    """
    kind, model, features = arguments.task_type, arguments.model, arguments.features
    strategy = arguments.run.strategy()
    probing = [name for name in strategy_names(arguments.run.healing) if STRATEGIES[name].fixed_features]
    asked = {
        "--pooling mean": model.pooling == "mean" and not kind.pools,
        "--probe_layers": features.probe_layers is not None,
    }
    asked |= {f"--healing {name}": True for name in probing}
    for flag, given in asked.items():
        if given and not kind.per_text:
            raise UserError(
                f"{flag} needs one vector for each text, and a task of type {kind.name} has none; leave it out"
            )
    _check_sequences(arguments, kind, strategy)
    _check_lm_eval(arguments, kind)
    _check_writing(arguments.data, kind)
    if arguments.training.label_smoothing_factor and not (kind.smooths and kind.model_inputs is None):
        raise UserError(f"--label_smoothing_factor does not go with a task of type {kind.name}; leave it out")
    if strategy.needs_classes and not kind.one_class:
        raise UserError(
            f"--healing {arguments.run.healing} matches logits of classes, and a task of type {kind.name} has none; "
            f"{strategy.needs_classes}"
        )
    _check_also(arguments, kind, features.also_evaluate)
    severity = arguments.corruption.severity()
    if severity and severity.metric == "kl" and type(kind).divergence is TaskType.divergence:
        raise UserError(
            f"--match_severity kl compares distributions, and a task of type {kind.name} has none; use f1_drop"
        )
    if features.tsne and not kind.one_class:
        raise UserError(f"--tsne pictures classes, and a task of type {kind.name} has none; leave it out")


def _check_sequences(arguments, kind, strategy):
    """Refuses what takes an example as one sequence of tokens, and what takes it as it is, where it is not."""
    as_it_is = {
        "--reuse_frozen": arguments.run.reuse_frozen,
        f"--healing {arguments.run.healing}": strategy.learns_from is not None,
    }
    for flag, given in ({"--trace_healing": arguments.features.trace_healing} | as_it_is).items():
        if given and not kind.one_sequence:
            raise UserError(
                f"{flag} needs one sequence of tokens for each example, and one of type {kind.name} has several; leave "
                "it out"
            )
        if given and flag in as_it_is and kind.hides:
            raise UserError(
                f"{flag} takes texts as they are, and training on a task of type {kind.name} hides other tokens "
                "of them each time; leave it out"
            )


def _check_lm_eval(arguments, kind):
    """Refuses ``--lm_eval`` where the model is no decoder with its head, or there are several processes."""
    if not arguments.features.lm_eval:
        return
    if not kind.continues:
        raise UserError(
            f"--lm_eval scores decoders with their head, and a task of type {kind.name} has another; give --task_type "
            "causal_lm, or leave it out"
        )
    if arguments.training.world_size > 1:
        raise UserError("--lm_eval works in one process; keep the model, and see: healbert export-lm-eval --help")


def _check_writing(data, kind):
    """Refuses how summaries are written where none are."""
    if type(kind).generates is not TaskType.generates:
        return
    for flag in ("max_summary_length", "num_beams"):
        if getattr(data, flag) != getattr(DataArguments, flag):
            raise UserError(f"--{flag} is for models that write summaries, not for {kind.name}; leave it out")


def _check_also(arguments, kind, also):
    """Refuses ``--also_evaluate`` where there is no text, or no whole model, to score."""
    if also is None:
        return
    if also == kind.name or not kind.has_texts:
        why = (
            "is the task itself"
            if also == kind.name
            else f"needs texts, and examples of type {kind.name} are lists of words"
        )
        raise UserError(f"--also_evaluate {also} {why}; leave it out")
    if arguments.training.fsdp or arguments.training.deepspeed:
        raise UserError("--also_evaluate needs whole parameters; leave out --fsdp and --deepspeed")
