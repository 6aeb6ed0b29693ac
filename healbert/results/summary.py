"""The closing summary of a run."""

from .schema import METRICS


def pick_metrics(logged, prefix):
    """The metrics of a run out of what Trainer logs under ``prefix``."""
    return {name: logged[f"{prefix}_{name}"] for name in METRICS}


def epochs(history):
    """One entry per evaluated epoch: epoch, step, metrics on the selection split, and the mean training loss."""
    train_loss = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    return [
        {"epoch": entry["epoch"], "step": entry["step"], **pick_metrics(entry, "eval")}
        | {"train_loss": train_loss.get(entry["step"])}
        for entry in history
        if "eval_f1_weighted" in entry
    ]


def table_rows(results, output_dir):
    """The closing table of a run: a list of (name, value)."""
    metrics, damage = results["metrics"], results["corruption"]
    layers = f"{len(damage['layers_hit'])} of {damage['num_layers']} layers"
    return [
        ("task", f"{results['task']['name']} ({results['task']['examples']['evaluation']} evaluation examples)"),
        ("model", results["model"]["name"]),
        ("damage", describe_damage(damage)),
        ("hit", f"{layers}, {damage['fraction_of_model']:.1%} of the model's parameters"),
        ("majority weighted F1", f"{results['task']['majority_f1_weighted']:.4f}"),
        ("damaged weighted F1", f"{metrics['damaged']['f1_weighted']:.4f}"),
        ("healed weighted F1", f"{metrics['healed']['f1_weighted']:.4f}" if metrics["healed"] else "none"),
        ("best epoch", f"{results['best_epoch']:g}" if results["best_epoch"] else "none"),
        ("status", results["status"]),
        ("time", f"{sum(results['timing'].values()):.1f} s, of it healing {results['timing']['heal']:.1f} s"),
        ("results", str(output_dir)),
    ]


def format_results(results, output_dir):
    """The closing table of a run, as text."""
    rows = table_rows(results, output_dir)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def describe_damage(damage):
    """The damage in a few words, from the ``corruption`` of a run's results."""
    if damage["level"] == 0:
        return "none"
    region = "all" if damage["level"] == 1 else f"{damage['region']} {100 * damage['level']:g}%"
    also = [part for part in ("embeddings", "pooler") if damage[part]]
    return f"{region}{''.join(f' and {part}' for part in also)}, {damage['method']}, seed {damage['seed']}"
