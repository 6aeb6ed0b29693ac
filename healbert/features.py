"""What the model holds inside: the classifier's features, probes by depth, how far the classes lie apart."""

import numpy as np
import torch
from torch import nn

from .errors import UserError
from .healing import classification_layer
from .pooling import mean_of_tokens
from .trainer import HealingTrainer

NEIGHBOURS = 10


def last_token(hidden_states, attention_mask):
    """The hidden state of the last real token: (batch, tokens, hidden) -> (batch, hidden)."""
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = (attention_mask * positions).argmax(dim=1)  # (batch,)
    return hidden_states[torch.arange(len(last), device=last.device), last]


def first_token(hidden_states, attention_mask):
    """The hidden state of the first token, [CLS] in encoders: (batch, tokens, hidden) -> (batch, hidden)."""
    return hidden_states[:, 0]


class FeatureReader(nn.Module):
    """Runs a classifier and returns, as ``logits``, what its classification layer sees and pooled hidden states.

    Args:
        model: a sequence classifier.
        layers: depths whose hidden states are wanted; 0 is the embedding output.
        pooling: "cls" or "mean", how hidden states (batch, tokens, hidden) become (batch, hidden).
    """

    def __init__(self, model, layers=(), pooling="cls"):
        super().__init__()
        self.model, self.layers, self.pooling, self.config = model, tuple(layers), pooling, model.config

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None):
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        seen = []
        hook = classification_layer(self.model).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            outputs = self.model(**inputs, output_hidden_states=bool(self.layers))
        finally:
            hook.remove()
        decoder = seen[0].ndim == 3  # decoders score every token and take the last real one's logits
        scored = (input_ids != self.config.pad_token_id).int() if decoder else attention_mask  # as transformers does
        features = last_token(seen[0], scored) if decoder else seen[0]
        pool = mean_of_tokens if self.pooling == "mean" else last_token if decoder else first_token
        pooled = [pool(outputs.hidden_states[layer], scored) for layer in self.layers]
        return {"logits": (features.float(), *(p.float() for p in pooled)) if pooled else features.float()}


def read_features(model, arguments, rows, tokenizer, layers=()):
    """Features of every example, from one pass in evaluation mode.

    Args:
        model: a sequence classifier.
        arguments: `Arguments`.
        rows: a tokenized `datasets.Dataset`.
        tokenizer: its tokenizer, for padding.
        layers: depths to read as well; 0 is the embedding output.

    Returns:
        tuple: what the classification layer sees, numpy (examples, features), and a dict from depth to
        numpy (examples, hidden).
    """
    reader = FeatureReader(model, layers, arguments.model.pooling)
    inputs = rows.remove_columns("label")
    trainer = HealingTrainer(model=reader, args=arguments.training, processing_class=tokenizer, eval_dataset=inputs)
    found = trainer.predict(inputs, metric_key_prefix="features").predictions
    found = found if isinstance(found, tuple) else (found,)
    return found[0], dict(zip(layers, found[1:], strict=True))


def check_layers(wanted, depth):
    """The depths to probe, 0 to ``depth``.

    Raises:
        UserError: if one does not exist.
    """
    if wanted == "all":
        return list(range(depth + 1))
    missing = [layer for layer in wanted if layer > depth]
    if missing:
        raise UserError(f"--probe_layers names layer {missing[0]}, but the model has {depth} (0 is the embeddings)")
    return wanted


def probe(train, train_labels, evaluation, evaluation_labels):
    """Weighted F1 of a linear probe: logistic regression on standardised features (scikit-learn).

    Args:
        train, evaluation: numpy (examples, features).
        train_labels, evaluation_labels: class indices (examples,).

    Returns:
        float, or None where features are not finite, which no probe can take.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not (np.isfinite(train).all() and np.isfinite(evaluation).all()):
        return None
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    predicted = classifier.fit(train, train_labels).predict(evaluation)
    return float(f1_score(evaluation_labels, predicted, average="weighted", zero_division=0))


def probe_by_depth(model, arguments, splits, tokenizer, layers):
    """Weighted F1 on the evaluation split of a probe at each depth, from one pass over each split.

    Returns:
        list of dict: layer and f1_weighted.
    """
    _, train = read_features(model, arguments, splits["train"], tokenizer, layers)
    _, evaluation = read_features(model, arguments, splits["evaluation"], tokenizer, layers)
    labels = [np.asarray(splits[name]["label"]) for name in ("train", "evaluation")]
    return [
        {"layer": layer, "f1_weighted": probe(train[layer], labels[0], evaluation[layer], labels[1])}
        for layer in layers
    ]


def separation(features, labels):
    """How far the classes lie apart in the original feature space.

    Args:
        features: numpy (examples, features).
        labels: class indices (examples,), two classes or more.

    Returns:
        dict: ``silhouette`` (mean silhouette coefficient, -1 to 1) and ``neighbour_agreement`` (share of an
        example's 10 nearest neighbours, itself left out, that have its label); both Euclidean, scikit-learn.
    """
    from sklearn.metrics import silhouette_score
    from sklearn.neighbors import NearestNeighbors

    if not np.isfinite(features).all():
        return {"silhouette": None, "neighbour_agreement": None}
    count = min(NEIGHBOURS, len(features) - 1)
    nearest = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(return_distance=False)  # (examples, 10)
    distinct = len(np.unique(labels))
    return {
        "silhouette": float(silhouette_score(features, labels)) if 1 < distinct < len(features) else None,
        "neighbour_agreement": float((labels[nearest] == labels[:, None]).mean()),
    }
