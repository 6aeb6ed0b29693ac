"""A model on its way through a run: damaged, evaluated, healed, evaluated, looked into."""

import copy
import pathlib
import pickle

import numpy as np
from transformers import set_seed

from ..healing.checkpoints import last_complete_checkpoint
from ..healing.trainer import Diverged, HealingTrainer
from ..models.layers import find_layers
from ..probing.feature_file import FeatureFile
from ..probing.features import read_features
from ..probing.probes import check_layers, probe_by_depth
from ..probing.separation import separation
from ..probing.tsne import draw_stages
from ..results.read import log_tail
from ..results.summary import epochs, pick_metrics
from ..tasks.metrics import WeightedF1
from ..utils.errors import UserError
from ..utils.files import write_json
from .folder import remove_checkpoints, write_predictions
from .loading import choose_pictured


def _weighted_f1(predictions, labels):
    return WeightedF1().compute(predictions=predictions, references=labels)["f1_weighted"]


def _without_services(training):
    # Trainer would push every epoch, track by its own lights, and pickle the token beside the checkpoints.
    quiet = copy.copy(training)
    quiet.push_to_hub, quiet.hub_token, quiet.report_to = False, None, []
    return quiet


class Experiment:
    """A loaded model, tokenizer and task on their way through one experiment."""

    def __init__(self, arguments, task, tokenizer, model, description):
        self.arguments, self.task, self.tokenizer, self.model = arguments, task, tokenizer, model
        self.output_dir, self.description = pathlib.Path(arguments.training.output_dir), description
        self.strategy = arguments.run.strategy()
        wanted = arguments.features.layers()
        self.layers = check_layers(wanted, find_layers(model).depth) if wanted is not None else []
        self.pictured = choose_pictured(task, arguments) if arguments.features.tsne else None

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
        parts, splits = self.strategy.trainer_parts(self.model, self.tokenizer, self.task.splits, self._read)
        trainer = HealingTrainer(
            args=_without_services(self.arguments.training),
            train_dataset=splits["train"],
            eval_dataset=splits.get("dev", splits["evaluation"]),
            **parts,
        )
        return trainer, splits

    def _read(self, rows):
        return read_features(self.model, self.arguments, rows, self.tokenizer)[0]

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
        if stage == "healed" and self.strategy.fixed_features:
            if stages:
                stages[stage] = stages["damaged"]
            return
        if self.layers:
            parts = (self.model, self.arguments, self.task.splits, self.tokenizer, self.layers)
            probes[stage] = probe_by_depth(*parts, _weighted_f1, "f1_weighted")
        if self.pictured is not None:
            stages[stage] = self._read(self.pictured)

    def _write_features(self, stages, metrics):
        arguments, labels = self.arguments, np.asarray(self.pictured["label"])
        file = FeatureFile(
            stages=stages,
            scores={stage: metrics[stage]["f1_weighted"] for stage in stages},
            metric="weighted F1",
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
        trainer, keep = self.trainer, self.arguments.run.save_model
        if keep:
            self.strategy.save(trainer, self.model, self.tokenizer, self.output_dir)
        if trainer.is_world_process_zero():
            trainer.save_state()
            write_json(self.output_dir / "results.json", results)
            if not keep:
                remove_checkpoints(self.output_dir)
        trainer.accelerator.wait_for_everyone()
