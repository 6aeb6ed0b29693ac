"""One cell, start to end: load, damage, evaluate, heal, evaluate, write."""

import copy
import dataclasses
import json
import os
import pathlib
import pickle
import time

import numpy as np
import torch
from transformers import default_data_collator, set_seed
from transformers import logging as hf_logging

from .cell import (
    SCHEMA_VERSION,
    epochs,
    finished_results,
    log_tail,
    open_cell,
    pick_metrics,
    remove_checkpoints,
    table_rows,
    write_predictions,
)
from .corruption import corrupt
from .data import load_task, stratified_sample, tokenize
from .errors import UserError
from .feature_file import FeatureFile
from .features import check_layers, probe_by_depth, read_features, separation
from .files import write_json
from .fingerprints import data_fingerprint, model_fingerprint
from .healing import HEALING, ClassificationLayer
from .hub.offline import require_hub_or_cache
from .hub.push import check_push
from .layers import find_layers
from .modeling import describe_model, load_model, load_tokenizer, longest_text, model_commit
from .optional import check_optional
from .plots import check_tsne, draw_stages
from .provenance import environment
from .tracking import Tracking
from .trainer import Diverged, HealingTrainer, last_complete_checkpoint, token_lengths


def run_experiment(arguments, cache=None):
    """Runs one cell, continues an interrupted one, or reports a finished one from disk.

    Args:
        arguments: `Arguments` (see `make_arguments`).
        cache: a `LoadCache` that cells of one process share; figures are the same with and without.

    Returns:
        dict: what ``results.json`` holds.

    Raises:
        UserError: if something that the user gave cannot be used; nothing on disk is overwritten then.
    """
    output_dir = pathlib.Path(arguments.training.output_dir)
    finished = finished_results(output_dir, arguments)
    if finished:
        if not finished["config"]["save_model"] and arguments.training.process_index == 0:
            remove_checkpoints(output_dir)  # a kill may have come between the results and this
        return finished
    hf_logging.disable_progress_bar()  # of loading and saving; training has its own
    _set_threads(arguments)
    check_push(arguments)
    require_hub_or_cache(arguments)
    clock = _Clock()
    cell = Cell.load(arguments, cache or LoadCache(0))
    clock.lap("load")
    receipt = corrupt(cell.model, arguments.corruption.spec())
    clock.lap("corrupt")
    with open_cell(output_dir, arguments, receipt) as finished:
        if finished:
            return finished
        HEALING[arguments.cell.healing].prepare(cell.model)
        with Tracking(arguments) as tracking:
            tracking.settings(arguments.settings(), receipt)
            outcome = cell.damage_and_heal(clock, tracking)
            results = _results(arguments, cell, receipt, outcome, clock)
            tracking.table(table_rows(results, output_dir), cell.trainer.state.global_step)
        cell.finish(results)
        return results


def _results(arguments, cell, receipt, outcome, clock):
    return {
        "schema_version": SCHEMA_VERSION,
        "config": arguments.settings(),
        "task": cell.task.describe(),
        "model": cell.description,
        "corruption": receipt.to_dict()["spec"] | receipt.summary,
        **outcome,
        "timing": clock.seconds,
        "environment": environment(arguments.training),
    }


class LoadCache:
    """What the cells of one process load: the last tasks, tokenized, and the last models.

    Args:
        size: how many of each are kept; 0 for none.
    """

    def __init__(self, size=2):
        self.size, self._kept = size, {"task": {}, "model": {}}

    def get(self, kind, key, make):
        """What ``make()`` returned for this key before, or returns now; the least recently used is forgotten."""
        kept, key = self._kept[kind], json.dumps(key, sort_keys=True, default=str)
        value = kept.pop(key) if key in kept else make()
        kept[key] = value
        for old in list(kept)[: max(0, len(kept) - self.size)]:
            del kept[old]
        return value


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def _set_threads(arguments):
    # accelerate launch sets OMP_NUM_THREADS=1, which would leave most of a CPU idle.
    training, threads = arguments.training, arguments.cell.torch_num_threads
    if threads is None and training.device.type == "cpu":
        local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", training.world_size))
        threads = max(1, len(os.sched_getaffinity(0)) // local_processes)
    if threads is not None:
        torch.set_num_threads(threads)


def _without_services(training):
    # Trainer would push every epoch, track by its own lights, and pickle the token beside the checkpoints.
    quiet = copy.copy(training)
    quiet.push_to_hub, quiet.hub_token, quiet.report_to = False, None, []
    return quiet


def _check_lengths(task, model):
    most = longest_text(model)
    longest = max(int(token_lengths(rows).max()) for rows in task.splits.values())
    if most and longest > most:
        raise UserError(f"texts of {longest} tokens are too long for the model; use --max_seq_length {most} or less")


def choose_pictured(task, arguments):
    """The evaluation examples in the t-SNE picture: a `datasets.Dataset`.

    Raises:
        UserError: if they cannot be drawn.
    """
    rows, wanted = task.splits["evaluation"], arguments.features
    size = min(wanted.tsne_samples, len(rows))
    chosen = stratified_sample(rows["label"], size, arguments.data.sample_seed)
    check_tsne(np.asarray(rows["label"])[chosen], wanted.tsne_perplexity)
    return rows.select(chosen)


class Cell:
    """A loaded model, tokenizer and task on their way through one experiment."""

    def __init__(self, arguments, task, tokenizer, model, description):
        self.arguments, self.task, self.tokenizer, self.model = arguments, task, tokenizer, model
        self.output_dir, self.description = pathlib.Path(arguments.training.output_dir), description
        wanted = arguments.features.layers()
        self.layers = check_layers(wanted, find_layers(model).depth) if wanted is not None else []
        self.pictured = choose_pictured(task, arguments) if arguments.features.tsne else None

    @classmethod
    def load(cls, arguments, cache):
        """Loads what the arguments name and checks what depends on it.

        Args:
            arguments: `Arguments`.
            cache: a `LoadCache`.

        Raises:
            UserError: if any of it cannot be used.
        """
        run, seed = arguments.cell, arguments.training.seed
        sources = [data_fingerprint(arguments.data, arguments.model), model_fingerprint(arguments.model)]
        key = [*map(dataclasses.asdict, (arguments.model, arguments.data)), sources]

        def task_and_tokenizer():
            tokenizer = load_tokenizer(arguments.model)
            with arguments.training.main_process_first(desc="loading the task"):
                task = load_task(arguments.data, arguments.model, run.selection, run.dev_fraction)
                tokenize(task, tokenizer, arguments.data)
            return task, tokenizer

        task, tokenizer = cache.get("task", [*key, run.selection, run.dev_fraction], task_and_tokenizer)

        name = arguments.model.model_name_or_path

        def pretrained():
            set_seed(seed)  # the head's initialisation
            model = load_model(arguments.model, task.label_names, tokenizer.pad_token_id)
            return model, describe_model(model, name, model_commit(arguments.model, name))

        model, description = cache.get("model", [*key, seed], pretrained)
        model = copy.deepcopy(model) if cache.size else model
        check_optional(arguments.training, model)
        _check_lengths(task, model)
        return cls(arguments, task, tokenizer, model, description)

    def damage_and_heal(self, clock, tracking):
        """Evaluates the damaged model, heals it and evaluates it again; returns the outcome part of the results."""
        self.trainer, splits = self._make_trainer()
        self.trainer.add_callback(tracking)
        damaged = self.trainer.predict(splits["evaluation"], metric_key_prefix="damaged")
        metrics = {"damaged": pick_metrics(damaged.metrics, "damaged"), "healed": None}
        tracking.metrics("damaged", metrics["damaged"], 0)
        probes, stages = {}, {}
        self._look_inside("damaged", probes, stages)
        clock.lap("evaluate_damaged")
        status, checkpoint = self._heal()
        clock.lap("heal")
        state = self.trainer.state
        metrics["per_epoch"] = epochs(state.log_history)
        best = next((e for e in metrics["per_epoch"] if e["step"] == state.best_global_step), None)
        if best:
            if "dev" in splits:
                metrics["dev"] = {name: best[name] for name in metrics["damaged"]}
            metrics["healed"] = self._score(splits["evaluation"], "predictions.parquet")
            if "test" in splits:
                metrics["test"] = self._score(splits["test"], "predictions_test.parquet")
            self._look_inside("healed", probes, stages)
            for stage in ("healed", "test"):
                tracking.metrics(stage, metrics.get(stage) or {}, state.global_step)
        clock.lap("evaluate_healed")
        return {
            "status": status,
            "metrics": metrics,
            "best_epoch": best and best["epoch"],
            "resumed_from": checkpoint and pathlib.Path(checkpoint).name,
            **({"error": self._describe_divergence()} if status == "diverged" else {}),
            **({"probes": probes} if self.layers else {}),
            **({"features": self._write_features(stages, metrics)} if stages else {}),
        }

    def _make_trainer(self):
        if HEALING[self.arguments.cell.healing].fixed_features:
            splits = {name: self._feature_rows(rows) for name, rows in self.task.splits.items()}
            parts = {"model": ClassificationLayer(self.model), "data_collator": default_data_collator}
        else:
            splits = self.task.splits
            parts = {"model": self.model, "processing_class": self.tokenizer}
        trainer = HealingTrainer(
            args=_without_services(self.arguments.training),
            train_dataset=splits["train"],
            eval_dataset=splits.get("dev", splits["evaluation"]),
            **parts,
        )
        return trainer, splits

    def _feature_rows(self, rows):
        features, _ = read_features(self.model, self.arguments, rows, self.tokenizer)
        return rows.add_column("features", list(features)).with_format("torch")

    def _heal(self):
        training, status = self.trainer.args, "completed"
        checkpoint = training.resume_from_checkpoint or last_complete_checkpoint(self.output_dir, training.world_size)
        set_seed(training.seed)  # dropout: what was evaluated before must not change it
        try:
            self.trainer.train(resume_from_checkpoint=checkpoint)
        except pickle.UnpicklingError as error:  # nothing but tensors and plain values is ever read from it
            raise UserError(f"checkpoint {checkpoint} is damaged or not of this program; remove it") from error
        except Diverged:
            status, self.trainer.is_in_train = "diverged", False
            if self.trainer.state.best_model_checkpoint:
                self.trainer._load_best_model()
        return status, checkpoint

    def _describe_divergence(self):
        message = f"the loss became NaN or infinite after step {self.trainer.state.global_step}"
        return {"kind": "diverged", "message": message, "log_tail": log_tail(self.output_dir)}

    def _score(self, rows, file_name):
        output = self.trainer.predict(rows, metric_key_prefix="healed")
        if self.trainer.is_world_process_zero():
            logits = output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions
            write_predictions(self.output_dir / file_name, rows["id"], output.label_ids, logits)
        return pick_metrics(output.metrics, "healed")

    def _look_inside(self, stage, probes, stages):
        if stage == "healed" and HEALING[self.arguments.cell.healing].fixed_features:
            if stages:
                stages[stage] = stages["damaged"]
            return
        if self.layers:
            probes[stage] = probe_by_depth(self.model, self.arguments, self.task.splits, self.tokenizer, self.layers)
        if self.pictured is not None:
            stages[stage], _ = read_features(self.model, self.arguments, self.pictured, self.tokenizer)

    def _write_features(self, stages, metrics):
        arguments, labels = self.arguments, np.asarray(self.pictured["label"])
        file = FeatureFile(
            stages=stages,
            f1={stage: metrics[stage]["f1_weighted"] for stage in stages},
            labels=labels,
            ids=np.asarray(self.pictured["id"]),
            label_names=self.task.label_names,
            task=self.task.name,
            level=arguments.corruption.corrupt_level,
            region=arguments.corruption.corrupt_region,
            perplexity=arguments.features.tsne_perplexity,
            seed=arguments.data.sample_seed,
        )
        if self.trainer.is_world_process_zero():
            file.write(self.output_dir / "features.npz")
            draw_stages(self.output_dir / "tsne.png", file)
        measured = {stage: separation(features, labels) for stage, features in stages.items()}
        return {"examples": len(labels), "dimensions": int(stages["damaged"].shape[1]), **measured}

    def finish(self, results):
        """Writes the model if it is to be kept, the trainer's state and, last, results.json."""
        trainer, keep = self.trainer, self.arguments.cell.save_model
        if keep and trainer.model is self.model:
            trainer.save_model(str(self.output_dir))
        elif keep and trainer.is_world_process_zero():
            self.model.save_pretrained(self.output_dir)
            self.tokenizer.save_pretrained(self.output_dir)
        if trainer.is_world_process_zero():
            trainer.save_state()
            write_json(self.output_dir / "results.json", results)
            if not keep:
                remove_checkpoints(self.output_dir)
        trainer.accelerator.wait_for_everyone()
