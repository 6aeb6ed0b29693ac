"""What a run brings for strategies that need more than the model and its task."""

import dataclasses
import pathlib


@dataclasses.dataclass
class Supplies:
    """What a strategy's `bring` is given.

    Args:
        model: the model that is healed, as the damage left it.
        receipt: `CorruptionReceipt` of the damage.
        tokenizer: the model's tokenizer.
        source: `ModelSource` of the pretrained model.
        teacher: the model to learn from, intact and frozen, in evaluation mode; None where the strategy needs none.
        text: tokenized `datasets.Dataset` of ``--heal_text``, with ``row``, the number of each text; None without.
        folder: where checkpoints of training on text may lie until the run is done.
    """

    model: object
    receipt: object
    tokenizer: object
    source: object
    teacher: object = None
    text: object = None
    folder: pathlib.Path | None = None
