"""What a run loads, and what runs of one process share of it."""

import copy
import dataclasses
import json
import warnings

import numpy as np
from transformers import set_seed

from ..damage.receipt import quick_digest
from ..healing.head import classification_layer
from ..healing.requirements import check_optional
from ..healing.samplers import token_lengths
from ..models.heads import listed_labels, other_labels
from ..models.loading import describe_model, load_config, load_model, load_tokenizer, longest_text
from ..models.vocabulary import fit_vocabulary, highest_id
from ..probing.tsne import check_tsne
from ..results.summary import damage_of_model
from ..tasks.load import load_task, tokenize
from ..tasks.types import check_head, task_type
from ..utils.errors import UserError
from .language_head import give_head
from .shared import how_evaluated


class LoadCache:
    """What the runs of one process share: the last tasks, tokenized, the last models, and features of the last ones.

    Args:
        size: how many of each are kept; 0 for none.
    """

    def __init__(self, size=2):
        self.size, self._kept = size, {"task": {}, "model": {}, "features": {}, "language": {}}

    def get(self, kind, key, make):
        """What ``make()`` returned for this key before, or returns now; the least recently used is forgotten."""
        kept, key = self._kept[kind], json.dumps(key, sort_keys=True, default=str)
        value = kept.pop(key) if key in kept else make()
        kept[key] = value
        for old in list(kept)[: max(0, len(kept) - self.size)]:
            del kept[old]
        return value


def load(arguments, cache):
    """Loads what the arguments name and checks what depends on it.

    Args:
        arguments: `Arguments`.
        cache: a `LoadCache`.

    Returns:
        tuple: a tokenized `TaskData`, its tokenizer, the pretrained model with a new head, what is said of the model.

    Raises:
        UserError: if any of it cannot be used.
    """
    run, training, sources = arguments.run, arguments.training, arguments.sources
    also = arguments.features.also_evaluate is not None
    key = [*map(dataclasses.asdict, (arguments.model, arguments.data)), sources.fingerprints()]
    drawn = run.selection, run.dev_fraction
    check_head(load_config(sources.model), arguments.task_type, sources.model.name)  # before the texts are read

    def task_and_tokenizer():
        tokenizer = load_tokenizer(arguments.model, sources.model)
        with training.main_process_first(desc="loading the task"):
            task = load_task(arguments.data, arguments.model, *drawn, source=sources.data)
            task.texts = dict(task.splits) if also else {}
            tokenize(task, tokenizer, arguments.data)
        return task, tokenizer

    task, tokenizer = cache.get("task", [*key, *drawn, also], task_and_tokenizer)

    def loaded():
        kind, padding = task.type, tokenizer.pad_token_id
        head = kind.outputs(task.label_names), padding, sources.model, kind.auto_class, kind.problem_type
        model = load_model(arguments.model, *head)
        kind.configure(model, tokenizer, arguments.data)
        return model, fit_vocabulary(model, tokenizer, highest_met(arguments, task, tokenizer))

    def pretrained():
        set_seed(training.seed)  # the head's initialisation
        model, resized = loaded()
        found = _described(model, resized, sources.model, task)
        if task.type.own_head and model.head_was != "own":
            model, found["head"] = give_head(lambda: loaded()[0], task, tokenizer, arguments, found["fingerprint"])
        return model, found

    # A head that is trained first is made of these, too.
    trained = (*drawn, training.mixed_precision, training.device.type) if task.type.own_head else ()
    key += [training.seed, _meets_any_entry(arguments, task), *trained]
    model, description = cache.get("model", key, pretrained)
    model = copy.deepcopy(model) if cache.size else model  # the run damages it; the next one needs it intact
    check_optional(training, model)
    check_lengths(task, model)
    return task, tokenizer, model, description


def _described(model, resized, source, task):
    """What results say of a loaded model whose embedding was ``resized`` so; warns of a head that is not the task's."""
    found = describe_model(model, source.name, source.commit)
    found |= {"resized_embeddings": resized} if resized else {}
    before = source.folder and damage_of_model(source.folder)
    found |= {"damaged_before": before} if before else {}
    if task.type.own_head:
        return found
    if model.head_was == "other":
        warnings.warn(f"the head of {source.name} does not fit this task's outputs; a new one is drawn", stacklevel=3)
    if task.label_names and model.head_was == "own":
        _warn_of_other_labels(source.config, task)
    return found | {"head_was": model.head_was}


def highest_met(arguments, task, tokenizer):
    """The highest token id that models of a run can meet, in its tokenized task, its text or as a random token."""
    return highest_id(task.splits.values(), tokenizer, _meets_any_entry(arguments, task))


def _meets_any_entry(arguments, task):
    also = arguments.features.also_evaluate
    return arguments.sources.text is not None or task.type.hides or bool(also and task_type(also).hides)


def _warn_of_other_labels(source, task):
    wanted = task.type.outputs(task.label_names)
    there = other_labels(source, wanted)
    if there is not None:
        warnings.warn(
            f"the head of {source.name} was trained for the labels {listed_labels(there)}, and this task has "
            f"{listed_labels(wanted)}: its weights are kept as they are, output for output",
            stacklevel=5,
        )


def shared_features(cache, arguments, model, read):
    """A function that reads fixed features of rows, once for all runs of a process whose models give the same.

    Args:
        cache: a `LoadCache`.
        arguments: `Arguments`.
        model: the damaged model; what its classification layer holds does not count.
        read: function that computes them: of tokenized rows, numpy (examples, features).
    """
    if not cache.size:
        return read
    head = {id(parameter) for parameter in classification_layer(model).parameters()}
    held = [*model.named_parameters(), *model.named_buffers()]
    weights = [f"{name} {quick_digest(value).hex()}" for name, value in held if id(value) not in head]
    key = [type(model).__name__, str(model.config), weights, *how_evaluated(arguments.training)]
    kept = cache.get("features", key, dict)

    def read_once(rows):
        if rows._fingerprint not in kept:
            kept[rows._fingerprint] = read(rows)
        return kept[rows._fingerprint]

    return read_once


def check_lengths(task, model, called="the model"):
    """Raises `UserError`, which calls the model ``called``, if a text of the task has more tokens than it takes."""
    most = longest_text(model)
    longest = max(int(token_lengths(rows).max()) for rows in task.splits.values())
    if most and longest > most:
        raise UserError(f"texts of {longest} tokens are too long for {called}; use --max_seq_length {most} or less")


def choose_pictured(task, arguments):
    """The evaluation examples in the t-SNE picture: a `datasets.Dataset`.

    Raises:
        UserError: if they cannot be drawn.
    """
    rows, wanted = task.splits["evaluation"], arguments.features
    size = min(wanted.tsne_samples, len(rows))
    chosen = task.type.draw(rows, size, arguments.data.sample_seed)
    check_tsne(np.asarray(rows["label"])[chosen], wanted.tsne_perplexity)
    return rows.select(chosen)
