"""The parser that all commands share."""

import argparse

from ..utils.errors import UserError


class CommandParser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


def command_parser(command, description):
    return CommandParser(prog=f"python -m healbert {command}", description=description, allow_abbrev=False)
