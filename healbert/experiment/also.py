"""The model of a run as a language model, beside its task: intact, damaged and healed, on texts not trained on.

The texts are those that the task is evaluated on. The head is the intact checkpoint's, or one that was trained on it
(`language_head`), and stays as it is: what differs between the scores is the encoder.
"""

import copy
import dataclasses
import tempfile

from transformers import set_seed

from ..healing.services import without_services
from ..healing.trainer import HealingTrainer
from ..models.loading import describe_model, load_config, load_model
from ..models.vocabulary import fit_vocabulary, highest_id
from ..models.wrappers import base_of
from ..tasks.load import as_text_alone, tokenize
from ..tasks.types import check_head, task_type
from ..utils.errors import UserError
from .change import draws_kept
from .evaluating import evaluation_parts
from .language_head import SEED, give_head
from .per_epoch import pick
from .shared import how_evaluated


class LanguageScores:
    """What ``--also_evaluate`` asks for, if it is given; random generators go on as if nothing had been drawn.

    Args:
        arguments: `Arguments`.
        task: the tokenized `TaskData` of the run; tokenizer: its tokenizer.
        model: the model of the run, which is damaged and healed in place.
        cache: a `LoadCache`: the language model and its intact scores serve all runs of a process.

    Raises:
        UserError: if the model has no such head, or the task no texts.
    """

    def __init__(self, arguments, task, tokenizer, model, cache):
        self.arguments, self.tokenizer, self.model = arguments, tokenizer, model
        self.asked = arguments.features.also_evaluate
        if not self.asked:
            return
        self.kind = task_type(self.asked)
        self._check(load_config(arguments.sources.model))
        rows = model.get_input_embeddings().num_embeddings
        key = [dataclasses.asdict(arguments.model), dataclasses.asdict(arguments.data), self.kind.name, rows]
        key += how_evaluated(arguments.training)
        key += [arguments.run.selection, arguments.run.dev_fraction]  # a head is not trained on what is held out
        with draws_kept():
            made = cache.get("language", [*key, arguments.sources.fingerprints()], lambda: self._make(task, rows))
        self.task, self.language, self.head, intact = made
        if type(base_of(self.language)) is not type(base_of(model)):
            raise UserError(
                f"--also_evaluate {self.kind.name}: {type(self.language).__name__} is no language model of "
                f"{type(base_of(model)).__name__}; leave it out"
            )
        self.scores = {"intact": intact, "damaged": None, "healed": None}

    def _check(self, config):
        check_head(config, self.kind, self.arguments.sources.model.name)
        if config.is_encoder_decoder:
            raise UserError(
                f"--also_evaluate {self.kind.name} needs an encoder or a decoder alone, and a model of type "
                f"{config.model_type} has both; leave it out"
            )

    def _make(self, task, rows):
        """The texts, the language model on its intact base, what is said of its head, and its scores."""
        arguments, source = self.arguments, self.arguments.sources.model
        texts = as_text_alone(task, self.kind)
        tokenize(texts, self.tokenizer, arguments.data)
        highest = highest_id(texts.splits.values(), self.tokenizer, self.kind.hides)
        if highest >= rows:
            raise UserError(
                f"--also_evaluate {self.kind.name}: token id {highest} is beyond the {rows} rows of the embedding; "
                "give the tokenizer that goes with the model: --tokenizer_name"
            )
        plain = dataclasses.replace(arguments.model, pooling="cls")  # which is that of a task's head

        def load():
            model = load_model(plain, [], self.tokenizer.pad_token_id, source, self.kind.auto_class)
            fit_vocabulary(model, self.tokenizer, rows - 1)
            return model

        set_seed(SEED)
        language, head = load(), None
        if language.head_was != "own":
            fingerprint = describe_model(language, source.name)["fingerprint"]
            language, head = give_head(load, texts, self.tokenizer, arguments, fingerprint)
        return texts, language, head, self._evaluate(copy.deepcopy(language), texts)

    def look(self, stage):
        """Scores the model of the run as it is now."""
        if not self.asked:
            return
        with draws_kept():
            language = copy.deepcopy(self.language)
            setattr(language, language.base_model_prefix, copy.deepcopy(base_of(self.model)))
            language.tie_weights()  # an output layer that shares the embeddings' weights goes on sharing them
            self.scores[stage] = self._evaluate(language, self.task)

    def _evaluate(self, language, texts):
        training = without_services(self.arguments.training)
        with tempfile.TemporaryDirectory() as training.output_dir:
            trainer = HealingTrainer(
                model=language,
                args=training,
                eval_dataset=texts.splits["evaluation"],
                processing_class=self.tokenizer,
                **evaluation_parts(self.kind, self.tokenizer),
            )
            found = trainer.predict(texts.splits["evaluation"], metric_key_prefix="look").metrics
        return pick(found, "look", self.kind.describe_metrics())

    def describe(self):
        """The part of ``results.json`` that says it; empty where nothing was asked for."""
        if not self.asked:
            return {}
        kind, splits = self.kind, self.task.splits
        found = {
            "type": kind.name,
            "primary_metric": kind.primary_metric,
            "metrics": kind.describe_metrics(),
            "text_column": self.task.text_columns[0],
            "examples": len(splits["evaluation"]),
            "head": self.head,
            "baseline": kind.baseline(splits),
        }
        return {"language_model": found | self.scores}
