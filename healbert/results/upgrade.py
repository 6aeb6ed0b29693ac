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

    What schema 1 did not record stays missing: the last epoch's score of a run that chose an earlier one on a held-out
    part. ``collapsed`` goes by the score alone, as how many classes were predicted is not known.

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
    if isinstance(results.get("corruption"), dict):
        results["corruption"] = {k: v for k, v in results["corruption"].items() if k != "requested_level"}
    if isinstance(results.get("metrics"), dict):
        results["metrics"] = _with_last_epoch(results)
    return results | {"collapsed": _collapsed(results)}


def _classification():
    return {"type": "classification", "primary_metric": "f1_weighted", "metrics": METRICS_OF_1}


def _with_last_epoch(results):
    """The metrics with ``last``, where the last epoch was chosen or each was scored on the evaluation split."""
    metrics, config = results["metrics"], results.get("config") or {}
    epochs = metrics.get("per_epoch")
    if not isinstance(epochs, list) or not epochs or not isinstance(epochs[-1], dict):
        return metrics
    if epochs[-1].get("epoch") == results.get("best_epoch"):
        return metrics | {"last": metrics.get("healed")}
    if config.get("selection") not in (None, "best_eval"):
        return metrics
    return metrics | {"last": {name: epochs[-1][name] for name in METRICS_OF_1 if name in epochs[-1]}}


def _collapsed(results):
    """Whether the healed model scores no better than the majority; None where either is not known."""
    healed, task = (results.get("metrics") or {}), (results.get("task") or {})
    healed = healed.get("healed") if isinstance(healed, dict) else None
    score = healed.get("f1_weighted") if isinstance(healed, dict) else None
    majority = task.get("majority") if isinstance(task, dict) else None
    return score <= majority if isinstance(score, (int, float)) and isinstance(majority, (int, float)) else None
