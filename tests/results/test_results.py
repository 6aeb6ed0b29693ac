"""Reading results folders: what is there, what is missing, and what cannot be read."""

import json

import pytest
from helpers.results import CONFIG, write_results

from healbert import load_results
from healbert.arguments.parser import make_arguments
from healbert.experiment.run import run_experiment
from healbert.results.listing import list_runs
from healbert.results.read import read_results, read_runs
from healbert.results.summary import describe_damage
from healbert.utils.errors import UserError


def test_row_holds_settings_and_figures(tmp_path):
    write_results(tmp_path / "a")
    (row,) = load_results(tmp_path).to_dict("records")
    assert row["folder"] == str(tmp_path / "a")
    assert (row["task"], row["model"], row["seed"], row["corrupt_region"]) == ("sst2", "bert", 3, "bottom")
    assert (row["damaged_f1_weighted"], row["healed_f1_weighted"], row["healed_accuracy"]) == (0.5, 0.75, 0.7)
    assert (row["layers_hit"], row["seconds"], row["best_epoch"]) == (2, 3.5, 2.0)
    assert row["test_f1_weighted"] is None and row["error"] is None


@pytest.mark.parametrize("level", [0, 1])
def test_region_is_missing_where_it_means_nothing(tmp_path, level):
    write_results(tmp_path / "a", config=CONFIG | {"corrupt_level": level})
    assert load_results(tmp_path)["corrupt_region"].isna().all()


def test_a_plugins_region_has_its_name_at_level_1_too(tmp_path):
    write_results(tmp_path / "a", config=CONFIG | {"corrupt_level": 1, "corrupt_region": "outer"})
    assert load_results(tmp_path)["corrupt_region"].tolist() == ["outer"]
    damage = {"level": 1.0, "region": "outer", "embeddings": False, "pooler": False, "method": "halve", "seed": 0}
    assert describe_damage(damage) == "outer 100%, halve, seed 0"
    assert describe_damage(damage | {"region": "top"}) == "all, halve, seed 0"


def test_failed_run_is_a_row_without_figures(tmp_path):
    write_results(
        tmp_path / "a",
        status="failed",
        error={"message": "boom"},
        metrics=None,
        corruption=None,
        timing=None,
        task=None,
    )
    (row,) = load_results(tmp_path).to_dict("records")
    assert (row["status"], row["error"], row["task"]) == ("failed", "boom", "sst2")
    assert "healed_f1_weighted" not in row and row["metric"] is None and row["layers_hit"] is None


def test_real_run_reads_back(run_flags):
    results = run_experiment(make_arguments(**run_flags))
    (row,) = load_results(run_flags["output_dir"]).to_dict("records")
    assert row["healed_f1_weighted"] == results["metrics"]["healed"]["f1_weighted"]
    assert row["learning_rate"] == 1e-3
    assert read_results(run_flags["output_dir"]) == json.loads(json.dumps(results))


def test_runs_are_found_at_any_depth_and_not_inside_runs(tmp_path):
    write_results(tmp_path / "one" / "b")
    write_results(tmp_path / "one" / "b" / "checkpoint-3")
    write_results(tmp_path / "a")
    assert [folder for folder, _ in read_runs(tmp_path)[0]] == [tmp_path / "a", tmp_path / "one" / "b"]


def test_settings_of_other_programs_are_no_run_and_hide_none(tmp_path):
    write_results(tmp_path / "sub" / "run")
    for folder in (tmp_path / ".vscode", tmp_path / "sub"):
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text('{"editor.tabSize": 4}')
    for name, text in (("begun", '{"corrupt_level": 0.5}'), ("cut short", '{"healb')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.json").write_text(text)
    assert [row["run"] for row in list_runs(tmp_path)] == ["begun", "cut short", "sub/run"]
    assert len(load_results(tmp_path)) == 1


def test_what_cannot_be_used_is_named(tmp_path):
    write_results(tmp_path / "good")
    cut = write_results(tmp_path / "cut") / "results.json"
    cut.write_bytes(cut.read_bytes()[:-20])
    write_results(tmp_path / "newer", schema_version=3)
    write_results(tmp_path / "wrong", metrics={"healed": {"f1_weighted": "high"}})
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "results.json").write_text("[]")
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "settings.json").write_text("{}")
    runs, unusable = read_runs(tmp_path)
    reasons = {folder.name: reason for folder, reason in unusable}
    assert [folder.name for folder, _ in runs] == ["good"]
    assert "cut short" in reasons["cut"] and "schema 3" in reasons["newer"]
    assert "not of a HealBERT run" in reasons["list"] and reasons["started"] == "not finished"
    assert reasons["wrong"] == 'results.json: metrics.healed.f1_weighted is "high", not a number from 0 to 1'
    with pytest.warns(UserWarning) as warned:
        assert len(load_results(tmp_path)) == 1
    assert len(warned) == 4
    statuses = {row["run"]: row["status"] for row in list_runs(tmp_path)}
    assert statuses == dict.fromkeys(["cut", "list", "newer", "wrong"], "damaged") | {
        "good": "completed",
        "started": "interrupted",
    }


def test_listed_run_that_is_not_finished_has_its_settings(tmp_path, monkeypatch):
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "settings.json").write_text('{"task_name": "sst2", "corrupt_level": 0.5, "seed": 3}')
    (row,) = list_runs(tmp_path)
    assert (row["status"], row["task"], row["corrupt_level"], row["seed"]) == ("interrupted", "sst2", 0.5, 3)
    assert row["metric"] is None and row["healed"] is None

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("healbert.results.listing.is_locked", refuse)  # root is let in everywhere
    assert list_runs(tmp_path)[0]["status"] == "unfinished"


def test_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_results(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is not a folder"):
        load_results(tmp_path / "file")
    assert load_results(tmp_path).empty


def test_run_whose_states_no_probe_takes_is_read(tmp_path):
    write_results(tmp_path / "a", probes={"damaged": [{"layer": 0, "f1_weighted": None}]})
    runs, unusable = read_runs(tmp_path)
    assert (len(runs), unusable) == (1, [])
