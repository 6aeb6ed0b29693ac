"""HealBERT: damage a pretrained transformer, heal it by fine-tuning, measure what came back."""

import importlib

__version__ = "0.1.0"

_EXPORTS = {
    "CorruptionReceipt": "corruption",
    "CorruptionSpec": "corruption",
    "HealingTrainer": "trainer",
    "UserError": "errors",
    "WeightedF1": "metrics",
    "corrupt": "corruption",
    "load_results": "results",
    "make_arguments": "arguments",
    "run_experiment": "experiment",
    "run_grid": "grid",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name):
    # Public names load on first use, so that `import healbert` and `--help` stay light.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'healbert' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_EXPORTS[name]}", __name__), name)
