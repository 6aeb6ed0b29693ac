"""Flags of the command line that a run would pass over, refused with what does what they ask for."""

from ..tasks.embedded import EMBEDDED
from ..tasks.table import EMBEDDED_TASK
from ..utils.errors import UserError

STEPS = ("do_train", "do_eval", "do_predict")  # for other scripts


def check_flags(flags, given):
    """Refuses flags that would mean nothing. A file of settings may hold them: as defaults, or for some of its runs.

    Args:
        flags: what the command line gives.
        given: that and what the file gives.

    Raises:
        UserError: naming what does what they ask for.
    """
    only = [f"--{name}" for name in STEPS[1:] if flags.get(name)]
    if flags.get("do_train") is False or (only and not given.get("do_train")):
        named = only[0] if only else "--do_train False"
        raise UserError(
            f"{named} asks for a part of a run, which always evaluates, heals and evaluates again; leave it out, or "
            "give --do_train with it. Damage without healing: python -m healbert scan"
        )
    if flags.get("do_predict") and not given.get("test_file"):
        raise UserError("--do_predict goes with --test_file, whose predictions are always written; name one")
    if flags.get("data_root") and not given.get("dataset_name"):
        embedded = "an embedded task" if given.get("task_name", EMBEDDED_TASK) in EMBEDDED else None
        other = "--train_file" if given.get("train_file") else embedded
        if other:
            raise UserError(f"--data_root goes with a --task_name of the Hub, such as sst2, and not with {other}")
