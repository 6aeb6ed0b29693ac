"""Which checkpoint an interrupted run goes on from."""

import json
import pathlib


def last_complete_checkpoint(output_dir, world_size=1):
    """The newest checkpoint that was written to its end, or None.

    Trainer writes ``trainer_state.json`` last; a process killed before that leaves none, or one cut short.
    """
    folders = pathlib.Path(output_dir).glob("checkpoint-*")
    for folder in sorted(folders, key=lambda p: int(p.name.rpartition("-")[2]), reverse=True):
        if _is_complete(folder, world_size):
            return str(folder)
    return None


def _is_complete(folder, world_size):
    try:
        json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return len(list(folder.glob("rng_state*.pth"))) == world_size
