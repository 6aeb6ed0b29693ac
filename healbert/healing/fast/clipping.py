"""Gradients are clipped in the optimizer's own pass over them."""

import torch
from transformers.training_args import OptimizerNames

from .base import FastPath, why_not_whole

FUSED = OptimizerNames.ADAMW_TORCH_FUSED


class FoldedClipping(FastPath):
    """The factor of clipping goes to the fused optimizer as the scale that it divides gradients by.

    Trainer's own way reads and writes every gradient once more in each step, also where nothing is clipped.
    """

    def why_not(self, scene):
        training = scene.training
        if training.max_grad_norm <= 0:
            return "gradients are not clipped"
        if training.optim != FUSED:
            return f"--optim {training.optim.value} takes no factor"
        if training.fp16:
            return "fp16 has a scale of its own there"
        return why_not_whole(training)

    def start(self, scene):
        self.trainer = scene.trainer
        self.trainer.clip = self._clip

    def stop(self):
        self.trainer.clip = None

    def _clip(self, model):
        """The norm of all gradients, a scalar tensor; sets what the next step divides them by."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        scale = (norm + 1e-6) / self.trainer.args.max_grad_norm  # as torch.nn.utils.clip_grad_norm_
        optimizer = self.trainer.optimizer
        optimizer = getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper
        optimizer.grad_scale = scale if scale > 1 else None
        return norm
