"""Evaluation of models that write: what they generate takes the place of their logits."""

import torch
from transformers import Trainer


class GeneratingTrainer(Trainer):
    """A `transformers.Trainer` whose evaluations may generate.

    ``generates`` is a function(model, inputs) -> tensor (batch, ...), or None: the model's outputs are kept as they
    are.
    """

    generates = None

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        """The loss of a batch, what is generated of it, its labels; without labels there is no loss."""
        if self.generates is None or prediction_loss_only:
            return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        inputs, loss = self._prepare_inputs(inputs), None
        if "labels" in inputs:
            loss, _, _ = super().prediction_step(model, inputs, True, ignore_keys)
        with torch.no_grad(), self.compute_loss_context_manager():
            found = self.generates(self.accelerator.unwrap_model(model), inputs)
        return loss, found, inputs.get("labels")
