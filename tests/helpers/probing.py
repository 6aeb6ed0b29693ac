"""What probing finds, worked out again in other ways."""

import numpy as np
import torch
from datasets import Dataset
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from .architectures import LAYERS
from .small import make_rows

DEPTHS = tuple(range(LAYERS + 1))


def weighted_f1(predictions, labels):
    return f1_score(labels, predictions, average="weighted", zero_division=0)


def sentences(tokenizer, count, seed):
    rows = make_rows(count, seed)
    columns = dict(tokenizer([text for text, _ in rows]))
    return Dataset.from_dict(columns | {"label": [int(name == "good") for _, name in rows], "id": range(count)})


def one_by_one(model, rows, **options):
    """The model's output for each example alone, in evaluation mode."""
    with torch.no_grad():
        return [model.eval()(input_ids=torch.tensor([ids]), **options) for ids in rows["input_ids"]]


def by_hand_probe(train, train_labels, evaluation, labels):
    """Logistic regression on standardised features, F1 of two classes from scratch."""
    scale = StandardScaler().fit(train)
    predicted = LogisticRegression(max_iter=1000).fit(scale.transform(train), train_labels)
    predicted = predicted.predict(scale.transform(evaluation))
    total = 0.0
    for c in (0, 1):
        both = ((predicted == c) & (labels == c)).sum()
        total += (labels == c).mean() * 2 * both / max(1, (predicted == c).sum() + (labels == c).sum())
    return total


def brute_separation(features, labels, count):
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    silhouettes, agreement = [], []
    for i, row in enumerate(distance):
        others = np.delete(np.arange(len(labels)), i)
        nearest = others[np.argsort(row[others], kind="stable")[:count]]
        agreement.append((labels[nearest] == labels[i]).mean())
        own = [row[j] for j in others if labels[j] == labels[i]]
        apart = min(row[labels == c].mean() for c in set(labels) - {labels[i]})
        silhouettes.append((apart - np.mean(own)) / max(apart, np.mean(own)) if own else 0.0)
    return {"silhouette": np.mean(silhouettes), "neighbour_agreement": np.mean(agreement)}
