"""Which checkpoint an interrupted run goes on from: whole ones, which a manifest proves; damaged ones are set aside."""

import contextlib
import json
import pathlib
import re
import shutil
import warnings

import xxhash

from ..utils.errors import UserError
from ..utils.files import read_json, sync, write_json

MANIFEST = "healbert_manifest.json"  # written last: {"files": {name: [bytes, xxh3_128]}}
ASIDE = "damaged-"  # put before the name of a damaged one: neither training nor a restart looks at it again
UNREAD = "training_args.bin"  # written for people
LEAST = 2  # checkpoints that stay while a run is going: should the newer one be damaged, there is one before it


# What training may have written into one that a kill cut short, before its manifest.
WRITTEN = re.compile(
    r".*\.(safetensors|pth|pt|bin|model|distcp)|.*(config|state|tokenizer|index|tokens|tokens_map|vocab)\.json"
)


def is_checkpoint(folder):
    """Whether a folder with the name of a checkpoint is one, whole or cut short: no link, and not somebody's own."""
    folder = pathlib.Path(folder)
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:  # another process has removed it
        return False
    return not names or any(name == MANIFEST or WRITTEN.fullmatch(name) for name in names)


def write_manifest(folder):
    """Syncs every file of a checkpoint to the disk, then writes down their sizes and hashes, which makes it whole."""
    folder = pathlib.Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, UNREAD))
    for path in (*files, *{path.parent for path in files}):
        sync(path)
    write_json(folder / MANIFEST, {"files": {path.relative_to(folder).as_posix(): _print_of(path) for path in files}})


def _print_of(path):
    digest, size = xxhash.xxh3_128(), 0
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            digest.update(part)
            size += len(part)
    return [size, digest.hexdigest()]


def wrong_file(folder):
    """The first file of a checkpoint that is missing, of another size or content; None if all are as written.

    Raises:
        FileNotFoundError: if there is no manifest: the checkpoint was not written to its end.
    """
    folder = pathlib.Path(folder)
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(folder / MANIFEST)
    manifest = read_json(folder / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or "trainer_state.json" not in files:
        return MANIFEST
    return next((name for name, known in files.items() if not _is_as_written(folder / name, known)), None)


def _is_as_written(path, known):
    try:
        return path.stat().st_size == known[0] and _print_of(path) == known
    except (OSError, TypeError, IndexError):
        return False


def last_complete_checkpoint(output_dir, world_size=1, set_aside=False):
    """The newest checkpoint that is whole, was written by as many processes as there are now, and whose best is whole.

    Args:
        output_dir: folder of the run.
        world_size: number of processes; each has the state of its random generators in a file.
        set_aside: rename damaged ones, with a warning. One process of a run does.

    Returns:
        str: the checkpoint's folder; None if there is none.
    """
    by_step, whole = _by_step(output_dir), {}
    for step, folder in by_step.items():
        try:
            wrong = wrong_file(folder)
        except FileNotFoundError:  # a kill came before its end; it is written again
            continue
        if wrong is None:
            whole[step] = folder
        elif set_aside:
            _set_aside(folder, wrong)
    fits = (
        step for step in sorted(whole, reverse=True) if _fits(whole[step], world_size) and _best(whole[step]) in whole
    )
    return next((str(whole[step]) for step in fits), None)


def checkpoint_to_take_up(output_dir, named, world_size, set_aside):
    """The checkpoint that a run goes on from: the one that ``named`` names, else `last_complete_checkpoint`.

    One of another folder is where a run begins: once it has whole ones of its own, it goes on from these.

    Raises:
        UserError: if the named one is damaged.
    """
    if not named or pathlib.Path(named).resolve().parent != pathlib.Path(output_dir).resolve():
        own = last_complete_checkpoint(output_dir, world_size, set_aside)
        if own and named:
            warnings.warn(f"going on from {own}, and not once more from {named}", stacklevel=2)
        if own or not named:
            return own
    with contextlib.suppress(FileNotFoundError):  # one of another program has no manifest
        if wrong := wrong_file(named):
            raise UserError(f"--resume_from_checkpoint {named} is damaged ({wrong}); name another or leave it out")
    return named


def _by_step(output_dir):
    named = (
        (re.fullmatch(r"checkpoint-(\d+)", path.name), path) for path in pathlib.Path(output_dir).glob("checkpoint-*")
    )
    return {int(name[1]): path for name, path in named if name and is_checkpoint(path)}


def _fits(folder, world_size):
    return len(list(folder.glob("rng_state*.pth"))) == world_size


def _best(folder):
    """The step of the best checkpoint until this one, whose weights the end of training may need."""
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return state.get("best_global_step") or state["global_step"]


def _set_aside(folder, wrong):
    place = folder.with_name(ASIDE + folder.name)
    shutil.rmtree(place, ignore_errors=True)
    folder.rename(place)
    warnings.warn(
        f"checkpoint {folder} is damaged ({wrong}); set aside as {place.name}, the one before it is taken", stacklevel=3
    )


def prune(output_dir, limit, keep):
    """Deletes the oldest checkpoints of a run until ``limit`` are left, but none of those to keep.

    Args:
        output_dir: folder of the run.
        limit: a number; None or 0 for all.
        keep: folders that stay.
    """
    kept = {pathlib.Path(folder).name for folder in keep if folder}
    folders = sorted(_by_step(output_dir).items(), key=lambda entry: (_written(entry[1]), entry[0]))
    spare = [folder for _, folder in folders if folder.name not in kept]
    for folder in spare[: max(0, len(folders) - limit)] if limit else ():
        (folder / MANIFEST).unlink(missing_ok=True)  # first: half deleted is not damaged
        shutil.rmtree(folder, ignore_errors=True)


def _written(folder):
    # By time, because a run that went on from an earlier one may have later ones of before beside it.
    manifest = folder / MANIFEST
    return manifest.stat().st_mtime_ns if manifest.exists() else 0


def keep_as_asked(output_dir, state, limit):
    """Leaves as many checkpoints of a finished run as --save_total_limit says; where it is one, the best.

    Args:
        output_dir: folder of the run.
        state: `TrainerState` at its end.
        limit: a number; None for all.
    """
    last = pathlib.Path(output_dir) / f"checkpoint-{state.global_step}"
    best = state.best_model_checkpoint
    prune(output_dir, limit, [best] if best and limit == 1 else [best, last])
