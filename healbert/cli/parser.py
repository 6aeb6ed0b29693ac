"""The parser that all commands share."""

import argparse

from ..utils.errors import UserError


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are, in place of the usage text."""

    def error(self, message):
        known, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:  # without the values of flags, which may be a token
            flags = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
            message = known + unknown + (" ".join(flags) or words)
        raise UserError(f"{message} (see {self.prog} --help)")


def command_parser(command, description):
    """The parser of a command: no abbreviated flags, so that a new flag changes the meaning of no old command line."""
    return CommandParser(prog=f"python -m healbert {command}", description=description, allow_abbrev=False)
