"""An interruption changes nothing."""

import json
import pathlib
import shutil
import signal

import pytest
from helpers.runs import EPOCHS, STEPS, interrupt, rewind, run_with, same_outcome

from healbert import UserError
from healbert.healing.checkpoints import MANIFEST
from healbert.healing.trainer import HealingTrainer


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
def test_run_continues_from_its_last_epoch(run, with_checkpoints, settings, tmp_path, epochs):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert same_outcome(folder, run)


def test_checkpoint_killed_while_it_was_written_is_passed_over(run, with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    checkpoint = folder / f"checkpoint-{2 * STEPS}"
    for name in (MANIFEST, "trainer_state.json"):
        (checkpoint / name).unlink()
    (checkpoint / "model.safetensors").write_bytes(b"half")
    (checkpoint / "rng_state_0.pth").write_bytes(b"of a launch of two processes")
    assert run_with(settings, output_dir=str(folder))["resumed_from"] == f"checkpoint-{STEPS}"
    assert same_outcome(folder, run)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {"cut": cut, "empty": lambda path: path.write_bytes(b""), "deleted": pathlib.Path.unlink, "flipped": flip}
STATE = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


@pytest.mark.slow
@pytest.mark.parametrize("how, name", [(how, name) for how in DAMAGE for name in STATE] + [("cut", MANIFEST)])
def test_damaged_checkpoint_is_set_aside_and_the_one_before_it_taken(
    run, with_checkpoints, settings, tmp_path, how, name
):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    DAMAGE[how](folder / f"checkpoint-{2 * STEPS}" / name)
    with pytest.warns(UserWarning, match=f"checkpoint-{2 * STEPS} is damaged"):
        results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{STEPS}"
    assert same_outcome(folder, run)
    assert not list(folder.glob("*checkpoint*"))


def test_with_all_checkpoints_damaged_the_run_starts_again(run, with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    for checkpoint in folder.glob("checkpoint-*"):
        (checkpoint / "optimizer.pt").unlink()
    with pytest.warns(UserWarning, match="is damaged"):
        assert run_with(settings, output_dir=str(folder))["resumed_from"] is None
    assert same_outcome(folder, run)


def test_two_checkpoints_stay_while_a_run_goes(settings, tmp_path, monkeypatch):
    seen, keep = [], HealingTrainer._save_checkpoint

    def count(self, *args):
        keep(self, *args)
        seen.append(sorted(path.name for path in tmp_path.glob("run/checkpoint-*")))

    monkeypatch.setattr(HealingTrainer, "_save_checkpoint", count)
    (tmp_path / "run" / "notes").mkdir(parents=True)
    for name in ("checkpoint-best-backup", "checkpoint-3-backup"):
        (tmp_path / "run" / name).mkdir()
    run_with(settings, output_dir=str(tmp_path / "run"), overwrite_output_dir=True, save_model=True)
    ours = [[name for name in names if not name.endswith("backup")] for names in seen]
    assert [len(names) for names in ours] == [1] + [2] * (EPOCHS - 1)
    assert all(f"checkpoint-{(n + 1) * STEPS}" in names for n, names in enumerate(ours))
    left = sorted(path.name for path in tmp_path.glob("run/checkpoint-*"))
    assert len(left) == 3 and {"checkpoint-3-backup", "checkpoint-best-backup"} < set(left)


def test_results_cut_short_do_not_count(run, run_copy, settings):
    (run_copy / "results.json").write_bytes((run / "results.json").read_bytes()[:500])
    run_with(settings, output_dir=str(run_copy))
    assert same_outcome(run_copy, run)


def test_moved_run_continues(run, with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    moved = folder.rename(tmp_path / "moved")
    run_with(settings, output_dir=str(moved))
    assert same_outcome(moved, run)


@pytest.mark.parametrize("kept", [True, False])
def test_the_best_checkpoint_is_looked_for_beside_the_one_that_is_named(with_checkpoints, settings, tmp_path, kept):
    """Else what the last epoch left would be told as the best."""
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    best, last = (folder / f"checkpoint-{n * STEPS}" for n in (1, 2))
    state = json.loads((last / "trainer_state.json").read_text())
    state |= {"best_global_step": STEPS, "best_metric": 2.0, "best_model_checkpoint": "gone"}
    (last / "trainer_state.json").write_text(json.dumps(state))
    (last / MANIFEST).unlink()
    more = {"output_dir": str(tmp_path / "other"), "resume_from_checkpoint": str(last)}
    if kept:
        results = run_with(settings, **more)
        first = results["metrics"]["per_epoch"][0]
        assert results["best_epoch"] == 1 and results["metrics"]["healed"]["loss"] == first["loss"]
        return
    shutil.rmtree(best)
    with pytest.raises(UserError, match=f"^checkpoint-{STEPS}, the best one so far, is not beside checkpoint "):
        run_with(settings, **more)


def test_a_run_that_began_elsewhere_goes_on_from_its_own(with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "first", epochs=2)
    more = {"output_dir": str(tmp_path / "own"), "resume_from_checkpoint": str(folder / f"checkpoint-{STEPS}")}
    done = run_with(settings, **more, save_model=True, save_total_limit=EPOCHS)
    assert done["resumed_from"] == f"checkpoint-{STEPS}"
    own = rewind(tmp_path / "own", tmp_path / "run" / "own", epochs=3)
    with pytest.warns(UserWarning, match="going on from .*, and not once more from"):
        again = run_with(settings, **more | {"output_dir": str(own)})
    assert again["resumed_from"] == f"checkpoint-{3 * STEPS}" and again["metrics"] == done["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)], ids=["KILL", "TERM", "INT"]
)
def test_interrupted_process_loses_nothing(settings, long_run, tmp_path, number, status):
    folder, more = tmp_path / "run", {"num_train_epochs": 8}
    found, errors = interrupt(settings | more, folder, number)
    assert found == status, errors
    assert not (folder / "results.json").exists()
    if number == signal.SIGINT:
        assert errors.strip().splitlines()[-1].startswith("interrupted: ") and "Traceback" not in errors
    results = run_with(settings | more, output_dir=str(folder))
    assert results["resumed_from"].startswith("checkpoint-")
    assert same_outcome(folder, long_run)


@pytest.fixture(scope="module")
def long_run(settings, tmp_path_factory):
    """The uninterrupted run of eight epochs."""
    folder = tmp_path_factory.mktemp("runs") / "long"
    run_with(settings, output_dir=str(folder), num_train_epochs=8)
    return folder
