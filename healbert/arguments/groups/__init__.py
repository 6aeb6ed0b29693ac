"""The flags of ours, a file for each group; each flag is explained once, in its help."""

from .corruption import CorruptionArguments
from .data import DataArguments
from .features import FeatureArguments
from .model import ModelArguments
from .run import RunArguments

__all__ = ["CorruptionArguments", "DataArguments", "FeatureArguments", "ModelArguments", "RunArguments"]
