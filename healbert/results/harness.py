"""The scores of lm-evaluation-harness that a run's results hold (``--lm_eval``)."""

STAGES = ("damaged", "healed")


def harness_scores(results):
    """Its scores, a line for each task and metric.

    Args:
        results: what the run's ``results.json`` holds.

    Returns:
        list of dict: ``task``; ``metric``, and what answers are filtered by where that is not "none"; ``damaged`` and
        ``healed``, and their standard errors under ``damaged_error`` and ``healed_error``: None where they are not
        known. Empty where there are none.
    """
    found = results.get("lm_eval") or {}
    stages = {stage: found.get(stage) or {} for stage in STAGES}
    names = dict.fromkeys((task, name) for scores in stages.values() for task in scores for name in scores[task] or {})
    return [_line(stages, task, name) for task, name in names if not name.partition(",")[0].endswith("_stderr")]


def _line(stages, task, name):
    metric, _, answers = name.partition(",")
    line = {"task": task, "metric": metric if answers in ("", "none") else f"{metric} ({answers})"}
    for stage, scores in stages.items():
        values = scores.get(task) or {}
        line |= {stage: values.get(name), f"{stage}_error": values.get(f"{metric}_stderr,{answers}")}
    return line
