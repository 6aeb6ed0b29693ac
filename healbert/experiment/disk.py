"""What the disk may do to a run while it writes: be full, be taken away, hold something in the way."""

import contextlib
import errno
import pathlib

from safetensors import SafetensorError

from ..results.schema import CHECKPOINT, MODEL_FILES, RUN_FILES, TEXT_STAGE
from ..utils.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# How libraries whose errors carry no number say it: Rust's (safetensors, tokenizers), torch.save's, Arrow's.
SAYS_FULL = (
    "os error 28",
    "os error 122",
    "os error 27",
    "No space left",
    "PytorchStreamWriter failed",
    "unexpected pos",
    "enforce fail at inline_container",
)
# The same of a folder that is no more.
SAYS_GONE = ("os error 2)", "Parent directory")


@contextlib.contextmanager
def faults_of_the_disk(output_dir):
    """Has what goes wrong while a run writes into ``output_dir`` end in one line; any other error passes."""
    try:
        yield
    except UserError:
        raise
    except (OSError, RuntimeError, SafetensorError) as error:
        if _is_full(error):
            raise UserError(
                f"the disk is full while the run in {output_dir} saves; nothing finished is lost: make room, and the "
                "same command goes on"
            ) from error
        if isinstance(error, OSError) and error.errno and _is_in(error.filename, output_dir):
            raise UserError(f"{error.filename} cannot be written: {error.strerror}") from error
        if str(output_dir) in str(error) and any(words in str(error) for words in SAYS_GONE):
            raise UserError(f"what the run was writing into {output_dir} was removed meanwhile: {error}") from error
        raise


def _is_full(error):
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(words in str(error) for words in SAYS_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_in(name, folder):
    return isinstance(name, str) and pathlib.Path(name).absolute().is_relative_to(pathlib.Path(folder).absolute())


def require_free_places(output_dir):
    """Refuses a run's folder in which a folder stands where a run writes a file, or a file in place of a checkpoint.

    Raises:
        UserError: naming what is in the way.
    """
    files, found = {*RUN_FILES, *MODEL_FILES}, []
    for path in pathlib.Path(output_dir).iterdir():
        is_folder = bool(CHECKPOINT.fullmatch(path.name)) or path.name == TEXT_STAGE
        if (path.name in files and path.is_dir()) or (is_folder and not path.is_dir()):
            found.append(f"{path.name} is a {'folder' if path.is_dir() else 'file'}")
    if found:
        raise UserError(f"{output_dir} holds what is in the way of a run: {', '.join(sorted(found))}; move it away")


def mark_of(output_dir):
    """What tells the folder of a run from another one in its place: of settings.json, which is written once."""
    try:
        found = (pathlib.Path(output_dir) / "settings.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def require_same_folder(output_dir, mark):
    """Raises `UserError` if the folder that had this ``mark_of`` was removed, emptied or replaced since."""
    if mark_of(output_dir) != mark or not (pathlib.Path(output_dir) / "corruption.json").is_file():
        raise UserError(
            f"{output_dir} was removed or replaced while the run was at work; the same command begins again"
        )
