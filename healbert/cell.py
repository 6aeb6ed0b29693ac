"""The folder of a cell: what is in it, and when it may be written."""

import contextlib
import json
import pathlib
import shutil

import numpy as np

from .errors import UserError
from .files import atomic_path, read_json, write_json

SCHEMA_VERSION = 1  # of results.json
LOG_NAME = "log.txt"  # what a sweep's worker printed
METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")
STAGES = ("damaged", "healed", "dev", "test")
SELECTIONS = ("best_eval", "dev")  # how the best epoch is chosen
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
    LOG_NAME,
)
# Settings that cannot change a result: where things lie, what is logged, how many workers prepare the data, what
# trades memory for time.
NOT_IDENTITY = frozenset(
    """
    cache_dir token data_revision data_root preprocessing_num_workers overwrite_cache overwrite_output_dir save_model
    intact_results torch_num_threads output_dir run_name project report_to do_train do_eval do_predict disable_tqdm
    resume_from_checkpoint debug use_cpu
    log_level log_level_replica log_on_each_node logging_strategy logging_first_step logging_steps
    logging_nan_inf_filter include_num_input_tokens_seen skip_memory_metrics dataloader_num_workers
    dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order ddp_backend ddp_timeout ddp_bucket_cap_mb local_rank
    save_on_each_node enable_jit_checkpoint save_only_model save_steps save_total_limit eval_steps
    restore_callback_states_from_checkpoint push_to_hub hub_token hub_private_repo hub_model_id
    activation_checkpointing activation_checkpointing_kwargs gradient_checkpointing gradient_checkpointing_kwargs
    eval_accumulation_steps torch_empty_cache_steps ddp_find_unused_parameters ddp_broadcast_buffers ddp_static_graph
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
    try:
        there = output_dir.exists()
    except OSError as error:  # a name that is too long
        raise UserError(f"--output_dir {output_dir} cannot be used: {error.strerror}") from error
    if arguments.cell.overwrite_output_dir or not there:
        return None
    if not output_dir.is_dir():
        raise UserError(f"--output_dir {output_dir} is a file; name a folder")
    if _never_began(output_dir):
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
    try:
        results = read_results(output_dir)
    except (FileNotFoundError, ValueError):
        return None
    if results["status"] == "failed":
        return None
    if arguments.cell.save_model and not (output_dir / "config.json").exists():
        raise UserError(f"{output_dir} was finished without --save_model; run it again with --overwrite_output_dir")
    return results


def _never_began(output_dir):
    """Whether a folder is empty but for a sweep's log, a failure before the damage, or a write that was cut short."""
    names = {path.name for path in output_dir.iterdir() if not path.name.startswith(".")}
    if names - {LOG_NAME} != {"results.json"}:
        return names <= {LOG_NAME}
    found = read_json(output_dir / "results.json")
    return isinstance(found, dict) and found.get("status") == "failed"


def read_results(folder):
    """What a cell's ``results.json`` holds.

    Args:
        folder: a cell's folder.

    Raises:
        FileNotFoundError: if the cell is not finished.
        ValueError: if the file is damaged or of a newer schema; the message says which.
    """
    text = (pathlib.Path(folder) / "results.json").read_bytes()
    try:
        results = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"results.json is cut short or damaged ({error})") from error
    if not isinstance(results, dict) or not isinstance(results.get("config"), dict) or "status" not in results:
        raise ValueError("results.json is not of a HealBERT cell")
    version = results.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ValueError(f"results.json is of schema {version}, this HealBERT reads up to {SCHEMA_VERSION}; upgrade it")
    return results


class CellBusy(UserError):
    """Another process is at work on the cell."""


@contextlib.contextmanager
def open_cell(output_dir, arguments, receipt):
    """Makes the folder, keeps other processes out of it, and writes settings.json and corruption.json.

    A context; the first process of a launch holds the lock until it ends. The operating system frees the lock of a
    process that is killed. Yields the results if another process has finished the cell in the meantime, else None.

    Raises:
        CellBusy: if another process is at work on the cell.
        UserError: if the folder cannot be written, or holds the checkpoints of something else.
    """
    if arguments.training.process_index != 0:
        yield None
        return
    with _lock(output_dir):
        finished = finished_results(output_dir, arguments)
        if not finished:
            _write_start(output_dir, arguments, receipt)
        yield finished


@contextlib.contextmanager
def _lock(output_dir):
    import filelock

    path = output_dir / ".lock"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=1)  # `is_locked` holds it for a moment
        lock.acquire()
    except filelock.Timeout as error:
        raise CellBusy(f"{output_dir} is being run by another process; wait for it, or stop it") from error
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def is_locked(output_dir):
    """Whether a process is at work on the cell in ``output_dir``."""
    import filelock

    path = pathlib.Path(output_dir) / ".lock"
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True


def log_tail(output_dir):
    """The last lines of what a sweep's worker printed; an empty text if there is no log."""
    log = pathlib.Path(output_dir) / LOG_NAME
    if not log.is_file():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])[-4000:]


def _write_start(output_dir, arguments, receipt):
    if arguments.cell.overwrite_output_dir:
        _remove_cell(output_dir)
    (output_dir / "results.json").unlink(missing_ok=True)  # of a failed cell that is tried again
    try:
        write_json(output_dir / "settings.json", json.loads(json.dumps(arguments.identity(), default=str)))
        write_json(output_dir / "corruption.json", receipt.to_dict())
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error


def _remove_cell(output_dir):
    ours = (output_dir / "settings.json").exists()
    if not ours and any(output_dir.glob("checkpoint-*")):  # training would go on from them, and delete them
        raise UserError(f"{output_dir} holds checkpoints that are not of a HealBERT cell; choose another --output_dir")
    patterns = (*CELL_FILES, *(MODEL_FILES if ours else ()))
    for path in [path for pattern in patterns for path in output_dir.glob(pattern)]:
        path.unlink()
    shutil.rmtree(output_dir / "tensorboard", ignore_errors=True)
    remove_checkpoints(output_dir)


def remove_checkpoints(output_dir):
    """Deletes the checkpoints in a folder; another process may be at it, too."""
    for folder in output_dir.glob("checkpoint-*"):
        shutil.rmtree(folder, onerror=_unless_gone)


def _unless_gone(_, path, raised):
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]


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


def table_rows(results, output_dir):
    """The closing table of a cell: a list of (name, value)."""
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
    """The closing table of a cell, as text."""
    rows = table_rows(results, output_dir)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def describe_damage(damage):
    """The damage in a few words, from the ``corruption`` of a cell's results."""
    if damage["level"] == 0:
        return "none"
    region = "all" if damage["level"] == 1 else f"{damage['region']} {100 * damage['level']:g}%"
    also = [part for part in ("embeddings", "pooler") if damage[part]]
    return f"{region}{''.join(f' and {part}' for part in also)}, {damage['method']}, seed {damage['seed']}"
