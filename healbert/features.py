"""What the model holds inside: the classifier's features, probes by depth, how far the classes lie apart."""

import dataclasses
import struct
import tokenize
import zipfile
import zlib

import numpy as np
import torch
from torch import nn

from .errors import UserError
from .files import atomic_path
from .healing import classification_layer
from .pooling import mean_of_tokens
from .trainer import HealingTrainer

FEATURES_VERSION = 1
NEIGHBOURS = 10
# What reading an archive raises whose bytes were changed.
BROKEN_ARCHIVE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


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
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

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


@dataclasses.dataclass
class FeatureFile:
    """What ``features.npz`` holds.

    ``stages`` maps "damaged" and, where there is one, "healed" to numpy (examples, features); ``f1`` maps the same
    names to weighted F1 on the whole evaluation split; ``labels`` and ``ids`` are (examples,).
    """

    stages: dict
    f1: dict
    labels: np.ndarray
    ids: np.ndarray
    label_names: list
    task: str
    level: float
    region: str
    perplexity: float
    seed: int

    def write(self, path):
        """Writes the file atomically, as plain arrays."""
        arrays = {f"features_{stage}": values.astype(np.float32) for stage, values in self.stages.items()}
        arrays |= {f"f1_{stage}": value for stage, value in self.f1.items() if stage in self.stages}
        for field in ("labels", "ids", "label_names", "task", "level", "region", "perplexity", "seed"):
            arrays[field] = np.asarray(getattr(self, field))
        with atomic_path(path) as name, open(name, "wb") as file:
            np.savez_compressed(file, version=FEATURES_VERSION, **arrays)

    @classmethod
    def read(cls, path):
        """Reads what `write` wrote.

        Raises:
            UserError: if the file is missing, damaged or of another version.
        """
        try:
            with open(path, "rb") as opened, np.lib.npyio.NpzFile(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            version = arrays.get("version")
            if version is None or version.tolist() != FEATURES_VERSION:
                raise UserError(f"{path} is of version {version}, this is for {FEATURES_VERSION}; run its cell again")
            return cls._from_arrays(arrays)
        except FileNotFoundError as error:
            raise UserError(f"{path} does not exist; run the cell with --tsne") from error
        except UserError:
            raise
        except BROKEN_ARCHIVE as error:
            raise UserError(f"{path} is damaged ({error!r}); run its cell again with --tsne") from error

    @classmethod
    def _from_arrays(cls, arrays):
        stages = [stage for stage in ("damaged", "healed") if f"features_{stage}" in arrays]
        examples = {len(arrays[name]) for name in ("labels", "ids", *(f"features_{stage}" for stage in stages))}
        if not stages or len(examples) > 1:
            raise ValueError("its arrays do not go together")
        return cls(
            stages={stage: arrays[f"features_{stage}"] for stage in stages},
            f1={stage: float(arrays[f"f1_{stage}"]) for stage in stages},
            labels=arrays["labels"],
            ids=arrays["ids"],
            label_names=arrays["label_names"].tolist(),
            **{name: arrays[name].item() for name in ("task", "level", "region", "perplexity", "seed")},
        )
