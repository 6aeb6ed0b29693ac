"""What Trainer would find out late of its settings: libraries that are not installed, schedules that lack a value."""

import torch
from transformers import Trainer, get_scheduler
from transformers.utils import is_liger_kernel_available

from ..utils.errors import UserError


def check_optional(training, model, processes=None):
    """Asks early what Trainer would find out late: whether it can optimise and run as it is told to.

    Args:
        training: `transformers.TrainingArguments`.
        model: the model that would be trained (some optimizers take it apart by module names).
        processes: number of processes, if it is not this launch's.

    Raises:
        UserError: if a library is missing, or the setting names nothing that exists.
    """
    try:
        Trainer.get_optimizer_cls_and_kwargs(training, model)
    except (ImportError, ValueError) as error:
        raise UserError(f"--optim {training.optim.value} or --optim_args cannot be used: {error}") from error
    _check_scheduler(training)
    if training.use_liger_kernel and not is_liger_kernel_available():
        raise UserError("--use_liger_kernel needs a library that is not installed; run: pip install liger-kernel")
    if training.fsdp and (processes or training.world_size) == 1:
        raise UserError("--fsdp needs several processes; start them with accelerate launch or torchrun")


def _check_scheduler(training):
    """Makes the schedule of an optimizer of one number: what it lacks, or does not know, it says when it is made."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    kind, asked = training.lr_scheduler_type, training.lr_scheduler_kwargs
    try:
        get_scheduler(kind, optimizer, num_warmup_steps=1, num_training_steps=10, scheduler_specific_kwargs=asked)
    except (ValueError, TypeError) as error:
        raise UserError(f"--lr_scheduler_type {kind.value} or --lr_scheduler_kwargs cannot be used: {error}") from error
