"""Models with the head that was saved with them: classifiers, and language models."""

import transformers

from ..utils.errors import UserError
from . import pooling  # noqa: F401  registers the mean-pooling head
from .loading import load_config, load_errors, quiet_load_report


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
    names = load_config(source).id2label
    return [str(names[index]) for index in sorted(names)]
