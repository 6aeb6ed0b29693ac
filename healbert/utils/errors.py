"""Errors that a user can cause, and how a command reports them."""

import difflib
import errno
import os
import sys
import time

from .interrupts import ignore_interrupts, interrupt_once, was_interrupted
from .output import end_progress_bars, guard_output
from .text import clean, without_secrets

SHOWN = 60  # characters of a name that is too long
GRACE = 10.0  # seconds that the first process of a launch has to say what is wrong


class UserError(ValueError):
    """Something the user gave cannot be used. The message says what was found and how to fix it."""


def nearest(name, valid, cutoff=0.6):
    """The one of ``valid`` that is most like a name, or None if none is alike by ``cutoff`` (0 to 1, of difflib)."""
    lowered = {str(v).lower(): v for v in valid}
    near = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=cutoff)
    return lowered[near[0]] if near else None


def did_you_mean(name, valid):
    """Returns ``"; did you mean 'x'?"`` for the nearest of ``valid``, or an empty string."""
    near = nearest(name, valid)
    return "" if near is None else f"; did you mean '{near}'?"


def check_choice(what, name, valid):
    """Raises `UserError` with the nearest valid name unless ``name`` is one of ``valid``."""
    if name not in valid:
        listed = ", ".join(str(v) for v in valid)
        raise UserError(f"{what} '{name}' is not known{did_you_mean(name, valid)} (known: {listed})")


def refuse_empty(**flags):
    """Raises `UserError` for a flag that is given as an empty text: {its name: its value, or None}."""
    for name, value in flags.items():
        if value == "":
            raise UserError(f"--{name} is empty; give a value, or leave it out")


def is_main_rank():
    """Whether this is the first process of a launch (the launchers set RANK)."""
    return int(os.environ.get("RANK", "0")) == 0


def exit_codes(main):
    """Runs ``main()`` with the command line's exit statuses.

    A `UserError` becomes one ``error:`` line and status 2 (with ``HEALBERT_DEBUG=1``, its traceback);
    Ctrl-C becomes status 130. Any other exception is a bug of ours and keeps its traceback.
    """
    guard_output()
    interrupt_once()
    try:
        main()
    except KeyboardInterrupt as stopped:
        _end_interrupted(str(stopped))
    except UserError as error:
        if os.environ.get("HEALBERT_DEBUG") == "1":
            raise
        if was_interrupted():
            _end_interrupted()
        _end_with_error(error)
    except Exception as error:
        if was_interrupted():  # which libraries turn into errors of their own while they are imported
            _end_interrupted()
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # whichever flag it was given to
            _end_with_error(UserError(f"the name is too long for a file: {str(error.filename)[:SHOWN]}..."))
        raise


def _end_with_error(error):
    # A launcher ends all processes with the first that fails: the others give the main one time to speak,
    # and speak themselves if it is well.
    if not is_main_rank():
        time.sleep(GRACE)
    end_progress_bars()
    # One line, but names keep their spaces: two that differ by one must not look alike.
    said = " ".join(line.strip() for line in str(error).splitlines())
    print("error: " + without_secrets(clean(said)), file=sys.stderr, flush=True)
    sys.exit(2)


def _end_interrupted(how=""):
    ignore_interrupts()
    end_progress_bars()
    if is_main_rank():
        how = how or "the same command starts again, a run from its last finished epoch"
        print(f"interrupted: {how}", file=sys.stderr, flush=True)
    sys.exit(130)
