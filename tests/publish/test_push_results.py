"""Pushing the figures of many runs as a dataset."""

import io
import json
import pathlib
import shutil

import numpy as np
import pandas
import pytest
from helpers.publish import TOKEN, repository_of, results_of

from healbert import UserError
from healbert.publish.push import push_results, push_run
from healbert.publish.repository import Repository


def test_results_become_a_dataset(hub, runs, tmp_path, command):
    import datasets

    folder = shutil.copytree(runs, tmp_path / "sweep")
    (folder / "report" / ".report-a1b2").mkdir(parents=True)
    (folder / "report" / ".report-a1b2" / "report.html").write_text("of a killed report")
    (folder / "report" / "report.html").write_text(f"<p>report of {pathlib.Path.home()}/runs</p>")
    status, output, error = command("push", folder, "--repo_id", "writer/figures", "--token", TOKEN)
    assert (status, output) == (0, f"pushed to {hub.endpoint}/datasets/writer/figures\n"), error
    files = hub.repositories["dataset", "writer/figures"].files()
    assert set(files) - {".gitattributes"} == {
        *("README.md", "results.parquet", "report/report.html"),
        *("runs/damaged/results.json", "runs/intact/results.json"),
    }
    assert files["report/report.html"] == b"<p>report of ~/runs</p>"
    rows = datasets.load_dataset("writer/figures", split="train").to_pandas().set_index("folder")
    for name in ("damaged", "intact"):
        results = results_of(runs / name)
        assert rows.loc[name, "healed_f1_weighted"] == results["metrics"]["healed"]["f1_weighted"]
        assert rows.loc[name, "corrupt_level"] == results["config"]["corrupt_level"]
        assert json.loads(files[f"runs/{name}/results.json"])["metrics"] == results["metrics"]
    assert np.issubdtype(rows["learning_rate"].dtype, np.floating)


def test_results_of_a_growing_folder_are_pushed_again(hub, runs, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(runs / "damaged", folder / "damaged")
    push_results(Repository(folder, "writer/figures", "dataset", TOKEN))
    shutil.copytree(runs / "intact", folder / "intact")
    push_results(Repository(folder, "writer/figures", "dataset", TOKEN))
    repository = hub.repositories["dataset", "writer/figures"]
    assert "runs/intact/results.json" in repository.files() and len(repository.commits) == 3


def test_results_of_another_sweep_are_not_mixed_in(hub, runs, tmp_path):
    push_results(Repository(runs, "writer/figures", "dataset", TOKEN))
    shutil.copytree(runs / "damaged", tmp_path / "sweep" / "damaged")
    with pytest.raises(UserError, match=r"other content \(runs/intact/results.json\)"):
        push_results(Repository(tmp_path / "sweep", "writer/figures", "dataset", TOKEN))
    push_results(Repository(tmp_path / "sweep", "writer/figures", "dataset", TOKEN, overwrite=True))
    files = hub.repositories["dataset", "writer/figures"].files()
    assert "runs/damaged/results.json" in files and "runs/intact/results.json" not in files


def test_figures_of_a_run_without_its_model(hub, run, command):
    status, _, error = command("push", run, "--results_only", "--repo_id", "figures", "--token", TOKEN)
    assert status == 0, error
    assert f"runs/{run.name}/results.json" in hub.repositories["dataset", "writer/figures"].files()


def test_figures_of_another_run_of_the_same_folder_name_are_not_replaced(hub, runs, tmp_path):
    for place in ("first", "second"):
        shutil.copytree(runs / "intact", tmp_path / place / "mine")
    push_results(Repository(tmp_path / "first", "writer/figures", "dataset", TOKEN))
    push_results(Repository(tmp_path / "second", "writer/figures", "dataset", TOKEN))
    path = tmp_path / "second" / "mine" / "results.json"
    results = json.loads(path.read_text())
    path.write_text(json.dumps(results | {"config": results["config"] | {"learning_rate": 0.5}}))
    for folder in (tmp_path / "second", tmp_path / "second" / "mine"):
        with pytest.raises(UserError, match=r"other content \(runs/mine/results.json\)"):
            push_results(Repository(folder, "writer/figures", "dataset", TOKEN))


def test_a_file_of_that_name_alone_is_not_ours(hub, runs):
    hub.create("writer/figures", "dataset", files={"results.parquet": b"theirs"})
    with pytest.raises(UserError, match=r"other content \(results.parquet\)"):
        push_results(Repository(runs, "writer/figures", "dataset", TOKEN))


def test_the_log_of_a_failed_run_stays(hub, runs, tmp_path):
    folder = shutil.copytree(runs, tmp_path / "runs")
    path = folder / "intact" / "results.json"
    error = {"kind": "killed", "message": "signal 9", "log_tail": "of /data/me"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed", "error": error}))
    push_results(Repository(folder, "writer/figures", "dataset", TOKEN))
    files = hub.repositories["dataset", "writer/figures"].files()
    pushed = json.loads(files["runs/intact/results.json"])
    assert pushed["error"] == {"kind": "killed", "message": "signal 9"}


def test_dataset_of_someone_else_is_not_touched(hub, runs, command):
    hub.create("writer/figures", "dataset", files={"train.csv": b"a\n1\n"})
    status, _, error = command("push", runs, "--repo_id", "writer/figures", "--token", TOKEN)
    assert status == 2 and "other content (train.csv)" in error


def test_folder_without_runs_is_refused(hub, tmp_path, command):
    status, _, error = command("push", tmp_path, "--token", TOKEN)
    assert status == 2 and "no finished runs" in error
    status, _, error = command("push", tmp_path / "nowhere", "--token", TOKEN)
    assert status == 2 and "is not a folder" in error
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").touch()
    status, _, error = command("push", tmp_path / "report", "--token", TOKEN)
    assert status == 2 and error.endswith(f"python -m healbert push {tmp_path}")


def test_home_folder_stays_at_home(hub, run, monkeypatch):
    monkeypatch.setenv("HOME", str(pathlib.Path(results_of(run)["config"]["train_file"]).parent))
    push_run(repository_of(run))
    files = hub.repositories["model", "writer/healed"].files()
    assert json.loads(files["results.json"])["config"]["train_file"] == "~/train.csv"
    assert not any(str(pathlib.Path.home()).encode() in content for content in files.values())


def test_home_folder_stays_out_of_the_table(hub, runs, monkeypatch):
    home = str(pathlib.Path(results_of(runs / "damaged")["config"]["train_file"]).parent)
    monkeypatch.setenv("HOME", home)
    push_results(Repository(runs, "writer/figures", "dataset", TOKEN))
    files = hub.repositories["dataset", "writer/figures"].files()
    assert set(pandas.read_parquet(io.BytesIO(files["results.parquet"]))["train_file"]) == {"~/train.csv"}
    assert home not in files["README.md"].decode()
