"""How far the classes lie apart."""

import numpy as np
import pytest
from helpers.probing import brute_separation

from healbert.probing.separation import separation


@pytest.mark.parametrize("size, neighbours", [(60, 10), (12, 10), (11, 10), (6, 5)])
def test_separation_against_brute_force(size, neighbours):
    rng = np.random.default_rng(size)
    labels = np.arange(size) % 3
    features = rng.normal(size=(size, 4)) + labels[:, None] * 0.8
    assert separation(features, labels) == pytest.approx(brute_separation(features, labels, neighbours), abs=1e-6)


def test_separation_by_hand():
    # Two pairs, 1 apart inside and 10 or more between: (10.5 - 1) / 10.5 for the outer, (9.5 - 1) / 9.5 for the inner.
    features, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    found = separation(features, labels)
    assert found["silhouette"] == pytest.approx((9.5 / 10.5 + 8.5 / 9.5) / 2)
    assert found["neighbour_agreement"] == pytest.approx(1 / 3)  # each has 3 neighbours, one of its own class
    assert separation(features, np.array([0, 1, 0, 1]))["silhouette"] < 0


def test_separation_of_classes_far_apart_is_nearly_one():
    labels = np.repeat([0, 1], 20)
    features = np.random.default_rng(0).normal(size=(40, 3)) + labels[:, None] * 1000
    found = separation(features, labels)
    assert found["silhouette"] > 0.99 and found["neighbour_agreement"] == 1.0


def test_examples_that_all_have_their_own_class_have_no_silhouette():
    assert separation(np.random.default_rng(0).normal(size=(4, 2)), np.arange(4)) == {
        "silhouette": None,
        "neighbour_agreement": 0.0,
    }


def test_features_that_are_not_finite_have_no_separation():
    found = separation(np.full((6, 2), np.nan), np.arange(6) % 2)
    assert found == {"silhouette": None, "neighbour_agreement": None}
