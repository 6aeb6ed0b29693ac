"""Healing: the strategies, the trainer, its samplers and checkpoints."""
