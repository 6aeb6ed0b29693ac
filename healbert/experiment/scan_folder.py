"""The folder of a scan: what is in it, and how one that was broken off goes on."""

import contextlib
import json
import os
import pathlib

from ..arguments.marker import SCHEMA
from ..results.scan import DRAWS_NAME, SCAN_NAME, is_of_scan, read_scan
from ..results.schema import LOCK, NewerSchema
from ..utils.errors import UserError
from ..utils.files import is_left_over, jsonable, read_file, read_json, write_json
from .folder import lock_folder

SCAN_FILES = ("settings.json", SCAN_NAME, DRAWS_NAME)


def marker_of(scan):
    """What a scan's settings.json holds: what makes it the scan that it is, and its settings for readers."""
    return plain(
        {"healbert": {"schema": SCHEMA, "kind": "scan"}, "identity": scan.identity(), "config": scan.settings()}
    )


def plain(value):
    """A value as JSON gives it back, so that what was read again and what was not are the same."""
    return json.loads(json.dumps(jsonable(value), default=_plain))


def _plain(value):
    return value.item() if hasattr(value, "item") else str(value)


def finished_scan(output_dir, marker):
    """The results of a finished scan of the same settings, or None if there is something to do.

    Args:
        output_dir: a path.
        marker: what `marker_of` gives.

    Raises:
        UserError: if the folder holds another scan (what differs is named), or files that are no scan's.
    """
    try:
        if output_dir.is_file():
            raise UserError(f"--output_dir {output_dir} is a file; name a folder")
        names = sorted(path.name for path in output_dir.iterdir() if path.name != LOCK) if output_dir.exists() else []
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be used: {error.strerror}") from error
    names = [name for name in names if not is_left_over(name, SCAN_FILES)]
    if not names:
        return None
    there = read_json(output_dir / "settings.json")
    if not is_of_scan(there):
        named = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise UserError(f"{output_dir} holds {named}, which are not of a scan; choose another --output_dir")
    if there["identity"] != marker["identity"]:
        raise UserError(
            f"{output_dir} holds a scan of other settings: {_differences(there, marker)}; choose another --output_dir"
        )
    try:
        return read_scan(output_dir)
    except NewerSchema as error:
        raise UserError(f"{output_dir}: {error}") from error
    except (FileNotFoundError, ValueError):  # nothing, or not what a scan writes: it is made again
        return None
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be read: {error.strerror}") from error


def _differences(there, marker):
    before, now = there.get("config"), marker["config"]
    before = before if isinstance(before, dict) else {}
    found = [f"{name} ({before.get(name)} there, {now[name]} now)" for name in now if before.get(name) != now[name]]
    return ", ".join(found[:8]) or "content of the model or the data, or another version of HealBERT"


class Draws:
    """The draws that were measured, kept line by line while a scan is at work.

    Args:
        path: the file.

    Attributes:
        intact: metrics of the intact model when the scan began, or None.
        kept: {(point, draw): what was measured}.
    """

    def __init__(self, path):
        self.path, self.intact, self.kept = pathlib.Path(path), None, {}
        if self.path.exists():
            os.truncate(self.path, self._read())  # without a line that a kill cut short

    def _read(self):
        """Takes in the whole lines of the file; gives how many bytes they are."""
        whole = 0
        for line in read_file(self.path).splitlines(keepends=True):
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                break
            whole += len(line)
            if "intact" in entry:
                self.intact = entry["intact"]
            else:
                self.kept[entry["point"], entry["draw"]] = entry["found"]
        return whole

    def begin(self, intact):
        """Notes the intact model's metrics, or checks that they are those of the beginning.

        Raises:
            UserError: if they are not.
        """
        if self.intact is None:
            self._write({"intact": intact})
            self.intact = intact
        if self.intact != intact:
            raise UserError(
                f"the intact model does not score in {self.path.parent} what it did when the scan began (another "
                "machine or number of threads?); go on there as before, or choose another --output_dir"
            )

    def keep(self, point, draw, found):
        """Notes one draw."""
        self.kept[point, draw] = found
        self._write({"point": point, "draw": draw, "found": found})

    def _write(self, entry):
        with open(self.path, "ab") as file:
            file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def open_scan(output_dir, marker):
    """Makes the folder, keeps other processes out of it, and marks it as ours: a context that yields its `Draws`.

    Yields the results in their place if another process has finished the scan in the meantime.

    Raises:
        RunBusy: if another process is at work on it.
        UserError: if the folder cannot be written, or holds something else.
    """
    with lock_folder(output_dir):
        finished = finished_scan(output_dir, marker)
        for path in output_dir.iterdir():
            if is_left_over(path.name, SCAN_FILES):
                path.unlink(missing_ok=True)
        if finished:
            (output_dir / DRAWS_NAME).unlink(missing_ok=True)  # of a kill between the two
            yield finished
            return
        write_json(output_dir / "settings.json", marker)
        yield Draws(output_dir / DRAWS_NAME)


def finish_scan(output_dir, results):
    """Writes scan.json, and removes what was kept on the way."""
    write_json(output_dir / SCAN_NAME, results)
    (output_dir / DRAWS_NAME).unlink(missing_ok=True)
