"""A test file without labels, from the command line to the file of predictions."""

import json

import numpy as np
import pandas
import pytest
from helpers.small import make_rows, run_script, to_flags


@pytest.fixture
def predicted(tiny_bert, csv_files, put, tmp_path):
    """Runs the script with a test file; returns its results and the predictions, as a data frame."""

    def call(content, **settings):
        given = {"model_name_or_path": tiny_bert, **csv_files, "output_dir": tmp_path / "run", "corrupt_level": 0.5}
        given |= {"test_file": put("test.csv", content), "num_train_epochs": 1, "torch_num_threads": 1} | settings
        done = run_script(*to_flags(given), "--use_cpu")
        assert done.returncode == 0, done.stderr[-2000:]
        results = json.loads((tmp_path / "run" / "results.json").read_text())
        return results, pandas.read_parquet(tmp_path / "run" / "predictions_test.parquet")

    return call


def test_every_row_is_predicted_in_its_order_whatever_the_sample(predicted):
    texts = [text for text, _ in make_rows(23, seed=5)]
    results, rows = predicted("text\n" + "\n".join(texts) + "\n", max_eval_samples=6)
    assert rows["id"].tolist() == list(range(23)) and "label" not in rows
    names = results["task"]["label_names"]
    probabilities = np.stack(rows["probabilities"])
    assert probabilities.shape == (23, len(names)) and np.allclose(probabilities.sum(1), 1)
    assert rows["class"].tolist() == [names[i] for i in probabilities.argmax(1)]
    assert np.allclose(rows["probability"], probabilities.max(1)) and "test" not in results["metrics"]
    read = results["task"]["read"]
    assert {split: (of["rows"], of["used"]) for split, of in read.items()} == {
        "train": (96, 96),
        "evaluation": (42, 6),
        "test": (23, 23),
    }
    assert read["train"]["classes"] == {"bad": 48, "good": 48} and read["test"]["classes"] == {}


def test_of_a_labelled_file_a_sample_is_scored(predicted):
    lines = "".join(f"{text},{label}\n" for text, label in make_rows(20, seed=5))
    results, rows = predicted(f"text,label\n{lines}", max_eval_samples=6)
    assert len(rows) == 6 and set(rows["label"]) == {0, 1} and results["metrics"]["test"]["accuracy"] is not None
