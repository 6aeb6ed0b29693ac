"""The cache goes by content: what was hashed is what is read."""

import gc
import os
import pathlib
import shutil

import pandas
import pytest

from healbert.tasks.files import source, store
from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.source import content_hash
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_file_replaced_under_the_same_time_gives_the_new_rows(tmp_path, kind):
    file, other = tmp_path / f"t.{kind}", tmp_path / f"other.{kind}"
    WRITERS[kind](pandas.DataFrame({"text": ["old"], "label": ["x"]}), file)
    first, _ = read_file(file, cache_dir=tmp_path / "cache")
    WRITERS[kind](pandas.DataFrame({"text": ["new"], "label": ["x"]}), other)
    times = file.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    shutil.copy2(other, file)
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    second, found = read_file(file, cache_dir=tmp_path / "cache")
    assert (first["text"][:], second["text"][:]) == (["old"], ["new"])
    assert found.content == content_hash(file)
    assert first._fingerprint != second._fingerprint


def test_same_content_is_read_once(put, tmp_path, monkeypatch):
    one, two = put("a/t.csv", "text\nx\n"), put("b/u.csv", "text\nx\n")
    first, _ = read_file(one, cache_dir=tmp_path / "cache")
    monkeypatch.setattr(store, "_write_stream", None)
    second, found = read_file(two, cache_dir=tmp_path / "cache")
    assert second[:] == first[:] and second._fingerprint == first._fingerprint
    assert (found.path, found.rows) == (two, 1)


def test_options_and_kind_are_part_of_the_key(put, tmp_path):
    content, cache = 'a,b\n"x",y\n', tmp_path / "cache"
    file = put("t.csv", content)
    assert read_file(file, None, cache)[0]["a"][:] == ["x"]
    assert read_file(file, ReadOptions(quoting="none"), cache)[0]["a"][:] == ['"x"']
    assert read_file(put("t.tsv", content), ReadOptions(delimiter=","), cache)[0]["a"][:] == ["x"]
    assert len(list(cache.rglob("rows.arrow"))) == 3


def test_file_that_is_not_the_one_the_caller_knew(put, tmp_path):
    file = put("t.csv", "text\nx\n")
    known = content_hash(file)
    assert len(read_file(file, cache_dir=tmp_path, expected=known)[0]) == 1
    put("t.csv", "text\ny\n")
    with pytest.raises(UserError, match=r"t\.csv changed after this command looked at it"):
        read_file(file, cache_dir=tmp_path, expected=known)


@pytest.mark.parametrize("kind", WRITERS)
def test_file_that_changes_while_it_is_read(tmp_path, monkeypatch, kind):
    file = tmp_path / f"t.{kind}"
    WRITERS[kind](pandas.DataFrame({"text": ["one", "two"], "label": ["x", "y"]}), file)
    whole = store._write_stream

    def write_and_change(*arguments):
        whole(*arguments)
        with open(file, "ab") as changed:
            changed.write(b" ")

    monkeypatch.setattr(store, "_write_stream", write_and_change)
    with pytest.raises(UserError, match="changed while it was read"):
        read_file(file, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("rows.arrow"))


def test_collector_of_cycles_is_as_it_was(put, tmp_path):
    file, bad = put("t.csv", "text\nx\n"), put("bad.csv", "text\n\nx\n")
    for was_on in (True, False, True):
        gc.enable() if was_on else gc.disable()
        read_file(file, cache_dir=tmp_path / f"cache {was_on}")
        with pytest.raises(UserError):
            read_file(bad, cache_dir=tmp_path / "cache")
        assert gc.isenabled() == was_on


def test_nothing_is_kept_of_a_file_that_is_refused(put, tmp_path):
    file = put("t.csv", "text,label\n" + "a,x\n" * 5000 + "b\n")
    with pytest.raises(UserError):
        read_file(file, cache_dir=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_cache_that_cannot_be_written_is_named(put):
    file = put("t.csv", "text\nx\n")
    with pytest.raises(UserError, match=r"rows of .*t\.csv cannot be kept in the cache .*--cache_dir"):
        read_file(file, cache_dir=file)


def test_rows_lie_on_disk_and_derived_files_beside_them(put, tmp_path):
    file = put("t.csv", "text\nx\ny\n")
    rows, _ = read_file(file, cache_dir=tmp_path / "cache")
    kept = pathlib.Path(rows.cache_files[0]["filename"])
    assert kept.parent.parent == store.cache_folder(tmp_path / "cache")
    mapped = rows.map(lambda row: {"text": row["text"] * 2})
    assert pathlib.Path(mapped.cache_files[0]["filename"]).parent == kept.parent
    assert list(pathlib.Path(file).parent.glob("cache-*")) == []


def test_name_of_no_known_kind(put, tmp_path):
    with pytest.raises(UserError, match=r"t\.txt is of no known kind.*\.csv, \.tsv"):
        read_file(put("t.txt", "x"), cache_dir=tmp_path)


def test_describe(put, tmp_path):
    described = read_file(put("t.jsonl", '{"text": "x"}\n'), cache_dir=tmp_path)[1].describe()
    assert described == {"file": "t.jsonl", "rows": 1, "hash": content_hash(tmp_path / "t.jsonl")}


def test_memory_stays_flat(put, tmp_path):
    import pyarrow

    file = put("t.csv", "text,label\n" + "a text of some length that is written many times,x\n" * 400_000)
    before = pyarrow.default_memory_pool().max_memory()
    read_file(file, cache_dir=tmp_path / "cache")
    assert pyarrow.default_memory_pool().max_memory() - before < 20e6
    assert source.BLOCK <= 1 << 20
