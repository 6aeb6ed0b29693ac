"""Whether a results.json that is valid JSON holds what is read of it: a fault is named, never a traceback."""

import json

from .schema import LANGUAGE_STAGES, SELECTIONS, STAGES, STATUSES, is_number

SHOWN = 40  # characters of a wrong value


MOST_SECONDS = 1e12  # sums stay finite, too


ROUNDING = 1e-9  # by which sums of shares may be above 1


def fault(results):
    """What is wrong with the first value that cannot be used, for example "config.learning_rate is null, not a number".

    Returns:
        str, or None if nothing is wrong.
    """
    more = _checks_of_metrics(results)
    checks = [(steps, more.pop(path, check)) for path, steps, check in STEPS]
    for steps, (says, fits) in checks + [(path.split("."), check) for path, check in more.items()]:
        for name, value in _find(results, steps, ""):
            if not fits(value):
                return f"{name} is {_shown(value)}, not {says}"
    task = results.get("task") or {}
    if results["status"] == "completed" and task.get("type") == "classification" and not task.get("label_names"):
        return f"task.label_names is {_shown(task.get('label_names'))}, not a list of names"
    return None


def _checks_of_metrics(results):
    """What each figure must be, by the range that the results give its metric."""
    task = results.get("task")
    metrics = (task.get("metrics") if isinstance(task, dict) else None) or {}
    if not isinstance(metrics, dict) or not all(isinstance(about, dict) for about in metrics.values()):
        return {"task.metrics": ("names of metrics with what is known of each", lambda value: False)}
    checks = {}
    for name, about in metrics.items():
        says, fits = _in_range(about.get("range"))
        fits = (says, _or_none(fits))
        places = [*(f"metrics.{stage}" for stage in STAGES), "metrics.per_epoch.*"]
        checks |= {f"{place}.{name}": fits for place in places}
    primary = task.get("primary_metric") if metrics else None
    if metrics and primary not in metrics:
        return {"task.primary_metric": (f"one of {', '.join(metrics)}", lambda value: False)}
    if primary:
        fits = checks["metrics.healed." + primary]
        # A probe may be null: none takes states that are not finite.
        checks |= {f"corruption.change.{side}.{primary}": fits for side in ("intact", "damaged")}
        checks |= {"task.majority": fits, f"probes.*.*.{primary}": fits}
    return checks


def _in_range(limits):
    if not (isinstance(limits, list) and len(limits) == 2 and all(map(is_number, limits))):
        return NUMBER
    least, most = sorted(limits)
    says = f"a number from {least:g} to {most:g}"
    return says, lambda value: is_number(value) and least - ROUNDING <= value <= most + ROUNDING


def _find(value, steps, name):
    """(name, value) of every place that a path leads to; ``*`` is all of a list or dict. What is not there is None."""
    if not steps:
        return [(name, value)]
    if value is None:  # and with it all that would be in it
        return [] if "*" in steps else [(".".join([name, *steps]), None)]
    first, *rest = steps
    if first == "*":
        places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [found for key, inner in places for found in _find(inner, rest, f"{name}.{key}")]
    inner = value.get(first) if isinstance(value, dict) else None
    return _find(inner, rest, f"{name}.{first}" if name else first)


def _shown(value):
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "\u2026"


def _is_list_of_damages(value):
    try:
        found = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(found, list) and all(isinstance(entry, dict) for entry in found)


def _is_language_model(value):
    metrics = value.get("metrics") if isinstance(value, dict) else None
    about = metrics.get(str(value.get("primary_metric"))) if isinstance(metrics, dict) else None
    return isinstance(about, dict) and isinstance(about.get("title"), str)


def _or_none(fits):
    return lambda value: value is None or fits(value)


def _of(*types):
    return lambda value: isinstance(value, types) and (bool in types or not isinstance(value, bool))


NUMBER = ("a finite number", is_number)


SECONDS = ("a number of seconds", lambda value: is_number(value) and abs(value) < MOST_SECONDS)


MAYBE_NUMBER = ("a finite number", _or_none(is_number))


MAYBE_COUNT = ("a whole number", _or_none(_of(int)))


MAYBE_AMOUNT = ("a whole number of 0 or more", _or_none(lambda value: _of(int)(value) and value >= 0))


MAYBE_COST = ("a number of 0 or more", _or_none(lambda value: is_number(value) and value >= 0))


MAYBE_TEXT = ("text", _or_none(_of(str)))


MAYBE_LIST = ("a list", _or_none(_of(list)))


MAYBE_DICT = ("a set of named values", _or_none(_of(dict)))


SHARE = ("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1 + ROUNDING)


MAYBE_SHARE = (SHARE[0], _or_none(SHARE[1]))


SEEDS = ("seed", "data_seed", "sample_seed", "corrupt_seed")  # the first that varies tells the repetitions apart


# path -> (what it must be, whether a value is that); a part that is missing altogether is None.
CHECKS = {
    "status": (f"one of {', '.join(STATUSES)}", lambda v: v in STATUSES),
    "config.learning_rate": NUMBER,
    "config.corrupt_level": MAYBE_SHARE,
    "config.corrupt_region": MAYBE_TEXT,
    "config.corruptions": ("a JSON list of damages", _or_none(_is_list_of_damages)),
    "config.selection": (f"one of {', '.join(SELECTIONS)}", _or_none(lambda v: v in SELECTIONS)),
    "config.pooling": MAYBE_TEXT,
    **{f"config.{name}": MAYBE_COUNT for name in SEEDS},
    "metrics": MAYBE_DICT,
    **{f"metrics.{stage}": MAYBE_DICT for stage in STAGES},
    "metrics.per_epoch": MAYBE_LIST,
    "metrics.per_epoch.*": ("a set of named values", _of(dict)),
    "metrics.per_epoch.*.epoch": NUMBER,
    "metrics.per_epoch.*.step": MAYBE_COUNT,
    "task": MAYBE_DICT,
    "task.label_names": MAYBE_LIST,
    "task.label_names.*": ("text", _of(str)),
    "task.type": MAYBE_TEXT,
    "task.primary_metric": MAYBE_TEXT,
    "task.baseline": MAYBE_DICT,
    "task.baseline.*": MAYBE_TEXT,
    "task.evaluation_split": MAYBE_TEXT,
    "task.text_columns": MAYBE_LIST,
    "task.text_columns.*": ("text", _of(str)),
    "task.read": MAYBE_DICT,
    "task.read.*": MAYBE_DICT,
    "task.read.*.files": MAYBE_LIST,
    "task.read.*.files.*": ("a set of named values", _of(dict)),
    "task.metrics.*.title": MAYBE_TEXT,
    "task.metrics.*.greater_is_better": ("true or false", _or_none(_of(bool))),
    "task.fingerprint": MAYBE_TEXT,
    "model": MAYBE_DICT,
    "model.fingerprint": MAYBE_TEXT,
    "corruption": MAYBE_DICT,
    "corruption.fraction_of_encoder": MAYBE_SHARE,
    "corruption.layers_hit": MAYBE_LIST,
    "corruption.num_layers": MAYBE_COUNT,
    "corruption.severity": MAYBE_DICT,
    **{f"corruption.severity.{name}": MAYBE_NUMBER for name in ("target", "reached", "strength")},
    "corruption.change": MAYBE_DICT,
    **{f"corruption.change.{side}.loss": MAYBE_NUMBER for side in ("intact", "damaged")},
    "corruption.change.kl": MAYBE_NUMBER,
    "corruption.change.predictions_changed": MAYBE_SHARE,
    "language_model": ("a set of named values with a metric", _or_none(_is_language_model)),
    **{f"language_model.{stage}": MAYBE_DICT for stage in LANGUAGE_STAGES},
    **{f"language_model.{stage}.*": MAYBE_NUMBER for stage in LANGUAGE_STAGES},
    "healing": MAYBE_DICT,
    "healing.strategy": MAYBE_TEXT,
    "healing.options": MAYBE_DICT,
    "healing.fast_paths": MAYBE_DICT,
    "healing.fast_paths.used": MAYBE_LIST,
    "healing.fast_paths.not_used": MAYBE_DICT,
    "healing.fast_paths.not_used.*": MAYBE_TEXT,
    **{f"healing.{name}": MAYBE_AMOUNT for name in ("trainable_parameters", "optimizer_bytes", "steps")},
    "healing.trainable_share": MAYBE_SHARE,
    **{f"healing.{name}": MAYBE_COST for name in ("seconds_per_step", "flops_per_step", "flops_before")},
    "healing.teacher": MAYBE_DICT,
    **{f"healing.teacher.{name}": MAYBE_TEXT for name in ("kind", "name", "commit")},
    "healing.teacher.scores": MAYBE_DICT,
    "healing.teacher.scores.*": MAYBE_NUMBER,
    "healing.text": MAYBE_DICT,
    **{f"healing.text.{name}": MAYBE_TEXT for name in ("objective", "head")},
    **{f"healing.text.{name}": MAYBE_AMOUNT for name in ("examples", "epochs", "steps")},
    **{f"healing.text.{name}": MAYBE_COST for name in ("seconds", "flops")},
    **{f"healing.text.{name}": MAYBE_NUMBER for name in ("loss_first", "loss_last")},
    "best_epoch": MAYBE_NUMBER,
    "collapsed": ("true or false", _or_none(_of(bool))),
    "timing": MAYBE_DICT,
    "timing.*": SECONDS,
    "probes": MAYBE_DICT,
    "probes.*": MAYBE_LIST,
    "probes.*.*": ("a set of named values", _of(dict)),
    "probes.*.*.layer": NUMBER,
    "lm_eval": MAYBE_DICT,
    "lm_eval.version": MAYBE_TEXT,
    **{f"lm_eval.{part}": MAYBE_DICT for part in ("tasks", "damaged", "healed")},
    **{f"lm_eval.{part}.*": MAYBE_DICT for part in ("tasks", "damaged", "healed")},
    **{f"lm_eval.{stage}.*.*": MAYBE_NUMBER for stage in ("damaged", "healed")},
    "features": MAYBE_DICT,
    "features.healed": MAYBE_DICT,
    "features.healed.neighbour_agreement": MAYBE_SHARE,
    "trace": MAYBE_DICT,
    "trace.components": MAYBE_LIST,
    "trace.layers": MAYBE_LIST,
    "trace.layers.*": NUMBER,
    "trace.depths": MAYBE_LIST,
    "trace.depths.*": NUMBER,
    "trace.references": MAYBE_LIST,
    "trace.references.*": ("text", _of(str)),
    "trace.attention_entropy": MAYBE_DICT,
    "trace.attention_entropy.*.*": MAYBE_NUMBER,
    "trace.entries": MAYBE_LIST,
    "trace.entries.*": ("a set of named values", _of(dict)),
    "trace.entries.*.epoch": NUMBER,
    **{f"trace.entries.*.{name}": MAYBE_DICT for name in ("distance", "cosine", "cka")},
    **{f"trace.entries.*.{name}.*": MAYBE_DICT for name in ("distance", "cosine")},
    **{f"trace.entries.*.{name}.*.*": MAYBE_LIST for name in ("distance", "cosine")},
    **{f"trace.entries.*.{name}.*.*.*": MAYBE_NUMBER for name in ("distance", "cosine")},
    "trace.entries.*.cka.*": MAYBE_LIST,
    "trace.entries.*.cka.*.*": MAYBE_NUMBER,
    "trace.entries.*.attention_entropy": MAYBE_LIST,
    "trace.entries.*.attention_entropy.*": MAYBE_NUMBER,
    "environment": MAYBE_DICT,
    "environment.versions": MAYBE_DICT,
    "environment.peak_memory_mib": MAYBE_NUMBER,
    "error": MAYBE_DICT,
    "error.message": MAYBE_TEXT,
}
STEPS = [(path, path.split("."), check) for path, check in CHECKS.items()]  # once, for thousands of runs
