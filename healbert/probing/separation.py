"""How far the classes lie apart in a feature space."""

import numpy as np

NEIGHBOURS = 10


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

    if not np.isfinite(features).all():
        return {"silhouette": None, "neighbour_agreement": None}
    distinct = len(np.unique(labels))
    return {
        "silhouette": float(silhouette_score(features, labels)) if 1 < distinct < len(features) else None,
        "neighbour_agreement": neighbour_agreement(features, labels),
    }


def neighbour_agreement(features, labels):
    """Share of an example's 10 nearest neighbours, itself left out, that have its label; arguments as of `separation`.

    Features must be finite.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS, len(features) - 1)
    nearest = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(return_distance=False)  # (examples, 10)
    return float((labels[nearest] == labels[:, None]).mean())
