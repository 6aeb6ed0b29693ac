"""Text alone: hidden tokens are to be found again (masked), or the next one is (causal)."""

import hashlib
import warnings
import zlib

import numpy as np

from ...models.masking import mask_tokens
from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import find_text_column, with_text_and_label
from ..draws import plain_hold_out, plain_sample
from ..rows import counted
from .base import TaskType
from .encoding import IGNORED, LabelledPieces, longest_of

SHARE = 0.15  # of the tokens that are hidden (Devlin et al. 2019, section 3.1)
MASKED, CAUSAL = {"task_types": ("masked_lm",)}, {"task_types": ("causal_lm",)}
LOSS = {"greater_is_better": False, "range": None}
NATS, TOKENS, HITS, BYTES = range(4)  # what `reduce` gives of each example, and `predictions.parquet` has of it


def _hub(kind, name):
    return {"metric_type": kind, "metric_name": name}


def _sums(predictions):
    """The sums over all examples, (3 or 4,); predictions are (examples, 3 or 4), or a column of lists."""
    return np.array([*predictions], dtype=np.float64).sum(axis=0)


@register("metric", "masked_loss", title="masked loss", primary=True, hub=_hub("loss", "Masked loss"), **LOSS, **MASKED)
def masked_loss(predictions, labels):
    """Mean cross-entropy of the hidden tokens, in nats: all examples' tokens together."""
    sums = _sums(predictions)
    return sums[NATS] / sums[TOKENS]


@register(
    "metric",
    "masked_accuracy",
    title="accuracy of hidden tokens",
    hub=_hub("accuracy", "Accuracy of hidden tokens"),
    **MASKED,
)
def masked_accuracy(predictions, labels):
    """How many of the hidden tokens are found."""
    sums = _sums(predictions)
    return sums[HITS] / sums[TOKENS]


@register(
    "metric",
    "bits_per_byte",
    title="bits per byte",
    primary=True,
    hub=_hub("bits_per_byte", "Bits per byte"),
    **LOSS,
    **CAUSAL,
)
def bits_per_byte(predictions, labels):
    """Cross-entropy of the texts in bits, for each of their bytes in UTF-8: tokenizers do not matter."""
    sums = _sums(predictions)
    return sums[NATS] / np.log(2) / sums[BYTES]


@register(
    "metric",
    "perplexity",
    title="perplexity",
    hub=_hub("perplexity", "Perplexity"),
    **LOSS,
    **CAUSAL,
)
def perplexity(predictions, labels):
    """e to the mean cross-entropy of the tokens, in nats."""
    sums = _sums(predictions)
    with np.errstate(over="ignore"):
        return np.exp(sums[NATS] / sums[TOKENS])


class LanguageModelling(TaskType):
    """What both kinds have in common: texts without labels, blank ones left out."""

    per_text, own_head = False, True
    over, unit = TOKENS, 1.0  # what the primary metric divides by, and what one of its units is in nats
    baseline_name, baseline_says = "unigrams", "answering every token by how often it is in train"

    def find_columns(self, raw, task, data):
        return [find_text_column(raw, task, data)], None

    def prepare(self, raw, task, columns):
        return {split: _texts(rows, task.call(split), columns[0][0]) for split, rows in raw.items()}, []

    def draw(self, rows, size, seed):
        return plain_sample(len(rows), size, seed)

    def hold_out(self, train, fraction, seed, flag="--dev_fraction"):
        kept, held = plain_hold_out(len(train), fraction, seed, flag)
        return {"train": train.select(kept), "dev": train.select(held)}

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

        def encode(batch):
            options = {"truncation": True, "max_length": longest, "padding": padding}
            encoded = tokenizer(batch["text"], return_special_tokens_mask=True, **options)
            if split != "train":
                hidden = [_hidden(ids, tokenizer) for ids in encoded["input_ids"]]
                encoded["input_ids"], encoded["labels"] = map(list, zip(*hidden, strict=True))
                encoded["label"] = [sum(label != IGNORED for label in labels) for labels in encoded["labels"]]
            return encoded

        return encode, ["text"]

    def training_inputs(self, tokenizer, seed):
        def hide(inputs, epoch):
            ids = inputs["input_ids"]
            masked, labels = mask_tokens(ids.cpu(), tokenizer, SHARE, _generator(seed, epoch, ids.cpu().numpy()))
            return inputs | {"input_ids": masked.to(ids.device), "labels": labels.to(ids.device)}

        return hide

    @staticmethod
    def reduce(logits, labels):
        return _of_examples(logits, labels)

    def baseline(self, splits):
        train = _flat(splits["train"], "input_ids")[_flat(splits["train"], "special_tokens_mask") == 0]
        labels = _flat(splits["evaluation"], "labels")
        return float(_unigram_nats(train, labels[labels != IGNORED]).mean())


@register("task_type", "causal_lm")
class CausalLM(LanguageModelling):
    """Every token of a text is predicted from those before it, once.

    A text that is longer than a window is cut: in training into windows one after another, in evaluation into such that
    overlap by half, of which only what no window before had is scored.
    """

    auto_class = "AutoModelForCausalLM"
    hub_task = "text-generation"
    over, unit = BYTES, np.log(2)

    def encode_split(self, split, rows, tokenizer, data):
        longest = longest_of(tokenizer, data, 2)
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if first is None:
            raise UserError("the tokenizer has no token that begins a text; give another --tokenizer_name")
        stride = longest - 1 if split == "train" else max(1, longest // 2)

        def encode(batch):
            found = {name: [] for name in ("id", "label", "input_ids", "attention_mask", "labels")}
            tokens = tokenizer(batch["text"], add_special_tokens=False)["input_ids"]
            for number, text, ids in zip(batch["id"], batch["text"], tokens, strict=True):
                size, done = len(text.encode("utf-8", "surrogatepass")), 0
                for start, scored, end in windows(len(ids) + 1, longest, stride) if ids else ():
                    window = [first, *ids][start:end]
                    worth = size * (end - 1) // len(ids) - done  # bytes, which come to those of the text
                    done += worth
                    # No model predicts the first place of a window, whatever its label: its bytes stand there.
                    labels = [worth, *[IGNORED] * (scored - start - 1), *window[scored - start :]]
                    row = {"id": number, "label": worth, "input_ids": window, "labels": labels}
                    for name, value in (row | {"attention_mask": [1] * len(window)}).items():
                        found[name].append(value)
            return found

        return encode, rows.column_names

    def collator(self, tokenizer):
        return LabelledPieces(tokenizer, side="right")  # where the first place of a window has to stay

    @staticmethod
    def reduce(logits, labels):
        import torch

        logits = logits[0] if isinstance(logits, tuple) else logits
        found = _of_examples(logits[:, :-1], labels[:, 1:])
        return torch.cat([found, labels[:, :1].to(found.dtype)], dim=1)

    def baseline(self, splits):
        train, evaluation = (_targets(splits[name]) for name in ("train", "evaluation"))
        return float(_unigram_nats(train, evaluation).sum() / np.log(2) / np.sum(splits["evaluation"]["label"]))


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


def _texts(rows, split, column):
    """The texts of a split that are not blank, with ``id``, the row of each, and a ``label`` that `encode` fills in."""
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


def _generator(*names):
    """A `torch.Generator` seeded by words, numbers and arrays of token ids, so that no other draw shifts it."""
    import torch

    said = [zlib.crc32(name.tobytes()) if isinstance(name, np.ndarray) else name for name in names]
    digest = hashlib.sha256(":".join(map(str, ("hide", *said))).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _hidden(ids, tokenizer):
    """Token ids of a text with some hidden, and what they were; it depends on the text alone."""
    import torch

    generator = _generator("evaluation", np.asarray(ids, np.int64))
    masked, labels = mask_tokens(torch.tensor([ids]), tokenizer, SHARE, generator)
    return masked[0].tolist(), labels[0].tolist()


def _of_examples(logits, labels):
    """Of each example: its loss in nats, how many tokens are scored, how many of them are right; (batch, 3)."""
    import torch

    logits = logits[0] if isinstance(logits, tuple) else logits
    scored = labels != IGNORED
    row, chosen, wanted = scored.nonzero()[:, 0], logits[scored].float(), labels[scored]  # the vocabulary is wide
    nats = torch.nn.functional.cross_entropy(chosen, wanted, reduction="none")
    each = torch.stack([nats, torch.ones_like(nats), (chosen.argmax(-1) == wanted).float()], dim=1)
    return torch.zeros(len(labels), 3, device=nats.device).index_add_(0, row, each)


def _flat(rows, column):
    """All values of a column of lists, one after another."""
    chunks = rows.select_columns([column]).with_format("arrow")[:].column(0).chunks
    return np.concatenate([chunk.flatten().to_numpy() for chunk in chunks])


def _targets(rows):
    """The tokens that are scored of windows, whose first label is none."""
    found = np.concatenate([labels[1:] for labels in rows["labels"]])
    return found[found != IGNORED].astype(np.int64)


def _unigram_nats(train, wanted):
    """-log of the share of each wanted token in train; one that train lacks shares the count of one with its like."""
    tokens, counts = np.unique(train, return_counts=True)
    known = dict(zip(tokens.tolist(), counts.tolist(), strict=True))
    total = len(train) + len(tokens) + 1
    return np.log(total) - np.log([known.get(token, 0) + 1 for token in wanted.tolist()])
