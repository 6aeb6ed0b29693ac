"""What Trainer's log says of each evaluation of a training."""

import math

ROUNDING = 1e-6  # epochs


def pick(logged, prefix, names):
    """The metrics out of what Trainer logs under ``prefix``."""
    return {name: logged[f"{prefix}_{name}"] for name in names}


def per_epoch(log, names):
    """One entry per evaluated epoch: epoch, step, metrics on the selection split, and the mean training loss since the
    evaluation before (None without a log of it).

    Args:
        log: ``log_history`` of a trainer.
        names: of the metrics.
    """
    train_loss = _losses(log)
    return [
        {"epoch": entry["epoch"], "step": entry["step"], **pick(entry, "eval", names)}
        | {"train_loss": train_loss.get(entry["step"])}
        for entry in log
        if "eval_loss" in entry
    ]


def _losses(log):
    """{step of an evaluation: mean loss of the steps of its epoch since the evaluation before}.

    What is logged is a mean, too.
    """
    found, parts, last = {}, [], 0
    for entry in log:
        step, begins = entry["step"], math.ceil(entry["epoch"] - ROUNDING) - 1
        if "loss" in entry:
            parts.append((entry["epoch"], step - last, entry["loss"]))
            last = step
        if "eval_loss" in entry and step not in found:
            own = [(steps, loss) for epoch, steps, loss in parts if epoch > begins + ROUNDING]
            if last == step and own:
                one = len(own) == 1  # as it was logged, to the last bit
                found[step] = own[0][1] if one else sum(n * loss for n, loss in own) / sum(n for n, _ in own)
            parts = []
    return found


def scores_at(log, step):
    """What the log says of a step's scores on rows that have no say in the choice, or None."""
    return next((entry for entry in log if entry["step"] == step and "scored_loss" in entry), None)


def by_step(predicted, column):
    """The columns that say what each evaluation predicted: {"step_N": values (examples,)}.

    Args:
        predicted: {step: predictions (examples, ...)}.
        column: function that makes a column of a table of them, as `TaskType.column`.
    """
    return {f"step_{step}": column(found) for step, found in predicted.items()}
