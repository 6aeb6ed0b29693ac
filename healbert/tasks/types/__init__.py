"""The kinds of tasks, a file each: head, columns, encoding, metrics, samples."""

from ...utils.errors import UserError, check_choice
from . import (  # noqa: F401 - they register themselves
    causal_lm,
    classification,
    masked_lm,
    multi_label,
    multiple_choice,
    question_answering,
    regression,
    retrieval,
    summarization,
    token_classification,
)
from .base import TASK_TYPES, TaskType

__all__ = ["LANGUAGE_MODELS", "TASK_TYPES", "TaskType", "check_head", "task_type"]

LANGUAGE_MODELS = ("masked_lm", "causal_lm")  # types for text alone


def task_type(name="classification"):
    """The `TaskType` of that name; the default is that of data that no task of the table describes.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    check_choice("task type", name, TASK_TYPES)
    return TASK_TYPES[name]


def check_head(config, kind, name):
    """Refuses a model whose architecture has no head for a type of task; one of remote code is not looked at.

    Args:
        config: its transformers configuration.
        kind: a `TaskType`.
        name: what the user called the model.

    Raises:
        UserError: naming the types that it has heads for.
    """
    if hasattr(config, "auto_map") or _has_head(config, kind):
        return
    others = [
        other for other, entry in TASK_TYPES.items() if entry.auto_class != "AutoModel" and _has_head(config, entry)
    ]
    known = f"it has one for {', '.join(others)} (--task_type)" if others else "it has one for no type of task here"
    raise UserError(f"model '{name}' is of type {config.model_type}, which has no head for {kind.name}; {known}")


def _has_head(config, kind):
    import transformers

    from ...models.heads import predicts_what_it_sees

    def known(auto_class):
        return type(config) in getattr(transformers, auto_class)._model_mapping

    return known(kind.auto_class) and not (kind.auto_class == "AutoModelForCausalLM" and predicts_what_it_sees(config))
