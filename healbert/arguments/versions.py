"""Versions of meaning: a change that alters figures renames the runs that it concerns, and no others.

Whoever changes how samples are drawn, how texts become tokens, what training computes, and so on, raises the version
of that part here; who changes a damage method or a healing strategy raises the ``version`` that it was registered
with. Version 1 adds nothing to a name. A new field in the results is no change of meaning.
"""

import dataclasses
from collections.abc import Callable

from ..damage.methods import METHODS
from ..healing.strategies import STRATEGIES, strategy_names
from ..tasks.types import TASK_TYPES


@dataclasses.dataclass(frozen=True)
class Meaning:
    """The version of one part, and which runs it concerns: a function of their `Arguments`."""

    version: int
    concerns: Callable


def _draws_samples(arguments):
    data = arguments.data
    sampled = data.max_train_samples or data.max_eval_samples or data.validation_fraction
    return bool(sampled or arguments.run.selection == "dev")


# Of the shipped tasks, those whose files on the Hub are no parquet.
AS_TEXT = ("twitter_financial_news_topic",)


def _reads_text_of_the_hub(arguments):
    """Whether the examples may come from csv or json files of the Hub, which are read as they are written since 2."""
    data = arguments.sources.data
    return data.is_on_hub and (arguments.data.task_name in AS_TEXT or not arguments.data.task_name)


def _trains_fast(arguments):
    """Whether a run trains with fast paths, which round sums in another order and draw dropout in another way."""
    return arguments.run.fast_paths != "none" and not arguments.run.strategy().fixed_features


def _gets_a_head(arguments):
    return arguments.task_type.own_head or arguments.features.also_evaluate is not None


MEANINGS = {
    "hub_files": Meaning(2, _reads_text_of_the_hub),
    "sampling": Meaning(2, _draws_samples),  # --max_..._samples, and the part held out by --selection dev
    "selection": Meaning(1, lambda arguments: True),  # which epoch is reported
    "tokenization": Meaning(1, lambda arguments: True),
    "training": Meaning(2, _trains_fast),  # order of the batches, loss, what is drawn while training
    "mean_pooling": Meaning(1, lambda arguments: arguments.model.pooling == "mean"),
    "damage_rules": Meaning(1, lambda arguments: not arguments.specs[0].intact),  # norms, biases, the rest
    "language_head": Meaning(2, _gets_a_head),
    "also_evaluate": Meaning(1, lambda arguments: arguments.features.also_evaluate is not None),
    "probes": Meaning(1, lambda arguments: arguments.features.probe_layers is not None),
    "lm_eval": Meaning(1, lambda arguments: arguments.features.lm_eval is not None),
    "trace": Meaning(1, lambda arguments: arguments.features.trace_healing),
    "picture": Meaning(1, lambda arguments: arguments.features.tsne),
}


def versions_of(arguments):
    """The versions above 1 of the parts that a run is made of: a dict, empty for most."""
    found = {part: meaning.version for part, meaning in MEANINGS.items() if meaning.concerns(arguments)}
    if not arguments.specs[0].intact:
        found |= {f"method {spec.method}": METHODS[spec.method].version for spec in arguments.specs}
    names = strategy_names(arguments.run.healing) + (["full"] if arguments.needs_intact else [])
    found |= {f"healing {name}": STRATEGIES[name].version for name in names}
    types = {arguments.task_type.name, arguments.features.also_evaluate} - {None}
    found |= {f"task type {name}": TASK_TYPES[name].version for name in sorted(types)}
    return {part: version for part, version in found.items() if version > 1}
