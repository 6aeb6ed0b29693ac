"""Every token of a text is to be predicted from those before it."""

import numpy as np

from ...models.masking import IGNORED
from ...utils.errors import UserError
from ...utils.registry import register
from .encoding import LabelledPieces, logits_of, longest_of
from .language_modelling import BYTES, LOSS, NATS, TOKENS, LanguageModelling, of_examples, sums_of, unigram_nats

CAUSAL = {"task_types": ("causal_lm",)}


@register(
    "metric",
    "bits_per_byte",
    title="bits per byte",
    primary=True,
    hub={"metric_type": "bits_per_byte"},
    **LOSS,
    **CAUSAL,
)
def bits_per_byte(predictions, labels):
    """Cross-entropy of the texts in bits, for each of their bytes in UTF-8: tokenizers do not matter."""
    sums = sums_of(predictions)
    return sums[NATS] / np.log(2) / sums[BYTES]


@register(
    "metric",
    "perplexity",
    title="perplexity",
    hub={"metric_type": "perplexity"},
    **LOSS,
    **CAUSAL,
)
def perplexity(predictions, labels):
    """e to the mean cross-entropy of the tokens, in nats."""
    sums = sums_of(predictions)
    with np.errstate(over="ignore"):
        return np.exp(sums[NATS] / sums[TOKENS])


@register("task_type", "causal_lm")
class CausalLM(LanguageModelling):
    """Every token of a text is predicted from those before it, once.

    A text that is longer than a window is cut: in training into windows one after another, in evaluation into such that
    overlap by half, of which only what no window before had is scored.
    """

    auto_class = "AutoModelForCausalLM"
    hub_task = "text-generation"
    over, unit = BYTES, np.log(2)
    continues = True

    def encode_split(self, split, rows, tokenizer, data):
        longest = longest_of(tokenizer, data, 2)
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if first is None:
            raise UserError("the tokenizer has no token that begins a text; give another --tokenizer_name")
        stride = longest - 1 if split == "train" else max(1, longest // 2)

        def encode(batch):
            found = {name: [] for name in ("label", "input_ids", "attention_mask", "labels")}
            tokens = tokenizer(batch["text"], add_special_tokens=False)["input_ids"]
            for text, ids in zip(batch["text"], tokens, strict=True):
                size, done = len(text.encode("utf-8", "surrogatepass")), 0
                for start, scored, end in windows(len(ids) + 1, longest, stride) if ids else ():
                    window = [first, *ids][start:end]
                    worth = size * (end - 1) // len(ids) - done  # bytes, which come to those of the text
                    done += worth
                    # No model predicts the first place of a window, whatever its label: its bytes stand there.
                    labels = [worth, *[IGNORED] * (scored - start - 1), *window[scored - start :]]
                    row = {"label": worth, "input_ids": window, "labels": labels}
                    for name, value in (row | {"attention_mask": [1] * len(window)}).items():
                        found[name].append(value)
            return found

        return encode, rows.column_names

    def encoded(self, rows, split):
        if not len(rows):
            raise UserError(f"no text of {split} comes to a token; is it of the tokenizer's language?")
        return rows.add_column("id", np.arange(len(rows)))  # of windows

    def collator(self, tokenizer):
        return LabelledPieces(tokenizer, side="right")  # where the first place of a window has to stay

    @staticmethod
    def reduce(logits, labels):
        import torch

        logits = logits_of(logits)
        found = of_examples(logits[:, :-1], labels[:, 1:])
        return torch.cat([found, labels[:, :1].to(found.dtype)], dim=1)

    def baseline(self, splits):
        train, evaluation = (_targets(splits[name]) for name in ("train", "evaluation"))
        return float(unigram_nats(train, evaluation).sum() / np.log(2) / np.sum(splits["evaluation"]["label"]))


def windows(length, longest, stride):
    """Cuts a sequence so that each token after the first is scored once.

    Args:
        length: of the sequence, 2 or more; the first token begins the text and is not scored.
        longest: tokens of a window, 2 or more.
        stride: how many tokens each window after the first scores, below ``longest``.

    Returns:
        list of (where the window starts, the first token that it scores, where it ends).
    """
    end = min(length, longest)
    found = [(0, 1, end)]
    while end < length:
        scored, end = end, min(length, end + stride)
        found.append((max(0, end - longest), scored, end))
    return found


def _targets(rows):
    """The tokens that are scored of windows, whose first label is none."""
    found = np.concatenate([labels[1:] for labels in rows["labels"]])
    return found[found != IGNORED].astype(np.int64)
