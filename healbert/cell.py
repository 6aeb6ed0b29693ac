"""The folder of a cell: what is in it, and when it may be written."""

import json
import shutil

import numpy as np

from .errors import UserError
from .files import atomic_path, read_json, write_json

SCHEMA_VERSION = 1  # of results.json
METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")
# settings.json is written before training, so that a restart knows what the folder is of.
CELL_FILES = (
    "results.json",
    "settings.json",
    "corruption.json",
    "predictions.parquet",
    "predictions_test.parquet",
    "features.npz",
    "tsne.png",
    "trainer_state.json",
)
# Settings that cannot change a result: where things lie, what is logged, how many workers prepare the data.
NOT_IDENTITY = frozenset(
    """
    cache_dir token data_root preprocessing_num_workers overwrite_cache overwrite_output_dir save_model
    torch_num_threads output_dir run_name project report_to do_train do_eval do_predict disable_tqdm
    resume_from_checkpoint debug
    log_level log_level_replica log_on_each_node logging_strategy logging_first_step logging_steps
    logging_nan_inf_filter include_num_input_tokens_seen skip_memory_metrics dataloader_num_workers
    dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order ddp_backend ddp_timeout ddp_bucket_cap_mb local_rank
    save_on_each_node enable_jit_checkpoint save_only_model save_steps save_total_limit eval_steps
    restore_callback_states_from_checkpoint ignore_data_skip push_to_hub hub_token hub_private_repo hub_model_id
    hub_strategy hub_always_push hub_revision trackio_space_id trackio_bucket_id trackio_static_space_id
    """.split()
)
MODEL_FILES = (
    "model*.safetensors*",
    "config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "vocab*",
    "training_args.bin",
)


def finished_results(output_dir, arguments):
    """The results of a finished cell of the same settings in ``output_dir``, or None if there is something to run.

    Raises:
        UserError: if the folder holds a cell of other settings (named), or files that are no cell's.
    """
    if arguments.cell.overwrite_output_dir or not output_dir.exists():
        return None
    if not output_dir.is_dir():
        raise UserError(f"--output_dir {output_dir} is a file; name a folder")
    if all(path.name.startswith(".") for path in output_dir.iterdir()):  # empty, or a write that was cut short
        return None
    settings = read_json(output_dir / "settings.json")
    if not isinstance(settings, dict):
        raise UserError(
            f"{output_dir} holds files that are not of a HealBERT cell; choose another --output_dir, "
            "or add to them with --overwrite_output_dir"
        )
    asked = json.loads(json.dumps(arguments.identity(), default=str))
    differing = [k for k in sorted(asked | settings) if asked.get(k) != settings.get(k)]
    if differing:
        named = ", ".join(f"{k} ({settings.get(k)} there, {asked.get(k)} now)" for k in differing[:8])
        raise UserError(
            f"{output_dir} holds a cell of other settings: {named}; "
            "choose another --output_dir, or replace the cell with --overwrite_output_dir"
        )
    results = read_json(output_dir / "results.json")
    if results and arguments.cell.save_model and not (output_dir / "config.json").exists():
        raise UserError(f"{output_dir} was finished without --save_model; run it again with --overwrite_output_dir")
    return results


def open_cell(output_dir, arguments, receipt):
    """Makes the folder and writes settings.json and corruption.json, on the first process alone.

    Raises:
        UserError: if the folder cannot be written.
    """
    if arguments.training.process_index != 0:
        return
    if arguments.cell.overwrite_output_dir:
        _remove_cell(output_dir)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        write_json(output_dir / "settings.json", json.loads(json.dumps(arguments.identity(), default=str)))
        write_json(output_dir / "corruption.json", receipt.to_dict())
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error


def _remove_cell(output_dir):
    patterns = (*CELL_FILES, *(MODEL_FILES if (output_dir / "settings.json").exists() else ()))
    for path in [path for pattern in patterns for path in output_dir.glob(pattern)]:
        path.unlink()
    remove_checkpoints(output_dir)


def remove_checkpoints(output_dir):
    """Deletes the checkpoints in a folder."""
    for folder in output_dir.glob("checkpoint-*"):
        shutil.rmtree(folder)


def write_predictions(path, ids, labels, logits):
    """Writes id, label, prediction and logits (examples, classes) of each example as parquet, atomically."""
    import pandas

    columns = {"id": np.asarray(ids), "label": labels, "prediction": logits.argmax(-1)}
    with atomic_path(path) as name:
        pandas.DataFrame(columns | {"logits": list(logits.astype(np.float32))}).to_parquet(name, index=False)


def pick_metrics(logged, prefix):
    """The metrics of a cell out of what Trainer logs under ``prefix``."""
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


def format_results(results, output_dir):
    """The closing table of a cell, as text."""
    metrics, damage = results["metrics"], results["corruption"]
    layers = f"{len(damage['layers_hit'])} of {damage['num_layers']} layers"
    rows = [
        ("task", f"{results['task']['name']} ({results['task']['examples']['evaluation']} evaluation examples)"),
        ("model", results["model"]["name"]),
        ("damage", _describe_damage(damage)),
        ("hit", f"{layers}, {damage['fraction_of_model']:.1%} of the model's parameters"),
        ("majority weighted F1", f"{results['task']['majority_f1_weighted']:.4f}"),
        ("damaged weighted F1", f"{metrics['damaged']['f1_weighted']:.4f}"),
        ("healed weighted F1", f"{metrics['healed']['f1_weighted']:.4f}" if metrics["healed"] else "none"),
        ("best epoch", f"{results['best_epoch']:g}" if results["best_epoch"] else "none"),
        ("status", results["status"]),
        ("time", f"{sum(results['timing'].values()):.1f} s, of it healing {results['timing']['heal']:.1f} s"),
        ("results", str(output_dir)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _describe_damage(damage):
    if damage["level"] == 0:
        return "none"
    region = "all" if damage["level"] == 1 else f"{damage['region']} {damage['level']:.0%}"
    also = [part for part in ("embeddings", "pooler") if damage[part]]
    return f"{region}{''.join(f' and {part}' for part in also)}, {damage['method']}, seed {damage['seed']}"
