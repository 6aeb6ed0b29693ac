"""What a trainer needs to know of a type of task."""


def evaluation_parts(kind, tokenizer):
    """The keyword arguments of `HealingTrainer` without which no example of a type can be evaluated.

    Args:
        kind: a `TaskType`.
        tokenizer: of its tokenized examples.
    """
    return {
        "compute_metrics": kind.compute_metrics,
        "preprocess_logits_for_metrics": kind.reduce,
        "model_inputs": kind.model_inputs,
        "generates": kind.generates(tokenizer),
        "row_columns": kind.row_columns,
        "data_collator": kind.collator(tokenizer),
    }
