"""Results of earlier schemas, in memory, as those of today: all that reads results sees one schema."""

# What schema 1 took for granted: every task was a classification, and these were its metrics.
SHARE = {"greater_is_better": True, "range": [0, 1], "chance": None}
METRICS_OF_1 = {
    "f1_weighted": {"title": "weighted F1", **SHARE},
    "accuracy": {"title": "accuracy", **SHARE},
    "f1_macro": {"title": "macro F1", **SHARE},
    "loss": {"title": "loss", "greater_is_better": False, "range": None, "chance": None},
}


def upgraded(results):
    """A run's results as schema 2; those that are of it already are given back as they are.

    What schema 1 did not record (``collapsed``, the last epoch's score of a run that chose its epoch on a held-out
    part) stays missing.

    Args:
        results: dict with a ``schema_version`` of 1 or 2; changed parts are copied.
    """
    if results["schema_version"] != 1:
        return results
    results = {**results, "schema_version": 2}
    task = results.get("task")
    if isinstance(task, dict):
        majority = {"majority": task["majority_f1_weighted"]} if "majority_f1_weighted" in task else {}
        kept = {name: value for name, value in task.items() if name != "majority_f1_weighted"}
        results["task"] = kept | majority | _classification()
    if isinstance(results.get("metrics"), dict):
        results["metrics"] = _with_last_epoch(results)
    return results


def _classification():
    return {"type": "classification", "primary_metric": "f1_weighted", "metrics": METRICS_OF_1}


def _with_last_epoch(results):
    """The metrics with ``last``, where each epoch was scored on the evaluation split."""
    metrics, config = results["metrics"], results.get("config") or {}
    epochs = metrics.get("per_epoch")
    known = isinstance(epochs, list) and epochs and isinstance(epochs[-1], dict)
    if not known or config.get("selection") not in (None, "best_eval"):
        return metrics
    return metrics | {"last": {name: epochs[-1][name] for name in METRICS_OF_1 if name in epochs[-1]}}
