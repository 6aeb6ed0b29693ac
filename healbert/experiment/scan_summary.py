"""The figures of one point of a scan, out of its draws."""

import numpy as np

from ..analysis.statistics import clustered_wilson, mean_interval, wilson

SHARES = ("changed", "not_finite")  # of the examples, in each draw


def summarise_point(draws, intact, task):
    """What scan.json says of a point: means over its draws, and with more than one 95% intervals.

    Args:
        draws: list of what was measured in each.
        intact: {metric: value} of the intact model.
        task: the `TaskData`.

    Returns:
        dict: ``score``, the primary metric, and ``fall``, how much worse it is than the intact model's (of the draws
        whose score is finite; None if none is); ``loss``, ``kl`` and ``relative_l2`` (None where a draw has none);
        ``changed`` and ``not_finite``, shares of the examples; ``any_changed``, ``any_not_finite`` and ``any_lost``,
        shares of the draws in which a prediction changed, an output was not finite, the score fell or is none;
        ``intervals`` of these; what was hit; and the draws.
    """
    shares, name = _shares(draws, task), task.type.primary_metric
    scores = [draw["metrics"][name] for draw in draws]
    sign = 1 if task.type.greater_is_better else -1
    known = intact[name] is not None
    falls = [sign * (intact[name] - score) for score in scores if known and score is not None]
    gone = scores.count(None) if known else 0  # draws that left no score
    hits = _hits(draws) | {"any_lost": sum(fall > 0 for fall in falls) + gone}
    first = draws[0]
    found = {key: first[key] for key in ("tensors", "scalars", "fraction_of_encoder", "fraction_of_model")}
    found |= {"relative_l2": _mean([draw["relative_l2"] for draw in draws])}
    found |= {"score": _mean([score for score in scores if score is not None]), "fall": _mean(falls)}
    found |= {"loss": _mean([draw["metrics"]["loss"] for draw in draws])}
    found |= {"kl": _mean([draw["kl"] for draw in draws])}
    found |= {key: float(np.mean(values)) for key, values in shares.items()}
    found |= {key: hit / len(draws) for key, hit in hits.items()}
    if len(draws) > 1:
        found["intervals"] = {"fall": mean_interval(falls), **_intervals_of_shares(draws, task)}
        found["intervals"]["any_lost"] = wilson(hits["any_lost"], len(draws))
    return found | {"draws": [_brief(draw) for draw in draws]}


def widest(draws, task):
    """The width of the widest interval of a point's shares so far."""
    return max(high - low for low, high in _intervals_of_shares(draws, task).values())


def _intervals_of_shares(draws, task):
    found = {key: clustered_wilson(values) for key, values in _shares(draws, task).items()}
    return found | {key: wilson(hit, len(draws)) for key, hit in _hits(draws).items()}


def _shares(draws, task):
    size = len(task.splits["evaluation"])
    return {key: np.array([draw[key] for draw in draws]) / size for key in SHARES}


def _hits(draws):
    """In how many draws something of the kind happened at all."""
    return {f"any_{key}": sum(draw[key] > 0 for draw in draws) for key in SHARES}


def _mean(values):
    return float(np.mean(values)) if values and None not in values else None


def _brief(draw):
    return {key: draw[key] for key in ("seed", "metrics", "kl", "changed", "not_finite", "relative_l2")}
