"""The examples that a run is surest to be wrong about, and their texts."""

import json

import numpy as np
import pandas
import pytest
from helpers.report_runs import Maker, weighted_f1
from scipy.special import softmax

from healbert.analysis.collect import collect
from healbert.analysis.mistakes import worst_mistakes
from healbert.analysis.predictions import Predictions
from healbert.analysis.texts import Texts
from healbert.tasks.files.source import content_hash


def one_run(root, **settings):
    folder = Maker(root, {"sst2": (["n", "p"], 60)}).run("sst2", 0.5, **settings)
    return folder, json.loads((folder / "results.json").read_text())


def test_worst_first_against_a_sort_by_hand(tmp_path):
    folder, results = one_run(tmp_path)
    rng = np.random.default_rng(3)
    ids, labels, logits = rng.permutation(200), rng.integers(2, size=200), rng.normal(size=(200, 2)).astype(np.float32)
    predicted = logits.argmax(axis=1)
    columns = {"id": ids, "label": labels, "prediction": predicted, "logits": list(logits)}
    pandas.DataFrame(columns).to_parquet(folder / "predictions.parquet")
    results["metrics"]["healed"]["f1_weighted"] = weighted_f1(labels, predicted)
    (folder / "results.json").write_text(json.dumps(results))
    (run,) = collect(tmp_path).runs
    sure = softmax(logits.astype(float), axis=1).max(axis=1)
    wrong = [i for i in range(200) if labels[i] != predicted[i]]
    by_hand = sorted(wrong, key=lambda i: -sure[i])[:7]
    found = worst_mistakes(run, Predictions(0), 7)
    assert [(one.id, one.label, one.predicted) for one in found] == [(ids[i], labels[i], predicted[i]) for i in by_hand]
    assert [one.confidence for one in found] == pytest.approx([sure[i] for i in by_hand])
    assert [one.at for one in found] == [one.id for one in found], "ids from 0 to 199 are places"


def test_without_logits_confidence_is_not_known(tmp_path):
    folder, _ = one_run(tmp_path)
    path = folder / "predictions.parquet"
    pandas.read_parquet(path).drop(columns="logits").to_parquet(path)
    (run,) = collect(tmp_path).runs
    found = worst_mistakes(run, Predictions(0), 3)
    assert len(found) == 3 and {one.confidence for one in found} == {None}


class TestTexts:
    @pytest.fixture
    def run(self, tmp_path):
        """A function that makes a run of a file; ``change`` acts on what the results say of it."""

        def make(change=lambda task: None, **settings):
            file = tmp_path / "validation.csv"
            file.write_text("text,label\n" + "".join(f"text {i},{'np'[i % 2]}\n" for i in range(60)))
            files = {"train_file": str(file), "validation_file": str(file), "task_name": None} | settings
            folder, results = one_run(tmp_path / "runs", cache_dir=str(tmp_path / "cache"), **files)
            task = results["task"] | {"text_columns": ["text"], "evaluation_split": "validation"}
            task["read"] = {"evaluation": {"files": [{"file": file.name, "hash": content_hash(file)}]}}
            change(task)
            (folder / "results.json").write_text(json.dumps(results | {"task": task}))
            return collect(tmp_path / "runs").runs[0]

        return make

    def test_they_are_read_again(self, run):
        read, why = Texts().of(run())
        assert why == "" and read([59, 0, 7]) == ["text 59", "text 0", "text 7"]
        assert read([60, -1]) == ["", ""], "rows that the file does not have"

    @pytest.mark.parametrize(
        ("change", "settings", "reason"),
        [
            (lambda task: task["read"]["evaluation"]["files"][0].update(hash="0" * 32), {}, "changed since the run"),
            (lambda task: task.update(read=None), {}, "do not say which files"),
            (lambda task: task.update(text_columns=["body"]), {}, "no column body"),
            (lambda task: None, {"train_file": "gone.csv", "validation_file": "gone.csv"}, "gone.csv"),
            (lambda task: None, {"train_file": None, "task_name": "sst2"}, "of the Hub"),
            (lambda task: None, {"train_file": None, "task_name": "nobodys"}, "task nobodys is not there"),
            (lambda task: None, {"train_file": 3}, "cannot be read"),
        ],
    )
    def test_why_there_are_none(self, run, change, settings, reason):
        read, why = Texts().of(run(change, **settings))
        assert read is None and reason in why
