"""Two runs side by side, against hand computation and statsmodels."""

import json

import numpy as np
import pytest
from helpers.report_runs import Maker, weighted_f1, write_predictions
from statsmodels.stats.contingency_tables import mcnemar as by_statsmodels

from healbert.analysis.analysis import analyse
from healbert.analysis.pairs import _as_wide, mcnemar
from healbert.utils.errors import UserError


def write(folder, labels, predictions, ids=None, **task):
    """Gives a run of `Maker` predictions, and the score that they make."""
    import pandas

    write_predictions(folder, np.array(labels), np.array(predictions), 2)
    if ids is not None:
        pandas.read_parquet(folder / "predictions.parquet").assign(id=ids).to_parquet(folder / "predictions.parquet")
    results = json.loads((folder / "results.json").read_text())
    results["metrics"]["healed"]["f1_weighted"] = weighted_f1(labels, predictions)
    results["task"] |= task
    (folder / "results.json").write_text(json.dumps(results))


@pytest.fixture
def runs(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60), "emotion": (["n", "p"], 60)})
    return [maker.run("sst2", 0.5, seed=seed, pooling=pooling) for seed, pooling in ((0, "cls"), (0, "mean"))] + [
        maker.run("emotion", 0.5)
    ]


@pytest.mark.parametrize("a, b", [(0, 0), (0, 1), (5, 5), (3, 12), (40, 21), (700, 601), (0, 2000)])
def test_mcnemar_is_that_of_statsmodels(a, b):
    assert mcnemar(a, b) == pytest.approx(by_statsmodels([[7, a], [b, 9]], exact=True).pvalue, rel=1e-9, abs=1e-300)


def test_counts_difference_and_settings(runs):
    labels = [0, 0, 0, 0, 1, 1, 1, 1]
    of_a, of_b = [0, 0, 0, 1, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0, 1, 1]
    write(runs[0], labels, of_a)
    write(runs[1], labels, of_b)
    pair = analyse(runs[:2]).pair
    assert pair.counts == (3, 3, 1, 1) and pair.p == pytest.approx(0.625)  # 2 * (1 + 4) / 16
    assert pair.difference == pytest.approx(weighted_f1(labels, of_a) - weighted_f1(labels, of_b))
    assert pair.interval[0] < pair.difference < pair.interval[1] and pair.beyond == 0
    assert pair.settings == [("pooling", '"cls"', '"mean"')] and pair.alike > 50


def test_examples_that_one_alone_predicted_are_left_out(runs):
    write(runs[0], [0, 1, 0, 1], [0, 1, 1, 1], ids=[2, 4, 6, 8])
    write(runs[1], [1, 0, 1], [1, 0, 0], ids=[4, 6, 9])
    pair = analyse(runs[:2]).pair
    assert pair.ids.tolist() == [4, 6] and pair.beyond == 3 and pair.counts == (1, 0, 1, 0)


def test_tags_are_filled_up_to_the_longest_example_of_both():
    narrow, wide = np.array([[1, 2]]), np.array([[1, 2, -100]])
    found = _as_wide(narrow, wide, narrow, np.array([0.5]))
    assert [column.tolist() for column in found] == [[[1, 2, -100]]] * 3 + [[0.5]]


def refusal(runs):
    with pytest.raises(UserError) as raised:
        analyse(runs)
    return str(raised.value)


def test_what_cannot_be_compared_is_refused(runs, tmp_path):
    assert "the task is sst2 and emotion" in refusal([runs[0], runs[2]])
    write(runs[0], [0, 1, 0], [0, 1, 1])
    write(runs[1], [0, 1, 1], [0, 1, 1])
    assert "evaluated on other examples; the label of 2 is not the same" in refusal(runs[:2])
    write(runs[1], [0, 1, 1], [0, 1, 1], ids=[7, 8, 9])
    assert "have none in common" in refusal(runs[:2])
    for run, content in zip(runs, "ab", strict=False):
        write(run, [0, 1, 0], [0, 1, 1], read={"evaluation": {"files": [{"hash": content}]}})
    assert "the files differ" in refusal(runs[:2])
    (runs[1] / "predictions.parquet").unlink()
    write(runs[0], [0, 1, 0], [0, 1, 1], read=None)
    assert "predictions.parquet is missing" in refusal(runs[:2])
    (tmp_path / "empty").mkdir()
    assert "holds no finished run" in refusal([runs[0], tmp_path / "empty"])
