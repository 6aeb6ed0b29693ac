"""Texts to tokens, tokens to batches, and a model's outputs to arrays: what several types have in common."""

import copy

from ...models.masking import IGNORED
from ...utils.errors import UserError
from ..columns import text_columns


def longest_of(tokenizer, data, least):
    """How many tokens an example may have.

    Args:
        tokenizer: a transformers tokenizer.
        data: `DataArguments`.
        least: the fewest that leave something of a text.

    Raises:
        UserError: if that is more than is allowed.
    """
    longest = min(data.max_seq_length, tokenizer.model_max_length)
    if longest < least:
        flag = "--max_seq_length" if data.max_seq_length == longest else "model_max_length of the tokenizer,"
        raise UserError(f"{flag} {longest} leaves no token of a text; {least} is the least")
    return longest


def encode_texts(rows, tokenizer, data):
    """What `TaskType.encode` gives where a text, or a pair of texts, is one example."""
    columns, blank = text_columns(rows), tokenizer.pad_token_id
    longest = longest_of(tokenizer, data, tokenizer.num_special_tokens_to_add(pair=len(columns) > 1) + len(columns))

    def encode(batch):
        texts = [batch[column] for column in columns]
        padding = "max_length" if data.pad_to_max_length else False
        encoded = tokenizer(*texts, truncation=True, max_length=longest, padding=padding)
        for row, ids in enumerate(encoded["input_ids"]):
            if not ids:  # a text without a single token, and a tokenizer that adds none
                encoded["input_ids"][row], encoded["attention_mask"][row] = [blank], [1]
        return encoded

    return encode, columns


def logits_of(outputs):
    """(examples, outputs): some models give hidden states beside them."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def split_into_words(tokenizer):
    """Has a tokenizer take lists of words: one that marks spaces is told that a space is before each of them.

    Raises:
        UserError: for one that does not say which word a token is of.
    """
    if not tokenizer.is_fast:
        raise UserError("tags of words need a fast tokenizer (tokenizer.json), which says what word a token is of")
    if getattr(tokenizer, "add_prefix_space", None) is False:
        tokenizer.add_prefix_space = True
        marks = tokenizer.backend_tokenizer.pre_tokenizer
        if hasattr(marks, "add_prefix_space"):
            marks.add_prefix_space = True
            tokenizer.backend_tokenizer.pre_tokenizer = marks


class LabelledPieces:
    """Makes a batch of examples that have a label for each token, in ``labels``; what ``label`` holds stays out.

    Args:
        tokenizer: says how a batch is padded.
        side: on which side, if it is not the tokenizer's.
    """

    def __init__(self, tokenizer, side=None):
        from transformers import DataCollatorForTokenClassification

        if side not in (None, tokenizer.padding_side):
            tokenizer = copy.deepcopy(tokenizer)
            tokenizer.padding_side = side
        self.collate = DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)

    def __call__(self, rows):
        return self.collate([{name: value for name, value in row.items() if name != "label"} for row in rows])


def encode_sequences(sequences, tokenizer, data, pair):
    """A function for `datasets.Dataset.map` that gives each example several sequences of tokens.

    Args:
        sequences: function(batch of columns) -> for each example, a list of what the tokenizer takes: texts, or pairs.
        tokenizer, data: as of `TaskType.encode`.
        pair: whether a sequence is made of two texts.
    """
    longest = longest_of(tokenizer, data, tokenizer.num_special_tokens_to_add(pair=pair) + 1 + pair)
    padding = "max_length" if data.pad_to_max_length else False

    def encode(batch):
        found = sequences(batch)
        flat = [sequence for example in found for sequence in example]
        texts = [list(side) for side in zip(*flat, strict=True)] if pair else [flat]
        encoded, size = tokenizer(*texts, truncation=True, max_length=longest, padding=padding), len(found[0])
        return {name: [of[i : i + size] for i in range(0, len(of), size)] for name, of in encoded.items()}

    return encode


class Sequences:
    """Makes a batch of examples that have several sequences each: tensors (batch, sequences, tokens), and ``labels``.

    Args:
        tokenizer: says how sequences are padded.
    """

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, rows):
        import torch

        names = [name for name in self.tokenizer.model_input_names if name in rows[0]]
        flat = [
            dict(zip(names, sequence, strict=True))
            for row in rows
            for sequence in zip(*(row[name] for name in names), strict=True)
        ]
        batch = self.tokenizer.pad(flat, return_tensors="pt")
        batch = {name: tensor.unflatten(0, (len(rows), -1)) for name, tensor in batch.items()}
        if "label" in rows[0]:
            batch["labels"] = torch.tensor([row["label"] for row in rows])
        return batch
