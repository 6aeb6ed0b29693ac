"""How a damaged model is healed: which parameters train. A new strategy is one entry."""

import dataclasses
from collections.abc import Callable

from ..head import classification_layer


def train_everything(model):
    """Full fine-tuning, the paper's main experiment."""
    model.requires_grad_(True)


def train_classification_layer(model):
    """Linear probing: the damaged encoder is frozen, and so is all of the head but its last linear layer."""
    model.requires_grad_(False)
    classification_layer(model).requires_grad_(True)


@dataclasses.dataclass(frozen=True)
class Strategy:
    """``prepare(model)`` marks the parameters that train.

    ``fixed_features`` says that what the classification layer sees never changes, so that it is computed once.
    """

    prepare: Callable
    fixed_features: bool = False


HEALING = {
    "full": Strategy(train_everything),
    "linear_probe": Strategy(train_classification_layer, fixed_features=True),
}
