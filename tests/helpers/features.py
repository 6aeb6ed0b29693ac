"""A made-up features.npz."""

import numpy as np

from healbert.probing.feature_file import FeatureFile


def make_file(names=("bad", "good"), level=0.5, region="bottom", stages=("healed",), size=None, **more):
    """A `FeatureFile` of made-up features in which the classes lie apart."""
    labels = np.arange(size or max(24, 5 * len(names))) % len(names)
    rng = np.random.default_rng(0)
    features = {stage: rng.normal(size=(len(labels), 6)) + labels[:, None] for stage in stages}
    rest = {"scores": dict.fromkeys(stages, 0.8125), "metric": "weighted F1", "task": "a task"}
    rest |= {"perplexity": 5.0, "seed": 0} | more
    return FeatureFile(features, labels=labels, ids=labels, label_names=list(names), level=level, region=region, **rest)
