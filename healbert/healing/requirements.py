"""Libraries that some of Trainer's settings need and that are not among the requirements."""

from transformers import Trainer
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
    if training.use_liger_kernel and not is_liger_kernel_available():
        raise UserError("--use_liger_kernel needs a library that is not installed; run: pip install liger-kernel")
    if training.fsdp and (processes or training.world_size) == 1:
        raise UserError("--fsdp needs several processes; start them with accelerate launch or torchrun")
