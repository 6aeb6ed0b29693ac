"""One cell, start to end: load, damage, evaluate, heal, evaluate, write."""

import json
import os
import pathlib
import shutil
import time

import numpy as np
import torch
from transformers import logging as hf_logging
from transformers import set_seed

from .corruption import corrupt
from .data import load_task, tokenize
from .errors import UserError
from .files import atomic_path, read_json, write_json
from .hub import work_offline_if_unreachable
from .modeling import describe_model, load_model, load_tokenizer, resolve_model
from .provenance import environment
from .tasks import EMBEDDED_TASK
from .trainer import Diverged, HealingTrainer, last_complete_checkpoint

SCHEMA_VERSION = 1
METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")
# settings.json is written before training, so that a restart knows what the folder is of.
CELL_FILES = (
    "results.json",
    "settings.json",
    "corruption.json",
    "predictions.parquet",
    "predictions_test.parquet",
    "trainer_state.json",
)


def run_experiment(arguments):
    """Runs one cell, continues an interrupted one, or reports a finished one from disk.

    Args:
        arguments: `Arguments` (see `make_arguments`).

    Returns:
        dict: what ``results.json`` holds.

    Raises:
        UserError: if something that the user gave cannot be used; nothing on disk is overwritten then.
    """
    output_dir = pathlib.Path(arguments.training.output_dir)
    finished = finished_results(output_dir, arguments)
    if finished:
        return finished
    clock = _Clock()
    hf_logging.disable_progress_bar()  # of loading and saving; training has its own
    _set_threads(arguments)
    _prefer_local(arguments)
    task, tokenizer, model = _load(arguments)
    description = describe_model(model, arguments.model.model_name_or_path)
    clock.lap("load")
    receipt = corrupt(model, arguments.corruption.spec())
    clock.lap("corrupt")
    _open_cell(output_dir, arguments, receipt)
    trainer = HealingTrainer(
        model=model,
        args=arguments.training,
        train_dataset=task.splits["train"],
        eval_dataset=task.splits.get("dev", task.splits["evaluation"]),
        processing_class=tokenizer,
    )
    outcome = _damage_and_heal(trainer, task.splits, output_dir, clock)
    results = {
        "schema_version": SCHEMA_VERSION,
        "config": arguments.settings(),
        "task": task.describe(),
        "model": description,
        "corruption": receipt.to_dict()["spec"] | receipt.summary,
        **outcome,
        "timing": clock.seconds,
        "environment": environment(arguments.training),
    }
    _close_cell(output_dir, arguments, trainer, results)
    return results


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def finished_results(output_dir, arguments):
    """The results of a finished cell of the same settings in ``output_dir``, or None if there is something to run.

    Raises:
        UserError: if the folder holds a cell of other settings (named), or files that are no cell's.
    """
    if arguments.cell.overwrite_output_dir or not output_dir.exists():
        return None
    if not output_dir.is_dir():
        raise UserError(f"--output_dir {output_dir} is a file; name a folder")
    if not any(output_dir.iterdir()):
        return None
    settings = read_json(output_dir / "settings.json")
    if settings is None:
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


def _open_cell(output_dir, arguments, receipt):
    if arguments.training.process_index != 0:
        return
    if arguments.cell.overwrite_output_dir:
        for name in CELL_FILES:
            (output_dir / name).unlink(missing_ok=True)
        _remove_checkpoints(output_dir)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        write_json(output_dir / "settings.json", json.loads(json.dumps(arguments.identity(), default=str)))
        write_json(output_dir / "corruption.json", receipt.to_dict())
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error


def _remove_checkpoints(output_dir):
    for folder in output_dir.glob("checkpoint-*"):
        shutil.rmtree(folder)


def _set_threads(arguments):
    # accelerate launch sets OMP_NUM_THREADS=1, which would leave most of a CPU idle.
    training, threads = arguments.training, arguments.cell.torch_num_threads
    if threads is None and training.device.type == "cpu":
        local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", training.world_size))
        threads = max(1, len(os.sched_getaffinity(0)) // local_processes)
    if threads is not None:
        torch.set_num_threads(threads)


def _prefer_local(arguments):
    data = arguments.data
    local_model = os.path.isdir(resolve_model(arguments.model.model_name_or_path))
    local_data = data.train_file or data.data_root or data.task_name == EMBEDDED_TASK
    if not (local_model and (local_data or os.path.isdir(data.dataset_name or ""))):
        work_offline_if_unreachable()


def _load(arguments):
    training, cell = arguments.training, arguments.cell
    tokenizer = load_tokenizer(arguments.model)
    with training.main_process_first(desc="loading the task"):
        task = load_task(arguments.data, arguments.model, cell.selection, cell.dev_fraction)
        tokenize(task, tokenizer, arguments.data)
    set_seed(training.seed)  # the head's initialisation
    return task, tokenizer, load_model(arguments.model, task.label_names, tokenizer.pad_token_id)


def _damage_and_heal(trainer, splits, output_dir, clock):
    """Evaluates the damaged model, heals it and evaluates it again; returns the outcome part of the results."""
    damaged = trainer.predict(splits["evaluation"], metric_key_prefix="damaged")
    clock.lap("evaluate_damaged")
    checkpoint = trainer.args.resume_from_checkpoint or last_complete_checkpoint(output_dir, trainer.args.world_size)
    status = "completed"
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except Diverged:
        status, trainer.is_in_train = "diverged", False
        if trainer.state.best_model_checkpoint:
            trainer._load_best_model()
    clock.lap("heal")
    per_epoch = _per_epoch(trainer.state.log_history)
    best = next((e for e in per_epoch if e["step"] == trainer.state.best_global_step), None)
    metrics = {"damaged": _metrics(damaged.metrics, "damaged"), "healed": None, "per_epoch": per_epoch}
    if best:
        if "dev" in splits:
            metrics["dev"] = {name: best[name] for name in METRICS}
        metrics["healed"] = _score(trainer, splits["evaluation"], output_dir / "predictions.parquet")
        if "test" in splits:
            metrics["test"] = _score(trainer, splits["test"], output_dir / "predictions_test.parquet")
    clock.lap("evaluate_healed")
    return {
        "status": status,
        "metrics": metrics,
        "best_epoch": best and best["epoch"],
        "resumed_from": checkpoint and pathlib.Path(checkpoint).name,
    }


def _score(trainer, rows, path):
    """Metrics of the model on ``rows``; writes id, label, prediction and logits of each example to ``path``."""
    output = trainer.predict(rows, metric_key_prefix="healed")
    if trainer.is_world_process_zero():
        import pandas

        logits = output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions
        columns = {
            "id": np.asarray(rows["id"]),
            "label": output.label_ids,
            "prediction": logits.argmax(-1),
            "logits": list(logits.astype(np.float32)),
        }
        with atomic_path(path) as name:
            pandas.DataFrame(columns).to_parquet(name, index=False)
    return _metrics(output.metrics, "healed")


def _metrics(logged, prefix):
    return {name: logged[f"{prefix}_{name}"] for name in METRICS}


def _per_epoch(history):
    """One entry per evaluated epoch: epoch, step, metrics on the selection split, and the mean training loss."""
    train_loss = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    return [
        {"epoch": entry["epoch"], "step": entry["step"], **_metrics(entry, "eval")}
        | {"train_loss": train_loss.get(entry["step"])}
        for entry in history
        if "eval_f1_weighted" in entry
    ]


def _close_cell(output_dir, arguments, trainer, results):
    if arguments.cell.save_model:
        trainer.save_model(str(output_dir))
    if trainer.is_world_process_zero():
        trainer.save_state()
        write_json(output_dir / "results.json", results)
        if not arguments.cell.save_model:
            _remove_checkpoints(output_dir)
    trainer.accelerator.wait_for_everyone()


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
