"""What `healbert ls` shows: the primary metric, named once where all runs share it."""

import json

import pytest
from helpers.results import write_results

from healbert.cli.ls import ls

ERRORS = {"errors": {"title": "errors", "greater_is_better": False, "chance": None, "range": None}}
BY_ERRORS = {"name": "mine", "type": "by_errors", "primary_metric": "errors", "metrics": ERRORS, "majority": 9}


@pytest.fixture
def by_errors(tmp_path):
    """A folder with a run that is scored by weighted F1, and a function that adds one scored by errors."""
    write_results(tmp_path / "a")
    return lambda: write_results(
        tmp_path / "b",
        schema_version=2,
        task=BY_ERRORS,
        metrics={"damaged": {"errors": 20}, "healed": {"errors": 3}},
    )


def shown(capsys, *argv):
    ls(list(map(str, argv)))
    return capsys.readouterr().out


def test_one_metric_is_in_the_headers(by_errors, tmp_path, capsys):
    header, row = shown(capsys, tmp_path).splitlines()
    assert "damaged weighted F1  healed weighted F1" in header and "metric" not in header
    assert row.split()[:3] == ["a", "completed", "sst2"] and "0.75" in row


def test_several_metrics_have_a_column(by_errors, tmp_path, capsys):
    by_errors()
    header, first, second = shown(capsys, tmp_path).splitlines()
    assert "metric" in header.split() and "damaged weighted F1" not in header
    assert "weighted F1" in first and second.split()[:3] == ["b", "completed", "mine"] and " errors " in second


def test_json_has_the_same_keys_for_every_metric(by_errors, tmp_path, capsys):
    by_errors()
    first, second = json.loads(shown(capsys, tmp_path, "--json"))
    assert list(first) == list(second)
    assert [first[key] for key in ("metric", "damaged", "healed")] == ["weighted F1", 0.5, 0.75]
    assert [second[key] for key in ("metric", "damaged", "healed")] == ["errors", 20, 3]


def test_folder_without_runs(tmp_path, capsys):
    assert shown(capsys, tmp_path) == "no runs\n"
