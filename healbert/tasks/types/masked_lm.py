"""Hidden tokens of a text are to be found again."""

import warnings
import zlib

import numpy as np

from ...models.masking import IGNORED, mask_tokens, never_hidden
from ...utils.draws import seed_of
from ...utils.errors import UserError
from ...utils.registry import register
from ..rows import counted
from .encoding import longest_of
from .language_modelling import HITS, LOSS, NATS, TOKENS, LanguageModelling, of_examples, sums_of, unigram_nats

SHARE = 0.15  # of the tokens that are hidden (Devlin et al. 2019, section 3.1)
MASKED = {"task_types": ("masked_lm",)}


@register(
    "metric",
    "masked_loss",
    title="masked loss",
    primary=True,
    hub={"metric_type": "loss", "metric_name": "Masked loss"},
    **LOSS,
    **MASKED,
)
def masked_loss(predictions, labels):
    """Mean cross-entropy of the hidden tokens, in nats: all examples' tokens together."""
    sums = sums_of(predictions)
    return sums[NATS] / sums[TOKENS]


@register(
    "metric",
    "masked_accuracy",
    title="accuracy of hidden tokens",
    hub={"metric_type": "accuracy", "metric_name": "Accuracy of hidden tokens"},
    **MASKED,
)
def masked_accuracy(predictions, labels):
    """How many of the hidden tokens are found."""
    sums = sums_of(predictions)
    return sums[HITS] / sums[TOKENS]


@register("task_type", "masked_lm")
class MaskedLM(LanguageModelling):
    """Of each text 15% of the tokens are hidden: in training others each epoch, in evaluation always the same."""

    auto_class = "AutoModelForMaskedLM"
    hub_task = "fill-mask"

    def encode_split(self, split, rows, tokenizer, data):
        if tokenizer.mask_token_id is None:
            raise UserError("the tokenizer has no mask token; give --task_type causal_lm, or another --tokenizer_name")
        longest = longest_of(tokenizer, data, tokenizer.num_special_tokens_to_add() + 1)
        padding = "max_length" if data.pad_to_max_length else False
        special = never_hidden(tokenizer)

        def encode(batch):
            options = {"truncation": True, "max_length": longest, "padding": padding}
            encoded = tokenizer(batch["text"], return_special_tokens_mask=True, **options)
            encoded["says"] = [not special.issuperset(ids) for ids in encoded["input_ids"]]
            if split != "train":
                hidden = [_hidden(ids, tokenizer) for ids in encoded["input_ids"]]
                encoded["input_ids"], encoded["labels"] = map(list, zip(*hidden, strict=True))
                encoded["label"] = [sum(label != IGNORED for label in labels) for labels in encoded["labels"]]
            return encoded

        return encode, ["text"]

    def encoded(self, rows, split):
        where, rows = np.flatnonzero(rows["says"][:]), rows.remove_columns("says")
        if not len(where):
            raise UserError(f"no text of {split} comes to a token; is it of the tokenizer's language?")
        if len(where) == len(rows):
            return rows
        texts, come = counted(len(rows) - len(where), "text", "comes to no token and is", "come to no token and are")
        warnings.warn(f"{texts} of {split} {come} left out", stacklevel=3)
        return rows.select(where)

    def training_inputs(self, tokenizer, seed):
        def hide(inputs, epoch):
            ids = inputs["input_ids"]
            masked, labels = mask_tokens(ids.cpu(), tokenizer, SHARE, _generator(seed, epoch, ids.cpu().numpy()))
            return inputs | {"input_ids": masked.to(ids.device), "labels": labels.to(ids.device)}

        return hide

    @staticmethod
    def reduce(logits, labels):
        return of_examples(logits, labels)

    def baseline(self, splits):
        train = _flat(splits["train"], "input_ids")[_flat(splits["train"], "special_tokens_mask") == 0]
        labels = _flat(splits["evaluation"], "labels")
        return float(unigram_nats(train, labels[labels != IGNORED]).mean())


def _generator(*names):
    """A `torch.Generator` seeded by words, numbers and arrays of token ids, so that no other draw shifts it."""
    import torch

    said = [zlib.crc32(name.tobytes()) if isinstance(name, np.ndarray) else name for name in names]
    return torch.Generator().manual_seed(seed_of("hide", *said))


def _hidden(ids, tokenizer):
    """Token ids of a text with some hidden, and what they were; it depends on the text alone."""
    import torch

    generator = _generator("evaluation", np.asarray(ids, np.int64))
    masked, labels = mask_tokens(torch.tensor([ids]), tokenizer, SHARE, generator)
    return masked[0].tolist(), labels[0].tolist()


def _flat(rows, column):
    """All values of a column of lists, one after another."""
    chunks = rows.select_columns([column]).with_format("arrow")[:].column(0).chunks
    return np.concatenate([chunk.flatten().to_numpy() for chunk in chunks])
