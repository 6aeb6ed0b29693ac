"""What a process prints by itself (warnings, log lines of libraries, tracebacks), without secrets."""

import logging
import sys
import traceback
import warnings

from .text import clean, without_secrets


def guard_output():
    """Has warnings, tracebacks and log lines show no password of an address and no token of the Hub."""
    warnings.formatwarning = _format_warning
    sys.excepthook = _print_exception
    logging.setLogRecordFactory(_record)


def end_progress_bars():
    """Ends the bars of a training that broke off, so that what is said next stands on a line of its own."""
    tqdm = sys.modules.get("tqdm")
    for bar in list(getattr(tqdm and tqdm.tqdm, "_instances", ())):
        bar.close()


_plain_warning, _plain_record = warnings.formatwarning, logging.getLogRecordFactory()


def safe(text):
    """`clean` and `without_secrets`."""
    return without_secrets(clean(text))


def _format_warning(message, category, filename, lineno, line=None):
    return safe(_plain_warning(message, category, filename, lineno, line))


def _print_exception(kind, error, trace):
    print(format_exception(error), end="", file=sys.stderr)


def format_exception(error):
    """A traceback as Python prints it, `safe`."""
    return safe("".join(traceback.format_exception(error)))


def _record(*args, **options):
    # Clients of the Hub log the addresses that they ask, the password of HF_ENDPOINT among them, and errors with them.
    record = _plain_record(*args, **options)
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = format_exception(record.exc_info[1]).rstrip("\n")
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # a library's mistake, which logging reports itself
        return record
    if without_secrets(text) != text:
        record.msg, record.args = without_secrets(text), ()
    return record
