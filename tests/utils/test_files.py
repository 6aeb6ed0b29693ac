"""Files are written atomically, and JSON holds only what JSON can hold."""

import errno
import math
import os
import pathlib
import stat

import pytest

from healbert.utils import files
from healbert.utils.files import atomic_path, jsonable, read_json, write_json, write_json_once


def test_atomic_path_replaces_the_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_path(path) as name:
        (tmp_path / name).write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [{"a.txt": "old"}, {}], ids=["old file", "no file"])
def test_an_error_leaves_what_was_there(tmp_path, error, before):
    for file, text in before.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as name:
        (tmp_path / name).write_text("half")
        raise error
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_value_that_is_no_json_leaves_what_was_there(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_the_temporary_file_keeps_the_extension(tmp_path):
    with atomic_path(tmp_path / "a.parquet") as name:
        assert name.endswith(".parquet")


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    old = os.umask(mask)
    try:
        write_json(tmp_path / "a.json", 1)
        assert os.umask(mask) == mask  # reading the mask did not change it
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode


def test_json_round_trip(tmp_path):
    value = {"text": "déjà vu", "list": [1, 2.5, None, True], "inner": {"a": "b"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_numbers_that_json_lacks_become_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, 1.0], "c": {"d": (-math.inf, 2)}})
    assert read_json(tmp_path / "a.json") == {"a": None, "b": [None, 1.0], "c": {"d": [None, 2]}}


def test_jsonable_leaves_its_argument_alone():
    value = {1: [math.nan]}
    assert jsonable(value) == {"1": [None]}
    assert list(value) == [1]
    assert math.isnan(value[1][0])


def test_read_json_of_a_missing_file(tmp_path):
    assert read_json(tmp_path / "a.json") is None


@pytest.mark.parametrize("text", ["plain", "déjà vu"])  # a cut can go through a character of two bytes
def test_read_json_of_a_file_cut_short_anywhere(tmp_path, text):
    path = tmp_path / "a.json"
    write_json(path, {"text": text, "f1": 0.5})
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without its last newline the file still says all
        path.write_bytes(whole[:length])
        assert read_json(path) is None, f"cut after {length} of {len(whole)} bytes"


@pytest.mark.parametrize("before", [None, "{cut sho"], ids=["nothing", "a file that was cut short"])
def test_the_first_of_two_processes_writes(tmp_path, monkeypatch, before):
    """The other one comes between the first one's look and its writing."""
    path = tmp_path / "a.json"
    if before:
        path.write_text(before)

    def look(where):
        found = read_json(where)
        monkeypatch.setattr(files, "read_json", read_json)
        write_json_once(path, "other")
        return found

    monkeypatch.setattr(files, "read_json", look)
    write_json_once(path, "own")
    assert read_json(path) == "other"


def test_content_and_name_are_on_the_disk_in_this_order(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def note(handle):
        done.append(pathlib.Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("renamed"), replace(old, new)))
    write_json(tmp_path / "a.json", {"a": 1})
    assert done[0].name.startswith(".a.json.") and done[1:] == ["renamed", tmp_path]


def test_a_file_is_written_once_where_the_disk_has_no_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_json_once(tmp_path / "a.json", 1)
    write_json_once(tmp_path / "a.json", 2)
    assert read_json(tmp_path / "a.json") == 1
