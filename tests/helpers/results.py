"""Results as a run leaves them."""

import json

CONFIG = {"corrupt_level": 0.5, "corrupt_region": "bottom", "learning_rate": 1e-3, "seed": 3, "task_name": "sst2"}


def write_results(folder, **changes):
    """A small results.json, as a run leaves it."""
    folder.mkdir(parents=True)
    results = {
        "schema_version": 1,
        "status": "completed",
        "config": CONFIG,
        "task": {"name": "sst2", "majority_f1_weighted": 0.4, "label_names": ["negative", "positive"]},
        "model": {"name": "bert"},
        "corruption": {"layers_hit": [0, 1], "fraction_of_encoder": 0.5, "fraction_of_model": 0.25},
        "metrics": {"damaged": {"f1_weighted": 0.5}, "healed": {"f1_weighted": 0.75, "accuracy": 0.7}},
        "best_epoch": 2.0,
        "timing": {"load": 1.0, "heal": 2.5},
        **changes,
    }
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder
