"""Classifiers of every architecture, with either head, and batches for them."""

import pytest
import torch

from healbert.models.pooling import MeanPoolingForSequenceClassification

from .architectures import NAMES, build

LABELS = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}


TEXTS = [[5, 9, 33, 7, 90], [6, 51, 8, 17, 40, 41, 42, 77, 12], [64, 11]]


def classifier(name, pooling):
    """A classifier of three classes on architecture ``name``, in evaluation mode."""
    if pooling == "cls":
        return build(name, num_labels=3)
    torch.manual_seed(1)
    return MeanPoolingForSequenceClassification.around(build(name, head=False), **LABELS).eval()


def batch_of(texts, pad):
    """Token ids padded on the right, and the mask, as a model's inputs."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + [pad] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return {"input_ids": ids, "attention_mask": mask}


def pad_of(model):
    return model.base_model.config.pad_token_id


every_head = pytest.mark.parametrize("pooling", ["cls", "mean"])


every_architecture = pytest.mark.parametrize("name", NAMES)
