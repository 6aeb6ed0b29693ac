"""What the types for text alone have in common: texts without labels, and losses that are summed over them."""

import warnings

import numpy as np

from ...models.masking import IGNORED
from ...utils.errors import UserError
from ..columns import find_text_column, require_text, with_text_and_label
from ..rows import counted
from .base import TaskType
from .encoding import LabelledPieces, logits_of

LOSS = {"greater_is_better": False, "range": None}
NATS, TOKENS, HITS, BYTES = range(4)  # what `reduce` gives of each example, and `predictions.parquet` has of it


def sums_of(predictions):
    """The sums over all examples, (3 or 4,); predictions are (examples, 3 or 4), or a column of lists."""
    return np.array([*predictions], dtype=np.float64).sum(axis=0)


class LanguageModelling(TaskType):
    """What both kinds have in common: texts without labels, blank ones left out."""

    per_text, own_head = False, True
    over, unit = TOKENS, 1.0  # what the primary metric divides by, and what one of its units is in nats
    baseline_name, baseline_says = "unigrams", "answering every token by how often it is in train"

    def find_columns(self, raw, task, data):
        return [find_text_column(raw, task, data)], None

    def prepare(self, raw, task, columns):
        return {split: texts_that_say(rows, task.call(split), columns[0][0]) for split, rows in raw.items()}, []

    def fingerprint_columns(self, rows):
        return ["text"]

    def collator(self, tokenizer):
        return LabelledPieces(tokenizer)

    def predictions(self, outputs):
        return np.asarray(outputs)

    def prediction_columns(self, ids, labels, outputs):
        """``prediction``: the example's loss in nats, its scored tokens, the right ones, and, causal, its bytes."""
        return {"id": np.asarray(ids), "label": outputs[:, self.over], "prediction": list(outputs)}

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric not in ("masked_loss", "bits_per_byte"):  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        found = np.array([*predictions], dtype=np.float64)
        return (found[:, NATS] @ counts) / (found[:, self.over] @ counts) / self.unit


def texts_that_say(rows, split, column):
    """The texts of a split that are not blank, with ``id``, the row of each, and a ``label`` that `encode` fills in."""
    require_text(rows, split, column)
    said = [bool(text and text.strip()) for text in rows[column][:]] if len(rows) else []
    where = np.flatnonzero(said)
    if not len(where):
        raise UserError(f"{split} holds no text, only blank rows")
    blank = len(rows) - len(where)
    if blank:
        texts, are = counted(blank, "text", "is", "are")
        warnings.warn(f"{texts} of {split} {are} blank and left out", stacklevel=4)
    found = with_text_and_label(rows.select(where), split, [column], None).remove_columns("id")
    return found.add_column("id", where).add_column("label", np.zeros(len(where), np.int64))


def of_examples(logits, labels):
    """Of each example: its loss in nats, how many tokens are scored, how many of them are right; (batch, 3)."""
    import torch

    logits = logits_of(logits)
    scored = labels != IGNORED
    row, chosen, wanted = scored.nonzero()[:, 0], logits[scored].float(), labels[scored]  # the vocabulary is wide
    nats = torch.nn.functional.cross_entropy(chosen, wanted, reduction="none")
    each = torch.stack([nats, torch.ones_like(nats), (chosen.argmax(-1) == wanted).float()], dim=1)
    return torch.zeros(len(labels), 3, device=nats.device).index_add_(0, row, each)


def unigram_nats(train, wanted):
    """-log of the share of each wanted token in train; one that train lacks shares the count of one with its like."""
    tokens, counts = np.unique(train, return_counts=True)
    known = dict(zip(tokens.tolist(), counts.tolist(), strict=True))
    total = len(train) + len(tokens) + 1
    return np.log(total) - np.log([known.get(token, 0) + 1 for token in wanted.tolist()])
