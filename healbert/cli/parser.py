"""The parser that all commands share."""

import argparse

from ..utils.errors import UserError, did_you_mean


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are, in place of the usage text."""

    def error(self, message):
        known, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:  # without the values of flags, which may be a token
            flags = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
            own = [flag for action in self._actions for flag in action.option_strings]
            message = known + unknown + (" ".join(flags) + did_you_mean(flags[0], own) if flags else words)
        raise UserError(f"{message} (see {self.prog} --help)")


def command_parser(command, description):
    """The parser of a command: no abbreviated flags, so that a new flag changes the meaning of no old command line."""
    return CommandParser(prog=f"python -m healbert {command}", description=description, allow_abbrev=False)


def count(text):
    """A whole number of 1 or more, as a flag's ``type``."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def above_zero(text, what):
    """A finite number above 0, for a flag's ``type``; ``what`` it is goes into the error."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not {what} above 0")
    return value
