"""The command line: dataclasses, the parser, and defaults < task recipe < YAML < flags."""

from .cell import NOT_IDENTITY, Arguments
from .groups import (
    FILE_EXTENSIONS,
    POOLINGS,
    SELECTIONS,
    CellArguments,
    CorruptionArguments,
    DataArguments,
    FeatureArguments,
    ModelArguments,
)
from .parser import (
    FIXED,
    GROUPS,
    TRAINING_DEFAULTS,
    build_parser,
    known_flags,
    make_arguments,
    parse_arguments,
    print_settings,
    read_config,
    to_argv,
    typed,
)

__all__ = [
    "FILE_EXTENSIONS",
    "FIXED",
    "GROUPS",
    "NOT_IDENTITY",
    "POOLINGS",
    "SELECTIONS",
    "TRAINING_DEFAULTS",
    "Arguments",
    "CellArguments",
    "CorruptionArguments",
    "DataArguments",
    "FeatureArguments",
    "ModelArguments",
    "build_parser",
    "known_flags",
    "make_arguments",
    "parse_arguments",
    "print_settings",
    "read_config",
    "to_argv",
    "typed",
]
