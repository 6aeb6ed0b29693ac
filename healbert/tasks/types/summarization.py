"""A text is said in short, by a model with an encoder and a decoder."""

import numpy as np

from ...models.masking import IGNORED
from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import is_string, named_columns, require_column
from ..guess import DOCUMENTS, SUMMARIES
from ..labels import is_unlabelled
from ..rouge import scores
from ..rows import BadRowsError
from .base import TaskType
from .encoding import encode_texts
from .language_modelling import texts_that_say

LSUM, ROUGE1, ROUGE2, WORDS, TEXT = range(5)  # what `generates` gives of an example; from TEXT on bytes of UTF-8
SUMMARY = {"task_types": ("summarization",)}
IDS = ("decoder_start", "bos", "eos", "pad", "forced_bos", "forced_eos")  # what is taken of a checkpoint's own settings


def _rouge(name, title, **more):
    return register("metric", name, title=title, hub={"metric_type": "rouge", "metric_name": title}, **SUMMARY, **more)


@_rouge("rouge_lsum", "ROUGE-Lsum", primary=True)
def rouge_lsum(predictions, labels):
    """F1 of the longest common subsequences of sentences (rouge-score), the mean over all summaries."""
    return _mean(predictions, LSUM)


@_rouge("rouge_1", "ROUGE-1")
def rouge_1(predictions, labels):
    """F1 of the words, the mean over all summaries."""
    return _mean(predictions, ROUGE1)


@_rouge("rouge_2", "ROUGE-2")
def rouge_2(predictions, labels):
    """F1 of pairs of words, the mean over all summaries."""
    return _mean(predictions, ROUGE2)


@register("metric", "summary_words", title="words of a summary", range=None, **SUMMARY)
def summary_words(predictions, labels):
    """How many words a summary has on average: neither more nor fewer is better."""
    return _mean(predictions, WORDS)


def _mean(predictions, which):
    return float(np.array([*predictions], dtype=np.float64)[:, which].mean())


@register("task_type", "summarization")
class Summarization(TaskType):
    """The model learns the tokens of summaries, and is scored by what it writes itself.

    What it writes goes through the trainer as bytes, so that it is text again wherever it is needed.
    """

    auto_class = "AutoModelForSeq2SeqLM"
    hub_task = "summarization"
    per_text, own_head, one_sequence, pipeline = False, True, False, False
    baseline_name = "lead"
    baseline_says = "the first words of each text, as many as summaries of train have on average"
    row_columns = ("reference",)

    def find_columns(self, raw, task, data):
        found, train = raw["train"].column_names, task.call("train")
        usual = [*SUMMARIES, task.label]
        label = data.label_column_name or next((name for name in usual if name in found), SUMMARIES[0])
        require_column(train, "summary", label, found, "; name it with --label_column_name")
        texts = named_columns(data.text_column_names) or list(task.text)
        texts = texts or [name for name in DOCUMENTS if name in found and name != label]
        if len(texts) != 1:
            named = f"{len(texts)} ({', '.join(map(repr, texts))})" if texts else "none"
            raise UserError(
                f"{train} needs one column of texts to be summarised, and {named} may be it (found: "
                f"{', '.join(map(repr, found))}); name it with --text_column_names"
            )
        require_column(train, "text", texts[0], found, "; name it with --text_column_names")
        return texts, label

    def prepare(self, raw, task, columns):
        texts, label = columns
        splits = {}
        for split, rows in raw.items():
            called = task.call(split)
            found = texts_that_say(rows, called, texts[0])  # SAMSum has an empty one
            if is_unlabelled(split, rows, label, raw["train"]):
                found = found.remove_columns("label")
            else:
                right = _summaries(rows, called, label)
                found = found.add_column("summary", [right[row] for row in found["id"]])
            splits[split] = found
        words = max(1, round(np.mean([len(text.split()) for text in splits["train"]["summary"]])))
        return {split: rows.add_column("lead", [words] * len(rows)) for split, rows in splits.items()}, []

    def outputs(self, label_names):
        return []

    def fingerprint_columns(self, rows):
        return [column for column in ("text", "summary") if column in rows.column_names]

    def encode_split(self, split, rows, tokenizer, data):
        encode_text, _ = encode_texts(rows, tokenizer, data)
        longest, bare = longest_summary(tokenizer, data), "summary" not in rows.column_names

        def encode(batch):
            found = dict(encode_text(batch))
            if bare:
                return found
            ids = tokenizer(text_target=batch["summary"], truncation=True, max_length=longest)["input_ids"]
            found["labels"] = [of or [tokenizer.pad_token_id] for of in ids]
            found["label"] = [len(of) for of in found["labels"]]
            if split != "train":
                found["reference"] = [list(text.encode("utf-8", "replace")) for text in batch["summary"]]
                leads = [" ".join(text.split()[:of]) for text, of in zip(batch["text"], batch["lead"], strict=True)]
                found["lead_score"] = [scores(*pair)[LSUM] for pair in zip(leads, batch["summary"], strict=True)]
            return found

        return encode, ["text", "lead", *([] if bare else ["summary"])]

    def collator(self, tokenizer):
        return _Summaries(tokenizer)

    @staticmethod
    def model_inputs(inputs):
        """What the model takes of a batch: all but the right summary as it is written."""
        return {name: value for name, value in inputs.items() if name != "reference"}

    def configure(self, model, tokenizer, data):
        """Has the model write summaries in one way: the most probable ones by beams, no longer than asked for.

        Of the checkpoint's own settings of generation only its special tokens stay.
        """
        from transformers import GenerationConfig

        own = {f"{name}_token_id": getattr(model.generation_config, f"{name}_token_id", None) for name in IDS}
        if own["decoder_start_token_id"] is None:
            raise UserError(
                f"model '{model.config.name_or_path}' does not say with which token a summary begins: "
                "decoder_start_token_id is missing from its config.json"
            )
        longest = longest_summary(tokenizer, data)
        model.generation_config = GenerationConfig(
            do_sample=False, num_beams=data.num_beams, max_new_tokens=longest, **own
        )

    def generates(self, tokenizer):
        names = tokenizer.model_input_names

        def generate(model, inputs):
            import torch

            ids = model.generate(**{name: inputs[name] for name in names if name in inputs})
            said = [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
            right = map(_text, inputs["reference"].tolist()) if "reference" in inputs else [""] * len(said)
            found = [[*scores(*pair), *pair[0].encode("utf-8", "replace")] for pair in zip(said, right, strict=True)]
            width = max(map(len, found))
            found = [row + [IGNORED] * (width - len(row)) for row in found]
            return torch.tensor(found, dtype=torch.float32, device=ids.device)

        return generate

    def predictions(self, outputs):
        return np.asarray(outputs)[:, :TEXT]

    def baseline(self, splits):
        return float(np.mean(splits["evaluation"]["lead_score"]))

    def collapsed(self, score, baseline, outputs):
        """Whether it writes the same of every text; the beginning of a text may be a good summary of it."""
        said = np.asarray(outputs)[:, TEXT:]
        return bool(len(said) > 1 and (said == said[0]).all())

    def changed(self, intact, damaged):
        said = [np.array(_texts(outputs), dtype=object) for outputs in (intact, damaged)]
        return said[0] != said[1], np.zeros(len(said[0]), bool)

    def prediction_columns(self, ids, labels, outputs):
        """``prediction`` as of `predictions`, ``label`` the right summary's tokens, ``summary`` what is written."""
        found = {"id": np.asarray(ids)}
        if labels is not None:
            found |= {"label": (labels != IGNORED).sum(axis=1), "prediction": list(self.predictions(outputs))}
        return found | {"summary": _texts(outputs)}

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "rouge_lsum":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        found = np.array([*predictions], dtype=np.float64)[:, LSUM]
        return (found @ counts) / np.sum(counts, axis=0)


def longest_summary(tokenizer, data):
    """How many tokens a summary may have: to be learnt, and to be written."""
    return min(data.max_summary_length, tokenizer.model_max_length)


class _Summaries:
    """Makes a batch of texts, with ``labels`` and ``reference`` (batch, longest), padded at the end."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, rows):
        import torch

        names = [name for name in self.tokenizer.model_input_names if name in rows[0]]
        batch = dict(self.tokenizer.pad([{name: row[name] for name in names} for row in rows], return_tensors="pt"))
        for name in ("labels", "reference"):
            if name in rows[0]:
                longest = max(len(row[name]) for row in rows)
                padded = [[*row[name], *[IGNORED] * (longest - len(row[name]))] for row in rows]
                batch[name] = torch.tensor(padded)
        return batch


def _summaries(rows, split, column):
    """The summaries of a split: a list of str.

    Raises:
        UserError: if they are no texts, or empty ones.
    """
    require_column(split, "summary", column, rows.column_names)
    kind = rows.features[column]
    if not is_string(kind):
        fits = "multi_label" if hasattr(kind, "feature") else "classification, or regression"
        holds = getattr(kind, "dtype", type(kind).__name__)
        raise UserError(f"column '{column}' of {split} holds {holds}, and summaries are text; give --task_type {fits}")
    found = rows[column][:]
    empty = np.flatnonzero([not (text and text.strip()) for text in found])
    if len(empty):
        summaries, are = ("1 summary", "is") if len(empty) == 1 else (f"{len(empty)} summaries", "are")
        raise BadRowsError(f"{summaries} of {split} {are} empty", split, empty, "remove or fill these rows")
    return found


def _texts(outputs):
    return [_text(row) for row in np.asarray(outputs)[:, TEXT:].astype(int).tolist()]


def _text(values):
    """The text of bytes, among which padding is below 0."""
    return bytes(value for value in values if value >= 0).decode("utf-8", "replace")
