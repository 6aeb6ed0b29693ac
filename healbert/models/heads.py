"""Models with the head that was saved with them: classifiers, and language models."""

import re

import transformers

from ..utils.errors import UserError
from . import pooling  # noqa: F401  registers the mean-pooling head
from .loading import load_config, load_errors, quiet_load_report

UNNAMED = re.compile(r"LABEL_\d+")  # what transformers calls labels without names
SEE_ALL = ("bert-generation", "xlnet")


def predicts_what_it_sees(config):
    """Whether a model of an architecture that has a causal head sees the tokens that this is to predict.

    BERT's does, and so do others under a masked head too, unless they are told to be decoders; XLNet and the encoder of
    bert-generation have no masked head in transformers.
    """
    if config.is_encoder_decoder or getattr(config, "is_decoder", False):
        return False
    return type(config) in transformers.AutoModelForMaskedLM._model_mapping or config.model_type in SEE_ALL


def load_classifier(source, auto_class="AutoModelForSequenceClassification"):
    """A saved classifier in float32, with the head that was saved.

    Args:
        source: its `ModelSource`.
        auto_class: the name in transformers of the class that loads it.

    Raises:
        UserError: if it cannot be loaded, or lacks weights.
    """
    options = {"dtype": "float32", "use_safetensors": True, "output_loading_info": True, **source.hub_options()}
    with load_errors("model", source), quiet_load_report():
        model, report = getattr(transformers, auto_class).from_pretrained(source.place, **options)
    missing = sorted(report["missing_keys"])
    if missing:
        raise UserError(
            f"model '{source.name}' is no saved classifier: it lacks {len(missing)} weights of {type(model).__name__}, "
            f"the first {missing[0]}"
        )
    return model


def load_language_model(source, auto_class):
    """A pretrained model in float32 with the head that it has of its own, and the names of the weights that it lacks.

    Args:
        source: its `ModelSource`.
        auto_class: the name in transformers of the class that loads it.

    Raises:
        UserError: if it cannot be loaded.
    """
    options = {"dtype": "float32", "use_safetensors": True, "output_loading_info": True, **source.hub_options()}
    with load_errors("model", source), quiet_load_report():
        config = load_config(source)
        model, report = getattr(transformers, auto_class).from_pretrained(source.place, config=config, **options)
    return model, sorted(report["missing_keys"])


def saved_labels(source):
    """The names of the labels that a checkpoint's configuration holds; LABEL_0, ... where it names none.

    Args:
        source: the `ModelSource` of the configuration.

    Raises:
        UserError: if it cannot be loaded.
    """
    names = load_config(source).id2label or {}
    return [str(names[index]) for index in sorted(names)]


def other_labels(source, wanted):
    """The labels that a checkpoint's head was trained for, where they are not those wanted, or stand in another order.

    Args:
        source: the `ModelSource` of the configuration.
        wanted: the names that they should have; upper or lower case is no matter, nor are labels without names.

    Returns:
        list of str, or None.

    Raises:
        UserError: if the configuration cannot be loaded.
    """
    there = saved_labels(source)
    if [name.casefold() for name in there] == [name.casefold() for name in wanted]:
        return None
    return None if len(there) == len(wanted) and all(map(UNNAMED.fullmatch, there)) else there


def listed_labels(names):
    """The first of them in words, and their number if they are many."""
    return ", ".join(names[:6]) + (f", ... ({len(names)})" if len(names) > 6 else "")
