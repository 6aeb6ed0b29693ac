"""The closing summary of a run."""

import pathlib

from ..utils.files import read_json
from .harness import harness_scores
from .schema import baseline_of, damages_of, language_scores, primary_of, primary_score, region_that_counts


def table_rows(results, output_dir):
    """The closing table of a run: a list of (name, value)."""
    damage, title = results["corruption"], primary_of(results)[1]["title"]
    layers = f"{len(damage['layers_hit'])} of {damage['num_layers']} layers"
    return [
        ("task", f"{results['task']['name']} ({results['task']['examples']['evaluation']} evaluation examples)"),
        ("text", ", ".join(results["task"]["text_columns"])),
        ("model", results["model"]["name"]),
        *([("damaged before", before)] if (before := results["model"].get("damaged_before")) else []),
        ("damage", describe_damage(damage)),
        *_severity(damage),
        ("hit", f"{layers}, {damage['fraction_of_model']:.1%} of the model's parameters"),
        (f"{baseline_of(results)['name']} {title}", _figure(results["task"]["majority"])),
        (f"damaged {title}", _figure(primary_score(results, "damaged"))),
        (f"healed {title}", _figure(primary_score(results, "healed"))),
        *_language(results),
        *_harness(results),
        ("best epoch", f"{results['best_epoch']:g}" if results["best_epoch"] else "none"),
        ("status", results["status"]),
        ("time", f"{sum(results['timing'].values()):.1f} s, of it healing {results['timing']['heal']:.1f} s"),
        ("results", str(output_dir)),
    ]


def _severity(damage):
    found = damage.get("severity")
    return [("severity", f"{found['metric']} {found['reached']:.4g}, asked {found['target']:g}")] if found else []


def _harness(results):
    """The scores of lm-evaluation-harness, before and after healing."""
    return [
        (f"{line['task']} {line['metric']}", f"damaged {_figure(line['damaged'])}, healed {_figure(line['healed'])}")
        for line in harness_scores(results)
    ]


def _language(results):
    found = language_scores(results)
    if not found:
        return []
    _, title, scores = found
    return [("language model", f"{title} " + ", ".join(f"{_figure(of)} {stage}" for stage, of in scores.items()))]


def _figure(value):
    return "none" if value is None else f"{value:.4f}"


def format_results(results, output_dir):
    """The closing table of a run, as text."""
    rows = table_rows(results, output_dir)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def describe_damage(damage):
    """The damage in a few words, from the ``corruption`` of a run's results."""
    return "; then ".join(_describe_one(one) for one in damages_of(damage)) or "none"


TOLD = {"level", "region", "method", "seed", "embeddings", "pooler"}  # by every damage of a receipt


def damage_of_model(folder):
    """What had been done to the model in a folder, in a few words, as a run or ``--corrupt_only`` left it; "" if none.

    Args:
        folder: a path; its receipt says it, and of a run the results too, where it began with a damaged model itself.
    """
    receipt, results = (read_json(pathlib.Path(folder) / name) for name in ("corruption.json", "results.json"))
    before, spec = _part(_part(results, "model"), "damaged_before"), _part(receipt, "spec")
    listed = _part(spec, "corruptions") or [spec]  # another program's files of these names say nothing
    ours = isinstance(listed, list) and all(isinstance(one, dict) and one.keys() >= TOLD for one in listed)
    here = describe_damage(spec) if ours and damages_of(spec) else ""
    return "; then ".join(text for text in (before, here) if text and isinstance(text, str))


def _part(found, name):
    return found.get(name) if isinstance(found, dict) else None


def _describe_one(damage):
    place = f"layers {damage['layers']}" if damage.get("layers") is not None else _region(damage)
    also = "".join(f" and {part}" for part in ("embeddings", "pooler") if damage[part])
    parts = [f"{name} {damage[name]}" for name in ("components", "parameters") if damage.get(name)]
    strength = "" if damage.get("strength") is None else f" {damage['strength']:g}"
    but = "all but " if damage.get("invert") else ""
    return ", ".join([f"{but}{place}{also}", *parts, f"{damage['method']}{strength}", f"seed {damage['seed']}"])


def _region(damage):
    named = region_that_counts(damage["level"], damage["region"])
    return f"{named} {100 * damage['level']:g}%" if named else "all"
