"""Draws are stratified, seeded, and favour no class for its place."""

import numpy as np
import pytest

from healbert.tasks.draws import hold_out, stratified_sample
from healbert.utils.errors import UserError


@pytest.mark.parametrize("size", [0, 2, 7, 50, 99, 100])
def test_every_class_keeps_its_share_to_within_one(size):
    labels = np.random.default_rng(3).permutation([0] * 60 + [1] * 27 + [2] * 9 + [7] * 4)
    drawn = stratified_sample(labels, size, seed=5)
    assert len(drawn) == len(set(drawn.tolist())) == size
    assert (np.diff(drawn) > 0).all()
    for value, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert abs((labels[drawn] == value).sum() - size * count / 100) < 1


def test_draw_depends_on_its_seed_alone():
    labels = np.arange(200) % 3
    first = stratified_sample(labels, 50, seed=1)
    np.random.seed(0)
    assert (stratified_sample(labels.tolist(), 50, seed=1) == first).all()
    assert (stratified_sample(labels, 50, seed=2) != first).any()
    assert first.max() > 100  # a draw, not the first rows


def test_every_class_can_win_a_tie():
    labels = np.repeat(np.arange(77), 5)
    winners = [set(labels[stratified_sample(labels, 60, seed)].tolist()) for seed in range(40)]
    assert {len(won) for won in winners} == {60}
    assert set.union(*winners) == set(range(77))
    wins = np.bincount([one for won in winners for one in won])
    assert wins.min() > 40 * 60 / 77 / 2  # 31 of 40 are expected


def before(labels, size, seed):
    """Version 1 of the draws, word for word."""
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    quota = np.floor(shares).astype(int)
    quota[np.argsort(quota - shares, kind="stable")[: size - quota.sum()]] += 1
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(drawn))


@pytest.mark.parametrize("size", [1, 10, 33, 64, 100])
@pytest.mark.parametrize("seed", [0, 7])
def test_without_ties_the_draw_is_what_it_was(size, seed):
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2, 3], [101, 59, 23, 14]))
    remainders = np.array([101, 59, 23, 14]) * size % len(labels)
    assert len(set(remainders.tolist())) == 4
    assert (stratified_sample(labels, size, seed) == before(labels, size, seed)).all()


def test_large_counts_do_not_overflow():
    labels = np.repeat(np.arange(3, dtype=np.int8), [3, 2, 1])
    assert len(stratified_sample(labels, 4, 0)) == 4
    many = np.zeros(3_000_000, dtype=np.int8)
    many[-1] = 1
    assert len(stratified_sample(many, 2_900_000, 0)) == 2_900_000


def test_limits_of_classes_hold_and_others_take_their_places():
    labels = np.repeat([0, 1, 2], [10, 10, 2])
    drawn = labels[stratified_sample(labels, 15, 0, most=[3, 10, 2])]
    assert np.bincount(drawn).tolist() == [3, 10, 2]
    with pytest.raises(ValueError, match="16 rows cannot be drawn from 15"):
        stratified_sample(labels, 16, 0, most=[3, 10, 2])


@pytest.mark.parametrize("seed", range(20))
def test_every_class_keeps_a_row_in_train(seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(40), [1] * 20 + [2] * 19 + [3]))
    kept, held = hold_out(labels, 0.35, seed)
    assert set(labels[kept].tolist()) == set(range(40))
    assert len(held) == round(0.35 * len(labels))
    assert sorted([*kept, *held]) == list(range(len(labels)))


def test_part_held_out_is_stratified():
    labels = np.repeat([0, 1], [80, 20])
    kept, held = hold_out(labels, 0.2, 3)
    assert (np.bincount(labels[kept]).tolist(), np.bincount(labels[held]).tolist()) == ([64, 16], [16, 4])
    assert (held == before(labels, 20, 3)).all()


@pytest.mark.parametrize("labels, fraction", [([0, 1, 0, 1, 0, 1], 0.95), ([0], 0.1)])
def test_part_that_would_be_all_of_train_is_refused(labels, fraction):
    count = len(labels)
    with pytest.raises(UserError, match=f"hold out {count} of {count} training examples; use a smaller --dev_fraction"):
        hold_out(labels, fraction, 0)


def test_part_that_leaves_too_few_rows_for_the_classes_is_refused():
    with pytest.raises(UserError, match="hold out 3 of 6 training examples, too few of them left for 4 classes"):
        hold_out([0, 1, 2, 3, 3, 3], 0.5, 0)
    assert len(hold_out([0, 1, 2, 3, 3, 3], 0.3, 0)[1]) == 2
