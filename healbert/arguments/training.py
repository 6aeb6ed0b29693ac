"""What a run makes of transformers' TrainingArguments: other defaults, what is fixed, and what is refused."""

import math
import pathlib

from ..tasks.table import TASKS, Task
from ..tasks.types import task_type
from ..utils.errors import UserError

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

# What a run is made of: measured after every epoch, best epoch kept. These cannot be changed.
FIXED = {
    name: TRAINING_DEFAULTS[name]
    for name in (
        "eval_strategy",
        "save_strategy",
        "load_best_model_at_end",
    )
} | {
    "batch_eval_metrics": False,
    "dataloader_drop_last": False,
    "dataloader_in_order": True,
    "eval_do_concat_batches": True,
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


def check_training(values):
    """Refuses values, a dict from the flags' names, that no run can be made of: raises `UserError`."""
    for name, only in FIXED.items():
        if values[name] != only:
            raise UserError(
                f"--{name} {values[name]} is not supported: a run is evaluated over all "
                f"examples after each epoch; leave it at {only}"
            )
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
    checkpoint = values["resume_from_checkpoint"]
    if checkpoint and not (pathlib.Path(checkpoint) / "trainer_state.json").is_file():
        raise UserError(f"--resume_from_checkpoint {checkpoint} is not the folder of a checkpoint")


def follow_type(values):
    """The best epoch is the one with the best primary metric of the task's type."""
    task = TASKS[values["task_name"]] if values["task_name"] in TASKS else Task(values["dataset_name"])
    primary, metric = next(iter(task_type(task.type).metrics().items()))
    for name, only in {"metric_for_best_model": primary, "greater_is_better": metric.greater_is_better}.items():
        if values[name] not in (None, only):
            raise UserError(
                f"--{name} {values[name]} is not supported: tasks of type {task.type} choose the best epoch by "
                f"{primary}; leave it out"
            )
        values[name] = only
