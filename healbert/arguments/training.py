"""What a run's transformers.TrainingArguments are: defaults of ours, what is fixed, and what is refused."""

import math
import pathlib

from ..utils.errors import UserError, check_choice
from ..utils.machine import multiplies_bf16

# Every default that differs from transformers.TrainingArguments.
TRAINING_DEFAULTS = {
    "eval_strategy": "epoch",
    "learning_rate": 2e-5,
    "load_best_model_at_end": True,
    "logging_nan_inf_filter": False,
    "logging_strategy": "epoch",
    "num_train_epochs": 10,
    "per_device_eval_batch_size": 64,
    "per_device_train_batch_size": 32,
    "project": "healbert",
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "train_sampling_strategy": "group_by_length",
}

# What a run is made of: measured after every epoch, best epoch kept, and what is measured goes on as it was: in half
# precision Trainer would cast the model itself. These cannot be changed, but for --eval_strategy steps, which measures
# within epochs as well.
FIXED = {
    name: TRAINING_DEFAULTS[name]
    for name in (
        "eval_strategy",
        "save_strategy",
        "load_best_model_at_end",
    )
} | {
    "batch_eval_metrics": False,
    "bf16_full_eval": False,
    "dataloader_drop_last": False,
    "dataloader_in_order": True,
    "eval_delay": 0,
    "eval_do_concat_batches": True,
    "eval_on_start": False,
    "fp16_full_eval": False,
    "label_names": None,
    "prediction_loss_only": False,
    "remove_unused_columns": True,
}

LEAST = {
    "dataloader_num_workers": 0,
    "gradient_accumulation_steps": 1,
    "per_device_eval_batch_size": 1,
    "per_device_train_batch_size": 1,
}

# --precision -> the flag of TrainingArguments that says the same.
PRECISIONS = {"float32": None, "bf16": "bf16", "fp16": "fp16", "auto": None}

SAVE_STEPS = 500  # the default of --save_steps in transformers, which means nothing as long as epochs are saved


def follow_type(values, kind):
    """Sets, in ``values`` by flags' names, that the best epoch has the best primary metric of the task's type.

    Args:
        values: the settings; changed in place.
        kind: the `TaskType`.

    Raises:
        UserError: if another metric was asked for.
    """
    primary, metric = next(iter(kind.metrics().items()))
    for name, only in {"metric_for_best_model": primary, "greater_is_better": metric.greater_is_better}.items():
        if values[name] not in (None, only):
            raise UserError(
                f"--{name} {values[name]} is not supported: tasks of type {kind.name} choose the best epoch by "
                f"{primary}; leave it out"
            )
        values[name] = only


def check_training(values):
    """Checks settings of TrainingArguments, ``values`` by flags' names; a checkpoint is kept wherever one is evaluated.

    Raises:
        UserError: for what a run cannot be made with.
    """
    _evaluate_within_epochs(values)
    for name, only in FIXED.items():
        within = values["eval_strategy"] == "steps" and name in ("eval_strategy", "save_strategy")
        if values[name] != only and not within:
            raise UserError(
                f"--{name} {values[name]} is not supported: a run is evaluated over all "
                f"examples after each epoch, as it trains; leave it at {only}"
            )
    _check_ranges(values)
    checkpoint = values["resume_from_checkpoint"]
    if checkpoint and not (pathlib.Path(checkpoint) / "trainer_state.json").is_file():
        raise UserError(f"--resume_from_checkpoint {checkpoint} is not the folder of a checkpoint")
    if checkpoint and (pathlib.Path(checkpoint) / "results.json").is_file():  # which has a trainer_state.json, too
        raise UserError(f"--resume_from_checkpoint {checkpoint} is the folder of a run; name a checkpoint-N in it")


def resolve_precision(values):
    """Sets, in ``values`` by flags' names, what --precision stands for on this machine.

    Raises:
        UserError: for an unknown one, or one that --bf16 or --fp16 contradicts.
    """
    asked = values["precision"]
    if asked is None:
        return
    check_choice("precision", asked, PRECISIONS)
    if asked == "auto":
        values["precision"] = asked = "bf16" if multiplies_bf16(values["use_cpu"]) else "float32"
    flag = PRECISIONS[asked]
    for other in ("bf16", "fp16"):
        if values[other] and other != flag:
            raise UserError(f"--precision says {asked} and --{other} says {other}; leave one out")
    if flag:
        values[flag] = True


def check_precision(asked, training):
    """Refuses a --precision that is not what `accelerate launch` has TrainingArguments use.

    Raises:
        UserError: if they differ.
    """
    used = {"no": "float32"}.get(training.mixed_precision, training.mixed_precision)
    if asked not in (None, used):
        raise UserError(f"--precision says {asked} and accelerate's --mixed_precision {used}; leave one out")


def _evaluate_within_epochs(values):
    """Of --eval_strategy steps, which FIXED does not know: the best checkpoint is chosen among all evaluations."""
    if values["eval_strategy"] != "steps":
        return
    steps, saved = values["eval_steps"], values["save_steps"]
    if steps is None or not 0 < steps < math.inf or (steps > 1 and steps % 1):
        given = "" if steps is None else f", and {steps:g} is none"
        raise UserError(
            f"--eval_strategy steps needs --eval_steps: every how many steps, or a share of all below 1{given}"
        )
    if saved not in (SAVE_STEPS, steps):
        raise UserError(
            f"--save_steps {saved:g} differs from --eval_steps {steps:g}: a checkpoint is kept at each evaluation; "
            "leave it out"
        )
    values |= {"save_strategy": "steps", "save_steps": steps}


def _check_ranges(values):
    for name in ("learning_rate", "weight_decay"):
        if not 0 <= values[name] < math.inf:
            raise UserError(f"--{name} {values[name]} is not a number of 0 or more")
    for name in ("adam_beta1", "adam_beta2"):
        if not 0 <= values[name] < 1:
            raise UserError(f"--{name} {values[name]} is not from 0 to below 1")
    if not 0 < values["num_train_epochs"] < math.inf:
        raise UserError(f"--num_train_epochs {values['num_train_epochs']:g} is not above 0 and finite")
    for name in ("seed", "data_seed"):
        if values[name] is not None and not 0 <= values[name] < 2**32:
            raise UserError(f"--{name} {values[name]} is not from 0 to {2**32 - 1}")
    for name, least in LEAST.items():
        if values[name] < least:
            raise UserError(f"--{name} {values[name]} is too small; use {least} or more")
