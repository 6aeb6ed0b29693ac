"""The folder of a scan: goes on after a kill, is told from a run's, and replaces nothing of others."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from helpers.runs import state_of
from helpers.scans import save_classifier, scan_with
from helpers.small import ROOT, to_flags

from healbert import UserError, load_results, make_arguments, run_experiment
from healbert.cli.ls import ls
from healbert.experiment import scan_folder
from healbert.results.listing import list_runs
from healbert.results.read import read_scans


@pytest.fixture(scope="module")
def settings(tiny_bert, csv_files, tmp_path_factory):
    model = save_classifier(tiny_bert, tmp_path_factory.mktemp("model") / "saved")
    asked = {"model_name_or_path": model, **csv_files, "use_cpu": True, "torch_num_threads": 1}
    return asked | {"corrupt_method": "bit_flip", "strengths": "1e-5,1e-4", "repeats": 3}


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans") / "scan"
    scan_with(settings, output_dir=str(folder))
    return folder


def test_folder_holds_two_files(undisturbed):
    assert sorted(path.name for path in undisturbed.iterdir()) == ["scan.json", "settings.json"]


def command(settings, folder):
    flags = [part for part in to_flags(settings) if part != "True"]
    return [sys.executable, "-m", "healbert", "scan", *flags, "--output_dir", str(folder)]


@pytest.mark.slow
def test_killed_scan_goes_on_to_the_same_file(settings, undisturbed, tmp_path):
    folder, environment = tmp_path / "scan", {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = command(settings, folder)
    for lines in (5, 40):
        process = subprocess.Popen(asked, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not _lines(folder) > lines and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not (folder / "scan.json").exists()
    assert [row["status"] for row in list_runs(folder)] == ["scan interrupted"]
    kept = (folder / "draws.jsonl").read_bytes()
    subprocess.run(asked, env=environment, check=True, capture_output=True)
    assert len(kept.splitlines()) > 40
    assert _comparable(folder) == _comparable(undisturbed)
    assert sorted(path.name for path in folder.iterdir()) == ["scan.json", "settings.json"]


def _lines(folder):
    path = folder / "draws.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _comparable(folder):
    """scan.json, byte by byte but for the code's commit, which another helper's edit may change between the two."""
    text = json.loads((folder / "scan.json").read_text())
    del text["environment"]["git_commit"]
    return json.dumps(text)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_was_cut_short_is_measured_again(settings, undisturbed, tmp_path, monkeypatch, cut):
    folder = tmp_path / "scan"
    monkeypatch.setattr(scan_folder, "finish_scan", None)
    monkeypatch.setattr("healbert.experiment.scan.finish_scan", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        scan_with(settings, output_dir=str(folder))
    monkeypatch.undo()
    path = folder / "draws.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert scan_with(settings, output_dir=str(folder)) == json.loads((undisturbed / "scan.json").read_text())


def test_a_scan_that_begins_to_score_otherwise_is_refused(settings, tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    scan_with(settings, output_dir=str(folder), strengths="1e-5", repeats=1)
    (folder / "scan.json").unlink()
    (folder / "draws.jsonl").write_text('{"intact": {"f1_weighted": 0.1}}\n')
    with pytest.raises(UserError, match="does not score .* what it did when the scan began"):
        scan_with(settings, output_dir=str(folder), strengths="1e-5", repeats=1)


def test_other_settings_are_refused_by_name(settings, undisturbed):
    before = state_of(undisturbed)
    with pytest.raises(UserError, match="a scan of other settings: .*repeats \\(3 there, 4 now\\)"):
        scan_with(settings | {"repeats": 4}, output_dir=str(undisturbed))
    assert state_of(undisturbed) == before


def test_foreign_folders_are_refused(settings, run_flags, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    (tmp_path / "editor").mkdir()
    (tmp_path / "editor" / "settings.json").write_text('{"tabs": 4}')
    run_experiment(make_arguments(**run_flags, max_steps=1))
    for folder in (mine, tmp_path / "editor", pathlib.Path(run_flags["output_dir"])):
        before = state_of(folder)
        with pytest.raises(UserError, match="which are not of a scan; choose another --output_dir"):
            scan_with(settings, output_dir=str(folder))
        assert state_of(folder) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_does_not_take_a_scans_folder(run_flags, undisturbed, overwrite):
    before = state_of(undisturbed)
    flags = run_flags | {"output_dir": str(undisturbed), "overwrite_output_dir": overwrite}
    with pytest.raises(UserError, match="settings.json"):
        run_experiment(make_arguments(**flags))
    assert state_of(undisturbed) == before


def test_two_processes_do_not_share_a_scan(settings, tmp_path):
    from healbert.experiment.folder import lock_folder

    with lock_folder(tmp_path / "scan"), pytest.raises(UserError, match="another process"):
        scan_with(settings, output_dir=str(tmp_path / "scan"), strengths="1e-5", repeats=1)


def test_ls_names_scans_and_results_have_none(undisturbed, capsys):
    ls([str(undisturbed.parent)])
    header, row = capsys.readouterr().out.splitlines()
    assert row.split()[:4] == ["scan", "scan,", "84", "points"]
    assert load_results(undisturbed.parent).empty
    (found,), unusable = read_scans(undisturbed.parent)
    assert found[0] == undisturbed and unusable == []


@pytest.mark.parametrize(
    "content, reason",
    [
        ("{", "cut short or damaged"),
        ("[]", "not of a HealBERT scan"),
        ('{"schema_version": 99}', "schema 99, this HealBERT reads up to 1"),
        ('{"schema_version": 1}', "config is not a set of named values"),
    ],
)
def test_scans_that_cannot_be_read_are_named(undisturbed, tmp_path, content, reason):
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "settings.json").write_bytes((undisturbed / "settings.json").read_bytes())
    (folder / "scan.json").write_text(content)
    scans, unusable = read_scans(tmp_path)
    assert scans == [] and reason in unusable[0][1]
    assert reason in list_runs(tmp_path)[0]["error"]
