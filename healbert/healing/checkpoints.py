"""Which checkpoint an interrupted run goes on from."""

import json
import pathlib
import re


def last_complete_checkpoint(output_dir, world_size=1):
    """The newest checkpoint that was written to its end by as many processes as there are now.

    Trainer writes ``trainer_state.json`` last: a process killed before that leaves none, or one cut short.

    Args:
        output_dir: folder of the run.
        world_size: number of processes; each has the state of its random generators in a file.

    Returns:
        str: the checkpoint's folder; None if there is none.
    """
    steps = {}
    for folder in pathlib.Path(output_dir).glob("checkpoint-*"):
        if name := re.fullmatch(r"checkpoint-(\d+)", folder.name):
            steps[int(name[1])] = folder
    newest_first = (steps[step] for step in sorted(steps, reverse=True))
    return next((str(folder) for folder in newest_first if _is_complete(folder, world_size)), None)


def _is_complete(folder, world_size):
    try:
        json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return len(list(folder.glob("rng_state*.pth"))) == world_size
