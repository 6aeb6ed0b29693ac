"""Samples keep the share of every class and depend on their seed alone."""

import numpy as np
import pytest
from helpers.data import labelled, table

from healbert.tasks.draws import stratified_sample
from healbert.utils.errors import UserError


@pytest.mark.parametrize("size", [2, 7, 50, 99, 100])
def test_stratified_sample_keeps_every_share_to_within_one(size):
    labels = np.random.default_rng(3).permutation([0] * 60 + [1] * 27 + [2] * 9 + [7] * 4)
    drawn = stratified_sample(labels, size, seed=5)
    assert len(drawn) == len(set(drawn.tolist())) == size
    assert (np.diff(drawn) > 0).all()
    for value, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert abs((labels[drawn] == value).sum() - size * count / 100) < 1


def test_stratified_sample_depends_on_its_seed_alone():
    labels = np.arange(200) % 3
    first = stratified_sample(labels, 50, seed=1)
    np.random.seed(0)
    assert (stratified_sample(labels.tolist(), 50, seed=1) == first).all()
    assert (stratified_sample(labels, 50, seed=2) != first).any()
    assert first.max() > 100  # a draw, not the first rows


def test_samples_are_stratified_and_ids_are_rows_of_the_source(load, put):
    rows = [(f"text {i}", "rare" if i % 4 == 0 else "common") for i in range(80)]
    file = put("train.csv", table(rows))
    task = load(train_file=file, validation_file=file, max_train_samples=40, max_eval_samples=20)
    train = task.splits["train"]
    assert [rows[i][0] for i in train["id"]] == train["text"][:]
    assert train["label"][:].count(1) == 10 and len(train) == 40
    assert len(task.splits["evaluation"]) == 20
    other = load(train_file=file, validation_file=file, max_train_samples=40, sample_seed=1)
    assert other.splits["train"]["id"][:] != train["id"][:]


def test_limits_above_the_size_take_everything(load, csv_files):
    task = load(**csv_files, max_train_samples=10_000, max_eval_samples=10_000)
    assert task.splits["train"]["id"][:] == list(range(96))
    assert task.splits["evaluation"]["id"][:] == list(range(42))


def test_dev_part_is_held_out_of_train_and_stratified(load, put):
    rows = [(f"text {i}", "rare" if i % 5 == 0 else "common") for i in range(100)]
    file = put("train.csv", table(rows))
    splits = load("dev", 0.2, train_file=file, validation_file=file).splits
    train, dev = set(splits["train"]["id"]), set(splits["dev"]["id"])
    assert (train & dev, train | dev) == (set(), set(range(100)))
    assert len(dev) == 20 and splits["dev"]["label"][:].count(1) == 4
    assert [rows[i][0] for i in splits["dev"]["id"]] == splits["dev"]["text"][:]
    assert splits["evaluation"]["id"][:] == list(range(100))


@pytest.mark.parametrize("rows, fraction", [(6, 0.95), (1, 0.1)])
def test_dev_part_that_would_be_all_of_train_is_refused(load, put, rows, fraction):
    file = put("train.csv", labelled("xy", rows))
    with pytest.raises(UserError, match=f"hold out {rows} of {rows} training examples; use a smaller --dev_fraction"):
        load("dev", fraction, train_file=file, validation_file=file)


def test_real_sample_keeps_the_shares_of_the_classes(load, shared_data):
    whole = load(task_name="emotion", data_root=str(shared_data))
    part = load(task_name="emotion", data_root=str(shared_data), max_train_samples=1000)
    shares = np.bincount(whole.splits["train"]["label"]) / 16
    assert np.abs(np.bincount(part.splits["train"]["label"]) - shares).max() < 1
