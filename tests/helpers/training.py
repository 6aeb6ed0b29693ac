"""Rows as a trainer takes them."""

from datasets import Dataset
from transformers import AutoTokenizer


def tokenized(folder, rows):
    """(text, "good" or "bad") pairs as a tokenized dataset with ids and labels."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    columns = dict(tokenizer([text for text, _ in rows]))
    return Dataset.from_dict(columns | {"label": [int(label == "good") for _, label in rows], "id": range(len(rows))})
