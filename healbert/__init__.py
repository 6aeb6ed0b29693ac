"""HealBERT: damage a pretrained transformer, heal it by fine-tuning, measure what came back."""

import importlib

from .utils.version import __version__

_EXPORTS = {
    "CorruptionReceipt": "damage.receipt",
    "CorruptionSpec": "damage.spec",
    "HealingTrainer": "healing.trainer",
    "UserError": "utils.errors",
    "WeightedF1": "tasks.weighted_f1",
    "corrupt": "damage.apply",
    "corrupted": "damage.apply",
    "load_results": "results.read",
    "match_severity": "damage.severity",
    "make_arguments": "arguments.parser",
    "register": "utils.registry",
    "run_experiment": "experiment.run",
    "run_sweep": "sweep.run",
}

__all__ = ["__version__", *sorted(_EXPORTS)]


def __getattr__(name):
    # Public names load on first use, so that `import healbert` and `--help` stay light.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'healbert' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_EXPORTS[name]}", __name__), name)
