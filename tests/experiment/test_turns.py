"""One launch makes what several want; the others wait for it, and take what it made."""

import os
import pathlib
import shutil
import threading
import types

import filelock
import pytest
from helpers.runs import run_with
from helpers.sweeps import wait_for
from helpers.teachers import start_run

from healbert import UserError
from healbert.experiment.turns import turn

ALONE = types.SimpleNamespace(world_size=1, process_index=0)


def test_second_waits_for_the_first_says_so_and_leaves_no_lock(tmp_path, capsys):
    path, order = tmp_path / "not" / "yet" / "thing", []

    def second():
        with turn(path, ALONE, "thing", "making") as waited:
            order.append(("second", waited))

    with turn(path, ALONE, "thing", "making") as waited:
        other = threading.Thread(target=second)
        other.start()
        wait_for(lambda: "waiting" in capsys.readouterr().out)
        order.append(("first", waited))
    other.join(timeout=60)
    assert order == [("first", False), ("second", True)]
    assert not list(path.parent.iterdir())


def test_what_fails_frees_its_turn(tmp_path):
    with pytest.raises(ZeroDivisionError), turn(tmp_path / "thing", ALONE, "thing", "making"):
        raise ZeroDivisionError
    with turn(tmp_path / "thing", ALONE, "thing", "making") as waited:
        assert not waited


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(UserError, match="file, where things are kept, cannot be written"),
        turn(tmp_path / "file" / "thing", ALONE, "thing", "making"),
    ):
        pass


@pytest.mark.slow
def test_head_that_another_process_trains_is_waited_for_and_taken(run_flags, tmp_path):
    settings = run_flags | {"task_type": "masked_lm", "num_train_epochs": 1, "disable_tqdm": True}
    first = run_with(settings)
    (head,) = (pathlib.Path(settings["output_dir"]).parent / ".heads").glob("*.safetensors")
    kept = shutil.move(head, tmp_path / "kept")
    with filelock.FileLock(head.with_name(f"{head.name}.lock")):  # as another process that trains it
        second = start_run(settings | {"output_dir": str(tmp_path / "second"), "corrupt_level": 0.25})
        said = next(line for line in second.stdout if "head" in line)
        assert said == f"waiting for the head in {head}, which another process is training\n"
        assert second.poll() is None
        os.replace(kept, head)
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0 and "one is trained" not in output, output
    assert first["model"]["head"]["content"] == head.stem and not list(head.parent.glob("*.lock"))
