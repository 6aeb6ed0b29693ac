"""A tag for each word: which words make up an entity, and of which type."""

import re
import warnings

import numpy as np

from ...models.masking import IGNORED
from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import named_columns, require_column
from ..guess import tag_columns
from ..labels import refuse_unnamed
from ..rows import BadRowsError, are_lists, counted
from .base import TaskType
from .encoding import LabelledPieces, logits_of, longest_of, split_into_words

OUTSIDE = "O"
LOST = -1  # of a scored place whose logits are not finite; counts as no entity
TAG = re.compile(r"([BI])-(.+)")
SHOWN = 5  # tags in a message
OWN = {"task_types": ("token_classification",)}


def _registered(name, title, kind, **more):
    return register("metric", name, title=title, hub={"metric_type": kind, "metric_name": title}, **OWN, **more)


@_registered("entity_f1", "entity F1", "f1", primary=True)
def entity_f1(predictions, labels):
    """F1 of the entities, all types together: right are type and extent (seqeval)."""
    return _of_seqeval("f1_score", predictions, labels)


@_registered("entity_precision", "entity precision", "precision")
def entity_precision(predictions, labels):
    """How many of the predicted entities are right (seqeval)."""
    return _of_seqeval("precision_score", predictions, labels)


@_registered("entity_recall", "entity recall", "recall")
def entity_recall(predictions, labels):
    """How many of the entities are found (seqeval)."""
    return _of_seqeval("recall_score", predictions, labels)


@_registered("tag_accuracy", "accuracy of tags", "accuracy")
def tag_accuracy(predictions, labels):
    """How many words have the right tag (scikit-learn)."""
    from sklearn.metrics import accuracy_score

    return accuracy_score(*(np.concatenate(_rows(side)) for side in (labels, predictions)))


def _of_seqeval(name, predictions, labels):
    from seqeval import metrics

    return getattr(metrics, name)(_tags(labels), _tags(predictions), zero_division=0)


def _rows(tags):
    """Tag indices of each sentence, without places that have none; tags are (sentences, pieces) or lists of lists."""
    rows = [np.asarray(row) for row in tags]
    return [row[row != IGNORED] for row in rows]


def _tags(indices, names=None):
    """Tags as seqeval reads them. The order of `TokenClassification.prepare` says what an index is: O, B-0, I-0, ..."""
    if names is None:
        most = max((int(row.max()) for row in _rows(indices) if len(row)), default=0)
        names = [OUTSIDE, *(f"{begins}-{kind}" for kind in range(most // 2 + 1) for begins in "BI")]
    return [[names[index] for index in row] for row in _rows(indices)]


@register("task_type", "token_classification")
class TokenClassification(TaskType):
    """Texts are lists of words, labels lists of BIO tags. The first piece of a word has its tag, the others none."""

    auto_class = "AutoModelForTokenClassification"
    hub_task = "token-classification"
    per_text, has_texts = False, False
    baseline_name, baseline_says = "no entity", "finding no entity at all"

    def find_columns(self, raw, task, data):
        found, train = raw["train"].column_names, task.call("train")
        words = named_columns(data.text_column_names) or list(task.text) or ["tokens"]
        label = data.label_column_name or (task.label if task.label in found else None)
        label = label or next((name for name in tag_columns(None) if name in found), task.label)
        if len(words) > 1:
            raise UserError(f"--text_column_names names {len(words)} columns; words lie in one")
        require_column(train, "word", words[0], found, "; name it with --text_column_names")
        require_column(train, "tag", label, found, "; name it with --label_column_name")
        return words, label

    def prepare(self, raw, task, columns):
        (words,), label = columns
        for split, rows in raw.items():
            require_column(task.call(split), "word", words, rows.column_names)
            require_column(task.call(split), "tag", label, rows.column_names)
        read = {split: _read(rows, task.call(split), words, label) for split, rows in raw.items()}
        names = _in_order(read["train"][1], task.call("train"))
        place = {name: index for index, name in enumerate(names)}
        splits = {}
        for split, (texts, tags) in read.items():
            _refuse_unknown(tags, place, task.call(split), task.call("train"))
            _warn_of_breaks(tags, task.call(split))
            coded = [[place[tag] for tag in row] for row in tags]
            splits[split] = _as_rows(texts, coded)
        return splits, names

    def check(self, splits, label_names):
        for split in ("train", "evaluation"):
            if not any(any(row) for row in splits[split]["label"]):
                raise UserError(f"no word of {split} is part of an entity; use more of it")

    def count(self, rows, label_names):
        """How many words have each tag."""
        counts = np.bincount(np.concatenate([[], *rows["label"]]).astype(int), minlength=len(label_names))
        return {name: int(count) for name, count in zip(label_names, counts, strict=True)}

    def fingerprint_columns(self, rows):
        return ["text", "label"]

    def encode(self, rows, tokenizer, data):
        longest = longest_of(tokenizer, data, tokenizer.num_special_tokens_to_add() + 1)
        split_into_words(tokenizer)
        padding = "max_length" if data.pad_to_max_length else False

        def encode(batch):
            options = {"is_split_into_words": True, "truncation": True, "max_length": longest, "padding": padding}
            encoded = tokenizer(batch["text"], **options)
            encoded["labels"] = [_of_pieces(encoded.word_ids(row), tags) for row, tags in enumerate(batch["label"])]
            return encoded

        return encode, ["text"]

    def encoded(self, rows, split):
        kept = sum(sum(label != IGNORED for label in row) for row in rows["labels"])
        words = sum(map(len, rows["label"]))
        if kept < words:
            cut, are = counted(words - kept, "word", "is", "are")
            warnings.warn(
                f"{cut} of {split} (of {words}) {are} neither learnt nor scored: beyond --max_seq_length, or without a "
                "token",
                stacklevel=3,
            )
        return rows

    def collator(self, tokenizer):
        return LabelledPieces(tokenizer)

    @staticmethod
    def reduce(logits, labels):
        logits = logits_of(logits)
        tags = logits.argmax(-1).masked_fill(~logits.isfinite().all(-1), LOST)
        return tags.masked_fill(labels == IGNORED, IGNORED)

    def predictions(self, outputs):
        return np.where(np.asarray(outputs) == LOST, 0, outputs)  # the index of O

    def changed(self, intact, damaged):
        lost = (np.asarray(damaged) == LOST).any(axis=1)
        return super().changed(intact, damaged)[0] | lost, lost

    def column(self, predicted):
        return _rows(predicted)

    def labels_of(self, rows):
        return _rows(rows["labels"])  # of the words that are scored

    def baseline(self, splits):
        return 0.0

    def by_label(self, predictions, labels, label_names):
        from seqeval.metrics import classification_report

        found = classification_report(
            _tags(labels, label_names), _tags(predictions, label_names), output_dict=True, zero_division=0
        )
        kinds = [name[2:] for name in label_names[1::2]]
        found = {kind: found[kind] for kind in kinds if kind in found}
        return {kind: {"f1": float(of["f1-score"]), "examples": int(of["support"])} for kind, of in found.items()}

    def prediction_columns(self, ids, labels, outputs):
        return {
            "id": np.asarray(ids),
            "label": self.column(labels),
            "prediction": self.column(self.predictions(outputs)),
        }

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "entity_f1":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        right, both = _entities(labels, predictions)
        return 2 * (right @ counts) / np.maximum(both @ counts, 1)


def _entities(labels, predictions):
    """Of each sentence how many entities are right, and how many there are on both sides together: (sentences,)."""
    from seqeval.metrics.sequence_labeling import get_entities

    sides = [[set(get_entities(row)) for row in _tags(side)] for side in (labels, predictions)]
    pairs = list(zip(*sides, strict=True))
    return np.array([len(a & b) for a, b in pairs]), np.array([len(a) + len(b) for a, b in pairs])


def _read(rows, split, words, label):
    """Words and tags, by name, of a split: two lists of lists of str.

    Raises:
        UserError: if they are no such lists, not as many of each in every row, or a tag has no name.
    """
    names = getattr(getattr(rows.features[label], "feature", None), "names", None)
    texts, tags = rows[words][:], rows[label][:]
    for column, values in ((words, texts), (label, tags)):
        if not are_lists(values):
            raise UserError(
                f"column '{column}' of {split} holds no lists, and words and their tags are; for one label for each "
                "text give --task_type classification"
            )
    _refuse(split, [not row or not all(row) for row in texts], ("is", "are"), "empty, or with an empty word")
    uneven = [of is None or len(row) != len(of) or None in of for row, of in zip(texts, tags, strict=True)]
    _refuse(split, uneven, ("has", "have"), "not as many tags as words")
    if names:
        refuse_unnamed(tags, names, split)
        tags = [[names[tag] for tag in row] for row in tags]
    return texts, [[str(tag) for tag in row] for row in tags]


def _refuse(split, wrong, verbs, what):
    where = np.flatnonzero(wrong)
    if len(where):
        texts, verb = counted(len(where), "text", *verbs)
        raise BadRowsError(f"{texts} of {split} {verb} {what}", split, where, "remove or mend these rows")


def _in_order(tags, train):
    """The names of the tags: O, then B- and I- of each type, types as text.

    Raises:
        UserError: if a tag is none of these.
    """
    found = {tag for row in tags for tag in row}
    odd = sorted(tag for tag in found if tag != OUTSIDE and not TAG.fullmatch(tag))
    if odd:
        listed = ", ".join(map(repr, odd[:SHOWN])) + (", ..." if len(odd) > SHOWN else "")
        raise UserError(
            f"{train} has tags that are not of the scheme BIO (O, B-TYPE, I-TYPE): {listed}; entities are scored, so "
            "tags have to say where one begins; numbers need names (a ClassLabel, or text)"
        )
    kinds = sorted({TAG.fullmatch(tag)[2] for tag in found if tag != OUTSIDE})
    return [OUTSIDE, *(f"{begins}-{kind}" for kind in kinds for begins in "BI")]


def _refuse_unknown(tags, place, split, train):
    wrong = [any(tag not in place for tag in row) for row in tags]
    if any(wrong):
        unknown = sorted({tag for row in tags for tag in row if tag not in place})
        what = f"{split} has tags that {train} lacks: {', '.join(map(repr, unknown[:SHOWN]))}"
        raise BadRowsError(what, split, np.flatnonzero(wrong), f"{train} knows [{', '.join(place)}]")


def _warn_of_breaks(tags, split):
    """Names, in one line, the tags that go on with an entity that has not begun; seqeval has it begin there."""
    broken = []
    for number, row in enumerate(tags, start=1):
        for before, tag in zip([OUTSIDE, *row], row, strict=False):
            if tag[:2] == "I-" and before[2:] != tag[2:]:
                broken.append(f"{tag} after {before} in row {number}")
    if broken:
        more = ", ..." if len(broken) > SHOWN else ""
        many, break_ = counted(len(broken), "tag", "breaks", "break")
        warnings.warn(
            f"{many} of {split} {break_} BIO ({', '.join(broken[:SHOWN])}{more}): an I- without its B- counts as one",
            stacklevel=4,
        )


def _as_rows(texts, tags):
    from datasets import Dataset

    return Dataset.from_dict({"text": texts, "label": tags, "id": list(range(len(texts)))})


def _of_pieces(words, tags):
    """The tag of each piece: of a word's first its tag, of others and of special tokens none."""
    found, before = [], None
    for word in words:
        found.append(IGNORED if word is None or word == before else tags[word])
        before = word
    return found
