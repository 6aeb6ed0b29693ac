"""The classification layer of a model: what a linear probe trains."""

import torch
from torch import nn

from ..models.pooling import classifier_loss
from ..utils.errors import UserError


def classification_layer(model):
    """The last linear layer of a sequence classifier: the module whose outputs are the logits.

    Raises:
        UserError: if the model has none with as many outputs as it has labels.
    """
    inside = {id(module) for module in model.base_model.modules()} if model.base_model is not model else set()
    outside = [module for module in model.modules() if isinstance(module, nn.Linear) and id(module) not in inside]
    found = [module for module in outside if module.out_features == model.config.num_labels]
    if not found:
        raise UserError(f"{type(model).__name__} has no linear classification layer outside its encoder")
    return found[-1]


class ClassificationLayer(nn.Module):
    """The last linear layer of a classifier, fed with features that were computed before.

    Shares its parameters with ``model``: training this trains that.
    """

    def __init__(self, model):
        super().__init__()
        self.layer, self.config = classification_layer(model), model.config

    def activation_checkpointing_enable(self, **_):
        """Does nothing: one layer has no activations worth computing again."""

    def forward(self, features, labels=None):
        """Logits (batch, outputs) of features (batch, features); with ``labels`` (batch, ...), the loss too."""
        outputs = {"logits": self.layer(features)}
        if labels is not None:
            outputs["loss"] = classifier_loss(outputs["logits"], labels, self.config.problem_type)
        return outputs


def batch_of_features(rows):
    """A batch for `ClassificationLayer`: a dict of tensors (batch, ...).

    Args:
        rows: list of dicts of tensors, with ``features`` and maybe ``label``.
    """
    return {{"label": "labels"}.get(name, name): torch.stack([row[name] for row in rows]) for name in rows[0]}
