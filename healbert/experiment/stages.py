"""A model on its way through a run: damaged, evaluated, healed, evaluated, looked into."""

import pathlib
import pickle

from transformers import set_seed

from ..healing.checkpoints import checkpoint_to_take_up, keep_as_asked
from ..healing.cost import Cost, flops_before
from ..healing.fast.base import Scene
from ..healing.fast.chosen import FastPaths
from ..healing.frozen import ROW, FrozenLayers
from ..healing.services import without_services
from ..healing.supplies import Supplies
from ..healing.trainer import Diverged, HealingTrainer
from ..results.read import log_tail
from ..results.schema import TEXT_STAGE
from ..tasks.texts import encode_texts
from ..utils.errors import UserError
from ..utils.files import write_json
from .also import LanguageScores
from .evaluating import evaluation_parts
from .folder import remove_checkpoints, remove_text_stage, write_table
from .inside import Inside
from .loading import LoadCache, shared_features
from .per_epoch import by_step, per_epoch, pick, scores_at
from .shared import damaged_once
from .teacher import load_teacher
from .tracing import TraceEvaluations


def _datasets(splits):
    """The datasets of a `HealingTrainer`, by the names that it has for them."""
    return {
        "train_dataset": splits["train"],
        "eval_dataset": splits.get("dev", splits["evaluation"]),
        "scored_dataset": splits["evaluation"] if "dev" in splits else None,
    }


class Experiment:
    """A loaded model, tokenizer and task on their way through one run; ``metrics`` fills up on the way.

    The model is not damaged yet. ``teacher`` is the `Teacher` that it will learn from, if there is one. ``receipt`` is
    that of the damage, once it is done, ``change`` its `Change` and ``frozen`` its `FrozenLayers`, where asked for.
    """

    def __init__(self, arguments, task, tokenizer, model, description, teacher=None, cache=None):
        self.arguments, self.task, self.tokenizer, self.model = arguments, task, tokenizer, model
        self.output_dir, self.description = pathlib.Path(arguments.training.output_dir), description
        self.strategy, self.kind, self.cache = arguments.run.strategy(), task.type, cache or LoadCache(0)
        self.strategy.seed = arguments.training.seed
        self.inside = Inside(arguments, task, tokenizer, model)
        self.metric_names = list(task.type.describe_metrics())
        self.metrics = {"damaged": None, "healed": None, "last": None}
        self.teacher, self.taught_by = teacher, load_teacher(teacher, self) if teacher else None
        self.text = self._encoded_text()
        self.language = LanguageScores(arguments, task, tokenizer, model, self.cache)
        self.receipt = self.change = self.damaged_by = self.by_label = self.frozen = None

    def _encoded_text(self):
        source = self.arguments.sources.text
        most = min(self.arguments.data.max_seq_length, self.tokenizer.model_max_length)
        return source and encode_texts(source.read(), self.tokenizer, most)

    def prepare(self, receipt):
        """Marks what will train of the model, which is damaged by now, and gives the strategy what it needs."""
        self.strategy.prepare(self.model, receipt)
        self.strategy.bring(
            Supplies(
                model=self.model,
                receipt=receipt,
                tokenizer=self.tokenizer,
                source=self.arguments.sources.model,
                teacher=self.taught_by,
                text=self.text,
                folder=self.output_dir / TEXT_STAGE,
            )
        )
        self.taught_by = self.text = None  # the strategy lets go of them when it can

    def begin(self):
        """Makes the trainer, which evaluates and heals."""
        self.trainer, self.splits = self._make_trainer()

    def evaluate(self):
        """The metrics of the model as it is, unhealed, on the evaluation split, and the trainer's output."""
        return self._predict("evaluation", "damaged")

    def damage_and_heal(self, clock, tracking):
        """Evaluates the damaged model, heals it and evaluates it again; returns the outcome part of the results."""
        self.begin()
        self.trainer.add_callback(tracking)
        if self.inside.trace is not None:
            self.trainer.add_callback(TraceEvaluations(self.inside.trace, self.model))
        self._evaluate_damaged()
        tracking.metrics("damaged", self.metrics["damaged"], 0)
        self.inside.look("damaged")
        self.inside.compare("damaged", 0, 0)
        self.language.look("damaged")
        clock.lap("evaluate_damaged")
        # Not before: a damaged model is evaluated as a scan evaluates it, to the last bit.
        self.fast = FastPaths(self.arguments.run.fast_paths, self.scene())
        self.strategy.begin(self.trainer)
        cost = Cost(self.trainer, self.model, self._flops_before())
        clock.lap("count_cost")
        status, checkpoint, text = self._heal()
        clock.lap("heal")
        best, collapsed = self._evaluate_healed()
        self.fast.end()
        if best:
            self.language.look("healed")
        for stage in ("healed", "last", "test"):
            tracking.metrics(stage, self.metrics.get(stage) or {}, self.trainer.state.global_step)
        clock.lap("evaluate_healed")
        return {
            "status": status,
            "collapsed": collapsed,
            "metrics": self.metrics,
            **({"damaged_by": self.damaged_by} if self.damaged_by else {}),
            **({"by_label": self.by_label} if self.by_label else {}),
            **self.language.describe(),
            "best_epoch": best and best["epoch"],
            "resumed_from": checkpoint and pathlib.Path(checkpoint).name,
            "healing": self._describe_healing() | cost.describe() | ({"text": text} if text else {}),
            **({"error": self._describe_divergence()} if status == "diverged" else {}),
            **self.inside.write(self.metrics, self._log(), self.output_dir, self.trainer.is_world_process_zero()),
        }

    def _evaluate_damaged(self):
        if self.cache.size and not self.change:  # in a sweep: others may start from the same model
            more, rows = [self.metric_names, self.arguments.plugins], self.splits["evaluation"]
            found = damaged_once(lambda: self.evaluate()[0], self.trainer, self.model, rows, self.output_dir, more)
            self.metrics["damaged"], self.damaged_by = found
            return
        self.metrics["damaged"], output = self.evaluate()
        if self.change:
            self.receipt.summary["change"] = self.change.describe(self.metrics["damaged"], output.predictions)
            if self.trainer.is_world_process_zero():
                write_json(self.output_dir / "corruption.json", self.receipt.to_dict())

    def _describe_healing(self):
        found = {"strategy": self.arguments.run.healing, "options": self.strategy.settings}
        found["fast_paths"] = self.fast.describe()
        if self.teacher:
            found["teacher"] = self.teacher.describe()
        return found | (self.frozen.describe() if self.frozen else {})

    def _flops_before(self):
        rows = (self.splits if self.frozen else self.task.splits)["train"]
        return flops_before(self.trainer, self.model, rows, self.tokenizer, [ROW] if self.frozen else [])

    def _make_trainer(self):
        read = self.inside.read
        if self.strategy.fixed_features:
            read = shared_features(self.cache, self.arguments, self.model, read)
        parts, splits = self.strategy.trainer_parts(self.model, self.tokenizer, self.task.splits, read)
        trainer = HealingTrainer(
            args=self.strategy.adjusted(without_services(self.arguments.training)),
            **_datasets(splits),
            predictions=self.kind.predictions,
            training_inputs=self.kind.training_inputs(self.tokenizer, self.arguments.training.seed),
            **evaluation_parts(self.kind, self.tokenizer) | parts,
        )
        if self.arguments.run.reuse_frozen and not self.strategy.fixed_features:
            self.frozen = FrozenLayers(trainer)
            splits = self.frozen.read(splits, self.output_dir)
            for name, rows in _datasets(splits).items():
                setattr(trainer, name, rows)
        return trainer, splits

    def scene(self):
        """What fast paths work on: a `Scene`."""
        traced, reused = self.inside.trace is not None, bool(self.frozen and self.frozen.count)
        special = tuple(self.tokenizer.all_special_ids)
        return Scene(self.model, self.trainer, self.splits, special, reused, traced)

    def _predict(self, split, stage):
        """The metrics of a split under the name of a stage, and the trainer's output."""
        output = self.trainer.predict(self.splits[split], metric_key_prefix=stage)
        return self._pick(output.metrics, stage), output

    def _pick(self, logged, prefix):
        return pick(logged, prefix, self.metric_names)

    def _heal(self):
        training, status, text = self.trainer.args, "completed", None
        named, main = training.resume_from_checkpoint, self.trainer.is_world_process_zero()
        checkpoint = checkpoint_to_take_up(self.output_dir, named, training.world_size, set_aside=main)
        try:
            text = self.strategy.read_text(self.trainer)
            self.fast.begin_training()
            set_seed(training.seed)  # dropout: what was evaluated before must not change it
            self.trainer.train(resume_from_checkpoint=checkpoint)
        except pickle.UnpicklingError as error:  # nothing but tensors and plain values is ever read from it
            raise UserError(f"checkpoint {checkpoint} is damaged or not of this program; choose another") from error
        except Diverged:
            status, self.trainer.is_in_train = "diverged", False
            if self.trainer.state.best_model_checkpoint:
                self.trainer._load_best_model()
        self.fast.end_training()
        self.strategy.finish(self.model)
        return status, checkpoint, text

    def _evaluate_healed(self):
        """Scores the chosen epoch and the last one.

        Returns:
            tuple: the chosen epoch's entry of ``per_epoch``, and whether the healed model has collapsed; both None
            where no epoch came to its end.
        """
        state, found = self.trainer.state, per_epoch(self._log(), self.metric_names)
        best, collapsed = next((epoch for epoch in found if epoch["step"] == state.best_global_step), None), None
        if best:
            collapsed = self._score_chosen_epoch()
            self.metrics["last"] = self._last(found[-1], best)
            if "dev" in self.splits:
                self.metrics["dev"] = self._named(best)
                self._write_dev_predictions(best)
            self._look_inside_healed()
            self.inside.compare("healed", best["epoch"], best["step"])
        self.metrics["per_epoch"] = found
        return best, collapsed

    def _log(self):
        return self.trainer.state.log_history

    def _score_chosen_epoch(self):
        """Scores it on the evaluation split and the test file; returns whether the model has collapsed."""
        split = "scored" if "dev" in self.splits else "eval"
        output = self.trainer.chosen_evaluation(split)
        if output:
            self.metrics["healed"] = self._pick(output.metrics, split)
        else:
            self.metrics["healed"], output = self._predict("evaluation", "healed")
        every = self.trainer.predicted.of(split)
        found = self._write_predictions("evaluation", output, "predictions.parquet", by_step(every, self.kind.column))
        if not self.kind.one_class:  # of classes, the file says it
            self.by_label = self.kind.by_label(found["prediction"], found["label"], self.task.label_names)
        if "test" in self.splits:
            self._predict_test()
        score = self.metrics["healed"][self.kind.primary_metric]
        return self.kind.collapsed(score, self.kind.baseline(self.task.splits), output.predictions)

    def _predict_test(self):
        output = self.trainer.predict(self.splits["test"], metric_key_prefix="test")
        if output.label_ids is not None:
            self.metrics["test"] = self._pick(output.metrics, "test")
        named = self.kind.named_predictions(output.predictions, self.task.label_names)
        self._write_predictions("test", output, "predictions_test.parquet", named)

    def _write_predictions(self, split, output, file_name, more=()):
        found = self.kind.prediction_columns(self.task.splits[split]["id"], output.label_ids, output.predictions)
        if self.trainer.is_world_process_zero():
            write_table(self.output_dir / file_name, found | dict(more))
        return found

    def _write_dev_predictions(self, best):
        """What each evaluation predicted of the part that chooses among them, of which Trainer's outputs are gone."""
        every, rows, kind = self.trainer.predicted.of("eval"), self.task.splits["dev"], self.kind
        if best["step"] in every and self.trainer.is_world_process_zero():
            found = {"id": rows["id"], "label": kind.labels_of(rows), "prediction": kind.column(every[best["step"]])}
            write_table(self.output_dir / "predictions_dev.parquet", found | by_step(every, kind.column))

    def _last(self, last, best):
        """The last epoch's scores on the evaluation split; None where the run ended before it could be scored."""
        if last is best:
            return self.metrics["healed"]
        if "dev" not in self.splits:
            return self._named(last)
        scored = scores_at(self._log(), last["step"])
        return scored and self._pick(scored, "scored")

    def _named(self, epoch):
        return {name: epoch[name] for name in self.metric_names}

    def _look_inside_healed(self):
        if self.strategy.fixed_features:
            self.inside.same_as("healed", "damaged")
        else:
            self.inside.look("healed")

    def _describe_divergence(self):
        message = f"the loss became NaN or infinite after step {self.trainer.state.global_step}"
        return {"kind": "diverged", "message": message, "log_tail": log_tail(self.output_dir)}

    def finish(self, results):
        """Writes the model if it is to be kept, the trainer's state and, last, results.json."""
        trainer, keep = self.trainer, self.arguments.run.save_model
        if keep:
            self.strategy.save(trainer, self.model, self.tokenizer, self.output_dir)
        if trainer.is_world_process_zero():
            trainer.save_state()
            write_json(self.output_dir / "results.json", results)
            remove_text_stage(self.output_dir)
            if not keep:
                remove_checkpoints(self.output_dir)
            else:
                keep_as_asked(self.output_dir, trainer.state, trainer.args.save_total_limit)
        trainer.accelerator.wait_for_everyone()
