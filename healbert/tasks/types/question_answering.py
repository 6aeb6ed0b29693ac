"""The part of a context that answers a question, or that there is none (extractive, as SQuAD)."""

import copy
import hashlib

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..answers import read_answers
from ..columns import named_columns, require_column, with_text_and_label
from ..squad import scores
from .base import TaskType
from .encoding import longest_of

F1, EXACT, COUNTED = range(3)  # of a window in `predictions`; all 0 but in the first window of its question
START, END, FIRST, LAST, NONE, MAY_BE_NONE, KEY = range(7)  # of a window in ``labels``; the first five are places
LONGEST = 30  # tokens of an answer, as in BERT's own evaluation
QA = {"task_types": ("question_answering",)}


@register("metric", "answer_f1", title="F1 of answers", primary=True, hub={"metric_type": "f1"}, **QA)
def answer_f1(predictions, labels):
    """F1 of the words of answers, the mean over all questions, as SQuAD's script has it."""
    return _mean(predictions, F1)


@register("metric", "exact_match", title="exact match", hub={"metric_type": "exact_match"}, **QA)
def exact_match(predictions, labels):
    """How many questions have just a right answer, as SQuAD's script has it."""
    return _mean(predictions, EXACT)


def _mean(predictions, which):
    sums = np.array([*predictions], dtype=np.float64).sum(axis=0)
    return sums[which] / max(sums[COUNTED], 1)


@register("task_type", "question_answering")
class QuestionAnswering(TaskType):
    """The model points at the first and last token of an answer; contexts that are too long are cut into windows.

    An example that the trainer sees is a window. What a window's answer is in words takes its text, which no tensor
    holds: those that have been encoded for an evaluation are kept here, by a hash that stands in ``labels``.
    """

    auto_class = "AutoModelForQuestionAnswering"
    hub_task = "question-answering"
    version = 3
    per_text, one_sequence, pipeline = False, False, False
    baseline_name, baseline_says = "no answer", "answering no question"

    _windows = {}  # hash -> what `encoded` knows of the window; of the class, as a table may make its entries anew

    def find_columns(self, raw, task, data):
        found, train = raw["train"].column_names, task.call("train")
        texts = named_columns(data.text_column_names) or list(task.text) or ["question", "context"]
        label = data.label_column_name or (task.label if task.label in found else "answers")
        if len(texts) != 2:
            raise UserError("--text_column_names has to name two columns: that of the question, and of the context")
        for column in texts:
            require_column(train, "text", column, found, "; name both with --text_column_names QUESTION,CONTEXT")
        require_column(train, "answer", label, found, "; name it with --label_column_name")
        return texts, label

    def prepare(self, raw, task, columns):
        texts, label = columns
        splits = {}
        for split, rows in raw.items():
            called = task.call(split)
            require_column(called, "answer", label, rows.column_names)
            found = with_text_and_label(rows, called, texts, None)
            answers, starts = read_answers(rows[label][:], found["text_pair"][:], called, label)
            splits[split] = _with(found, answers, starts)
        if not any(splits["train"]["answers"]):
            raise UserError(f"no question of {task.call('train')} has an answer")
        none = not all(splits["train"]["answers"])
        return {split: rows.add_column("none", [none] * len(rows)) for split, rows in splits.items()}, []

    def outputs(self, label_names):
        return ["start", "end"]

    def fingerprint_columns(self, rows):
        return ["text", "text_pair", "answers", "starts"]

    def encode_split(self, split, rows, tokenizer, data):
        if not tokenizer.is_fast:
            raise UserError("answers need a fast tokenizer (tokenizer.json), which says where in a text a token is")
        special = tokenizer.num_special_tokens_to_add(pair=True)
        longest = longest_of(tokenizer, data, special + 8)
        half, padding = (longest - special) // 2, "max_length" if data.pad_to_max_length else False
        tokenizer = _padded_right(tokenizer)

        def encode(batch):
            questions = [_cut(question, tokenizer, half) for question in batch["text"]]
            encoded = tokenizer(
                questions,
                batch["text_pair"],
                truncation="only_second",
                max_length=longest,
                stride=longest // 4,
                padding=padding,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
            )
            of_row, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
            found = {"label": [batch["id"][row] for row in of_row], "labels": [], "known": []}
            for window, row in enumerate(of_row):
                named = {name: batch[name][row] for name in ("id", "text", "text_pair", "answers")}
                labels = _places(
                    encoded, window, offsets[window], batch["answers"][row], batch["starts"][row], tokenizer
                )
                key = _key(named, offsets[window])
                found["labels"].append([*labels, int(batch["none"][row]), key])
                flat = [place for pair in offsets[window] for place in pair]
                found["known"].append(None if split == "train" else named | {"offsets": flat})
            return {**encoded, **found}

        return encode, rows.column_names

    def encoded(self, rows, split):
        if split != "train":
            for labels, known in zip(rows["labels"][:], rows["known"][:], strict=True):
                # As an array: a list of numbers takes ten times the memory, and there is one for every window.
                self._windows[labels[KEY]] = known | {"offsets": np.array(known["offsets"], dtype=np.int32)}
        return rows.remove_columns("known").add_column("id", np.arange(len(rows)))  # of windows

    def collator(self, tokenizer):
        return _Windows(_padded_right(tokenizer))

    @staticmethod
    def model_inputs(inputs):
        """What the model takes of a batch, with the places that it is to point at."""
        labels = inputs.get("labels")
        own = {name: value for name, value in inputs.items() if name != "labels"}
        if labels is not None:
            own |= {"start_positions": labels[:, START], "end_positions": labels[:, END]}
        return own

    @staticmethod
    def reduce(logits, labels):
        """Of each window: (score of the best answer and of none), (its first and last token, the window's hash)."""
        import torch

        starts, ends = (of.float() for of in logits[:2])
        places = torch.arange(starts.shape[1], device=starts.device)
        inside = (places >= labels[:, FIRST, None]) & (places <= labels[:, LAST, None])
        length = places[None] - places[:, None]  # (first, last)
        fits = ((length >= 0) & (length < LONGEST)) & inside[:, :, None] & inside[:, None]
        pairs = (starts[:, :, None] + ends[:, None]).masked_fill(~fits, -torch.inf).flatten(1)
        best, where = pairs.max(dim=1)
        none = labels[:, NONE, None]
        none = (starts.gather(1, none) + ends.gather(1, none))[:, 0]
        none = none.masked_fill(labels[:, MAY_BE_NONE] == 0, -torch.inf)
        found = torch.stack([where // len(places), where % len(places), labels[:, KEY]], dim=1)
        return torch.stack([best, none], dim=1), found

    def predictions(self, outputs):
        """Of each window (F1, exact match, 1), all 0 but in the first window of its question."""
        found = np.zeros((len(outputs[0]), 3))
        for window, answer, right in self._answers(outputs):
            found[window] = *scores(answer, right), 1
        return found

    def _answers(self, outputs):
        """Of each question: its first window, the answer out of all its windows, and the right ones."""
        (best, none), (first, last, keys) = np.asarray(outputs[0]).T, np.asarray(outputs[1]).T
        windows = {}
        for window, key in enumerate(keys.tolist()):
            known = self._windows[key]
            windows.setdefault((known["id"], known["text"], known["text_pair"]), []).append(window)
        for of in windows.values():
            known = self._windows[int(keys[of[0]])]
            chosen = max(of, key=lambda window: best[window])
            offsets = self._windows[int(keys[chosen])]["offsets"]
            said = known["text_pair"][offsets[2 * first[chosen]] : offsets[2 * last[chosen] + 1]]
            yield of[0], "" if min(none[of]) > best[chosen] else said, known["answers"]

    def baseline(self, splits):
        """How many questions of the evaluation have no answer: answering none is right there."""
        known = [self._windows[labels[KEY]] for labels in splits["evaluation"]["labels"][:]]
        questions = {(of["id"], of["text"], of["text_pair"]): not of["answers"] for of in known}
        return float(np.mean(list(questions.values())))

    def collapsed(self, score, baseline, outputs):
        return bool(score <= baseline)  # all answers may be right, and so of one score

    def changed(self, intact, damaged):
        """Of each window whether its span, or whether it says that there is an answer, is another; whether it is lost.

        Between two windows that say that there is none, the span that neither says is no matter.
        """
        (before, none_before), (best, none) = np.asarray(intact[0]).T, np.asarray(damaged[0]).T
        lost = ~np.isfinite(best) | ~(none < np.inf)  # none is -inf where a model may not say that there is none
        none_before, none = none_before > before, none > best
        moved = (np.asarray(intact[1]) != np.asarray(damaged[1])).any(axis=1)
        return (moved & ~(none & none_before)) | (none != none_before) | lost, lost

    def prediction_columns(self, ids, labels, outputs):
        """``label`` is the question's row, ``prediction`` as of `predictions`, ``answer`` that of a first window."""
        rows = [self._windows[key]["id"] for key in np.asarray(outputs[1])[:, 2].tolist()]
        said = dict.fromkeys(range(len(rows))) | {window: answer for window, answer, _ in self._answers(outputs)}
        found = {"id": np.asarray(ids), "label": np.array(rows), "prediction": list(self.predictions(outputs))}
        return found | {"answer": list(said.values())}

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "answer_f1":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        found = np.array([*predictions], dtype=np.float64)
        return (found[:, F1] @ counts) / np.maximum(found[:, COUNTED] @ counts, 1)


class _Windows:
    """Makes a batch of windows; ``labels`` (batch, 7) are of one length, and what ``label`` holds stays out."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, rows):
        names = {*self.tokenizer.model_input_names, "labels"}
        return self.tokenizer.pad(
            [{name: value for name, value in row.items() if name in names} for row in rows], return_tensors="pt"
        )


def _padded_right(tokenizer):
    """The tokenizer, which leaves the places of tokens as they are when it pads."""
    if tokenizer.padding_side == "right":
        return tokenizer
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.padding_side = "right"
    return tokenizer


def _with(rows, answers, starts):
    from datasets import Dataset, Features, List, Value

    new = {"answers": List(Value("string")), "starts": List(Value("int64")), "label": Value("int64")}
    found = rows.to_dict() | {"answers": answers, "starts": starts, "label": [0] * len(rows)}  # `encode` fills it in
    return Dataset.from_dict(found, features=Features(rows.features | new))


def _cut(question, tokenizer, most):
    """A question without what comes after so many tokens."""
    offsets = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return question if len(offsets) <= most else question[: offsets[most - 1][1]]


def _places(encoded, window, offsets, answers, starts, tokenizer):
    """The tokens where the first answer begins and ends, where the context does, and which one says that there is none.

    An answer that a window does not hold whole is none in it.
    """
    context = [place for place, of in enumerate(encoded.sequence_ids(window)) if of == 1]
    ids = encoded["input_ids"][window]
    none = ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0
    if not context:
        return none, none, none, none, none
    first, last, start = context[0], context[-1], none
    end = none
    if answers:
        begins, ends = starts[0], starts[0] + len(answers[0])
        if offsets[first][0] <= begins and ends <= offsets[last][1]:
            inside = [place for place in context if offsets[place][1] > begins and offsets[place][0] < ends]
            start, end = (inside[0], inside[-1]) if inside else (none, none)
    return start, end, first, last, none


def _key(named, offsets):
    """A hash of a window: of 63 bits, as tensors hold whole numbers."""
    digest = hashlib.blake2b(repr((named, offsets)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
