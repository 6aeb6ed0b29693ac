"""What the disk does to a run: full, taken away, closed, with something in the way. One line, and nothing lost."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import torch
from helpers.runs import STEPS, read, rewind, run_with, same_outcome
from helpers.small import ROOT, run_script, to_flags, without_privileges
from safetensors import SafetensorError
from safetensors.torch import save_file

from healbert import UserError
from healbert.experiment.disk import faults_of_the_disk

LIMITED = """
import resource, runpy, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def one_error(done):
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(lines) == 1 and "Traceback" not in done.stderr, done.stderr[-2000:]
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [pytest.param(False, marks=pytest.mark.slow), True], ids=["checkpoints", "model"])
def test_run_goes_on_once_a_full_disk_has_room(run_flags, small_disk, tmp_path, kept):
    folder, make_room = small_disk
    flags = run_flags | {"num_train_epochs": 3, "save_model": kept}
    command = to_flags(flags | {"output_dir": str(folder / "run")})
    (folder / "ballast").write_bytes(b"0" * (300_000 if kept else 700_000))
    assert "disk is full" in one_error(run_script(*command))
    assert not (folder / "run" / "results.json").exists()
    make_room()
    done = run_script(*command)
    assert done.returncode == 0, done.stderr
    calm = run_with(flags, output_dir=str(tmp_path / "calm"))
    assert read(folder / "run")["metrics"] == calm["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [40_000, *(pytest.param(n, marks=pytest.mark.slow) for n in (600, 150_000, 300_000))])
def test_files_that_may_not_grow_cost_one_line_each(run_flags, tmp_path, limit):
    """Wherever the end comes: at settings.json, in a checkpoint's weights, in its optimizer."""
    command = to_flags(run_flags | {"num_train_epochs": 1})
    limited = [sys.executable, "-c", LIMITED, str(limit), str(ROOT / "run_corrupt_glue.py"), *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120, env=environment)
    assert "full" in one_error(done) or "cannot be written" in done.stderr
    assert run_script(*command).returncode == 0
    calm = run_with(run_flags | {"num_train_epochs": 1}, output_dir=str(tmp_path / "calm"))
    assert read(tmp_path / "run")["metrics"] == calm["metrics"]


# ---------------------------------------------------------------- in the way


def test_folder_called_almost_like_a_checkpoint_stays(with_checkpoints, settings, run, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    for name in ("checkpoint-abc", "checkpoint-", f"checkpoint-{STEPS}-mine"):
        (folder / name).mkdir()
        (folder / name / "thesis.txt").write_text("mine")
    run_with(settings, output_dir=str(folder))
    assert len(list(folder.glob("checkpoint-*/thesis.txt"))) == 3
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)
    assert same_outcome(folder, run)


@pytest.mark.parametrize("more", [{}, {"overwrite_output_dir": True}], ids=["", "overwrite"])
@pytest.mark.parametrize("name", ["predictions.parquet", "trainer_state.json", "corruption.json", "results.json"])
def test_folder_in_place_of_a_file_is_named_and_stays(run_copy, settings, name, more):
    (run_copy / "results.json").unlink()
    (run_copy / name).unlink(missing_ok=True)
    (run_copy / name).mkdir()
    (run_copy / name / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=f"in the way of a run: {name} is a folder"):
        run_with(settings, output_dir=str(run_copy), **more)
    assert (run_copy / name / "thesis.txt").read_text() == "mine"


def test_file_in_place_of_a_checkpoint_is_named(run_copy, settings):
    (run_copy / "results.json").unlink()
    (run_copy / f"checkpoint-{STEPS}").write_text("mine")
    with pytest.raises(UserError, match=f"checkpoint-{STEPS} is a file"):
        run_with(settings, output_dir=str(run_copy))


# ---------------------------------------------------------------- a marker that was damaged


@pytest.mark.parametrize("length", [None, 0, 200])
def test_run_goes_on_though_its_settings_were_lost(with_checkpoints, settings, run, tmp_path, length):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    path = folder / "settings.json"
    content = path.read_bytes()
    path.unlink() if length is None else path.write_bytes(content[:length])
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{2 * STEPS}" and same_outcome(folder, run)
    assert json.loads(path.read_text())["identity"] == json.loads(content)["identity"]


def test_settings_of_somebody_else_are_not_ours_for_a_copy_beside(with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    for text in ("{}", "// of an editor\n{}"):
        (folder / "settings.json").write_text(text)
        with pytest.raises(UserError, match="not of a HealBERT run"):
            run_with(settings, output_dir=str(folder))


def test_what_a_kill_left_goes_with_the_next_start_and_nothing_else(with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    mine = {".results.json.mine", ".notes.abcdefgh", ".settings.json.abcdefgh.txt"}
    for name in (".results.json.abc1_fgh.json", "..settings.abcdefgh", *mine):
        (folder / name).write_text("")
    run_with(settings, output_dir=str(folder))
    assert {path.name for path in folder.glob(".*")} == mine | {".settings"}


@pytest.mark.parametrize("name", [".lock", ".results.json.abc1_fgh.json"])
def test_what_a_kill_left_of_a_finished_run_goes(run_copy, settings, name):
    (run_copy / name).write_text("")
    run_with(settings, output_dir=str(run_copy))
    assert not (run_copy / name).exists()


# ---------------------------------------------------------------- what may not be read


def closed(path):
    path.chmod(0)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "what, named",
    {
        "train_file": "train.csv",
        "model": "model",
        "config": "config.json",
        "output_dir": "--output_dir",
        "inside": "settings.json|cannot be",
        "parent": "--output_dir",
    }.items(),
    ids=lambda value: value if value.isidentifier() else "",
)
def test_what_cannot_be_read_is_one_line(run_flags, tmp_path, what, named):
    model = pathlib.Path(shutil.copytree(run_flags["model_name_or_path"], tmp_path / "model"))
    train = pathlib.Path(shutil.copy(run_flags["train_file"], tmp_path / "train.csv"))
    output = tmp_path / "parent" / "run"
    output.mkdir(parents=True)
    if what == "inside":
        (output / "settings.json").write_text("{}")
    places = {"train_file": train, "model": model, "config": model / "config.json", "output_dir": output}
    place = places | {"inside": output / "settings.json", "parent": output.parent}
    flags = {"model_name_or_path": str(model), "train_file": str(train), "output_dir": str(output)}
    command = [sys.executable, str(ROOT / "run_corrupt_glue.py"), *to_flags(run_flags | flags)]
    closed(place[what])
    try:
        done = subprocess.run(without_privileges(*command), capture_output=True, text=True, timeout=120)
    finally:
        place[what].chmod(0o755)
    assert any(part in one_error(done) for part in named.split("|"))


@pytest.mark.parametrize("length", [None, 0, 200])
def test_settings_of_a_finished_run_are_restored(run_copy, settings, length):
    path = run_copy / "settings.json"
    content = path.read_text()
    path.unlink() if length is None else path.write_text(content[:length])
    results = read(run_copy)
    assert run_with(settings, output_dir=str(run_copy)) == results
    assert path.read_text() == content


def test_libraries_that_write_into_a_removed_folder_have_it_said_in_one_line(tmp_path):
    folder = tmp_path / "run" / "checkpoint-12"
    for write in (
        lambda: torch.save({"step": 1}, folder / "scheduler.pt"),
        lambda: save_file({"weight": torch.ones(2)}, folder / "model.safetensors"),
    ):
        with pytest.raises(UserError, match="was removed meanwhile"), faults_of_the_disk(tmp_path / "run"):
            write()
        with pytest.raises((RuntimeError, SafetensorError)), faults_of_the_disk(tmp_path / "another"):
            write()
