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
from ..utils.errors import UserError
from ..utils.files import write_json
from .folder import remove_checkpoints, write_table
from .loading import choose_pictured


def _without_services(training):
    # Trainer would push every epoch, start trackers of its own, and pickle the token beside the checkpoints.
    quiet = copy.copy(training)
    quiet.push_to_hub, quiet.hub_token, quiet.report_to = False, None, []
    return quiet


class Experiment:
    """A loaded model, tokenizer and task on their way through one experiment."""

    def __init__(self, arguments, task, tokenizer, model, description):
        self.arguments, self.task, self.tokenizer, self.model = arguments, task, tokenizer, model
        self.output_dir, self.description = pathlib.Path(arguments.training.output_dir), description
        self.strategy, self.kind = arguments.run.strategy(), task.type
        self.metric_names = list(task.type.describe_metrics())
        wanted = arguments.features.layers()
        self.layers = check_layers(wanted, find_layers(model).depth) if wanted is not None else []
        self.pictured = choose_pictured(task, arguments) if arguments.features.tsne else None

    def damage_and_heal(self, clock, tracking):
        """Evaluates the damaged model, heals it and evaluates it again; returns the outcome part of the results."""
        self.trainer, splits = self._make_trainer()
        self.trainer.add_callback(tracking)
        damaged = self.trainer.predict(splits["evaluation"], metric_key_prefix="damaged")
        metrics = {"damaged": self._pick(damaged.metrics, "damaged"), "healed": None, "last": None}
        tracking.metrics("damaged", metrics["damaged"], 0)
        probes, stages = {}, {}
        self._look_inside("damaged", probes, stages)
        clock.lap("evaluate_damaged")
        status, checkpoint = self._heal()
        clock.lap("heal")
        best, collapsed = self._score_healed(splits, metrics)
        if best:
            self._look_inside("healed", probes, stages)
            for stage in ("healed", "test"):
                tracking.metrics(stage, metrics.get(stage) or {}, self.trainer.state.global_step)
        clock.lap("evaluate_healed")
        return {
            "status": status,
            "collapsed": collapsed,
            "metrics": metrics,
            "best_epoch": best and best["epoch"],
            "resumed_from": checkpoint and pathlib.Path(checkpoint).name,
            **({"error": self._describe_divergence()} if status == "diverged" else {}),
            **({"probes": probes} if self.layers else {}),
            **({"features": self._write_features(stages, metrics)} if stages else {}),
        }

    def _score_healed(self, splits, metrics):
        """Adds the scores of the chosen and of the last epoch to ``metrics``.

        Returns:
            tuple: the chosen epoch's entry of ``per_epoch`` or None, and whether the healed model has collapsed.
        """
        state = self.trainer.state
        metrics["per_epoch"] = self._epochs(state.log_history)
        best = next((e for e in metrics["per_epoch"] if e["step"] == state.best_global_step), None)
        if best is None:
            return None, None
        metrics["healed"], collapsed = self._score(splits["evaluation"], "predictions.parquet")
        if "dev" in splits:
            metrics["dev"] = self._named(best)
        if "test" in splits:
            metrics["test"], _ = self._score(splits["test"], "predictions_test.parquet")
        metrics["last"] = self._last(splits, metrics, best)
        return best, collapsed

    def _last(self, splits, metrics, best):
        """The last epoch's scores on the evaluation split; None where the run ended before it could be scored."""
        last = metrics["per_epoch"][-1]
        if last is best:
            return metrics["healed"]
        if "dev" not in splits:
            return self._named(last)
        scored = self.trainer.last_scores
        return scored and self._pick(scored, "last")

    def _epochs(self, history):
        """One entry per evaluated epoch: epoch, step, metrics on the selection split, and the mean training loss."""
        train_loss = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
        return [
            {"epoch": entry["epoch"], "step": entry["step"], **self._pick(entry, "eval")}
            | {"train_loss": train_loss.get(entry["step"])}
            for entry in history
            if f"eval_{self.kind.primary_metric}" in entry
        ]

    def _pick(self, logged, prefix):
        """The metrics out of what Trainer logs under ``prefix``."""
        return {name: logged[f"{prefix}_{name}"] for name in self.metric_names}

    def _named(self, entry):
        return {name: entry[name] for name in self.metric_names}

    def _make_trainer(self):
        parts, splits = self.strategy.trainer_parts(self.model, self.tokenizer, self.task.splits, self._read)
        trainer = HealingTrainer(
            args=_without_services(self.arguments.training),
            train_dataset=splits["train"],
            eval_dataset=splits.get("dev", splits["evaluation"]),
            last_dataset=splits["evaluation"] if "dev" in splits else None,
            compute_metrics=self.kind.compute_metrics,
            **{"data_collator": self.kind.collator(self.tokenizer)} | parts,
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
        """Metrics of the chosen epoch on ``rows``, whose predictions are written, and whether the model collapsed."""
        output = self.trainer.predict(rows, metric_key_prefix="healed")
        found, primary = self._pick(output.metrics, "healed"), self.kind.primary_metric
        if self.trainer.is_world_process_zero():
            columns = self.kind.prediction_columns(rows["id"], output.label_ids, output.predictions)
            write_table(self.output_dir / file_name, columns)
        return found, self.kind.collapsed(found[primary], self.kind.baseline(self.task.splits), output.predictions)

    def _look_inside(self, stage, probes, stages):
        if stage == "healed" and self.strategy.fixed_features:
            if stages:
                stages[stage] = stages["damaged"]
            return
        if self.layers:
            parts = (self.model, self.arguments, self.task.splits, self.tokenizer, self.layers)
            probes[stage] = probe_by_depth(*parts, self.kind.primary_score, self.kind.primary_metric)
        if self.pictured is not None:
            stages[stage] = self._read(self.pictured)

    def _write_features(self, stages, metrics):
        arguments, labels = self.arguments, np.asarray(self.pictured["label"])
        file = FeatureFile(
            stages=stages,
            scores={stage: metrics[stage][self.kind.primary_metric] for stage in stages},
            metric=self.kind.describe_metrics()[self.kind.primary_metric]["title"],
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
