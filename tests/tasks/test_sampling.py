"""Samples of a loaded task: what --max_..._samples and --selection dev take; the draws themselves: test_draws.py."""

import numpy as np
import pytest
from helpers.data import labelled, table

from healbert.utils.errors import UserError


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


@pytest.mark.parametrize("rows, fraction", [(6, 0.95), (2, 0.95)])
def test_dev_part_that_would_be_all_of_train_is_refused(load, put, rows, fraction):
    file = put("train.csv", labelled("xy", rows))
    with pytest.raises(UserError, match=f"hold out {rows} of {rows} training examples; use a smaller --dev_fraction"):
        load("dev", fraction, train_file=file, validation_file=file)


def test_real_sample_keeps_the_shares_of_the_classes(load, shared_data):
    whole = load(task_name="emotion", data_root=str(shared_data))
    part = load(task_name="emotion", data_root=str(shared_data), max_train_samples=1000)
    shares = np.bincount(whole.splits["train"]["label"]) / 16
    assert np.abs(np.bincount(part.splits["train"]["label"]) - shares).max() < 1
