"""One file read into a memory-mapped dataset, kept in a cache by its content."""

import contextlib
import dataclasses
import functools
import gc
import importlib
import itertools
import json
import pathlib

from ...utils.errors import UserError
from ...utils.files import atomic_path
from .options import ReadOptions, kind_of, known_kinds
from .source import opened

READER_VERSION = 1  # raise it with every change of what is read from the same bytes

READERS = {
    "csv": "delimited",
    "tsv": "delimited",
    "jsonl": "jsonlines",
    "json": "document",
    "parquet": "columnar",
    "arrow": "columnar",
}

QUOTING = b"healbert.quoting"


@dataclasses.dataclass(frozen=True)
class FileRead:
    """What was read: the file, how many rows it holds, the hash of its bytes, the quoting in force (csv, tsv), how."""

    path: str
    rows: int
    content: str
    quoting: str | None = None
    options: ReadOptions = ReadOptions()

    def describe(self):
        """What ``results.json`` says of the file."""
        quoting = {"quoting": self.quoting} if self.quoting else {}
        return {"file": pathlib.Path(self.path).name, "rows": self.rows, "hash": self.content} | quoting


def read_file(path, options=None, cache_dir=None, expected=None):
    """Reads a file of any kind in `KINDS`, every row exactly as it is written there.

    Rows are streamed into an Arrow file in the cache, whose name is a hash of the file's bytes, of what was said
    about them, and of the reader's version: another file in the same place is another entry.

    Args:
        path: the file.
        options: `ReadOptions`.
        cache_dir: the folder of the cache; None: that of the datasets library.
        expected: the hash that the caller knows the file by (`content_hash`), or None.

    Returns:
        tuple: the rows as a memory-mapped `datasets.Dataset`, and a `FileRead`.

    Raises:
        UserError: naming the file, and the line where there is one, if it cannot be read exactly.
    """
    options, kind = options or ReadOptions(), kind_of(path)
    if kind is None:
        raise UserError(f"{path} is of no known kind; a name must end with one of {known_kinds()}")
    with opened(path, kind, options, expected) as source:
        folder = cache_folder(cache_dir) / _key(source)
        target = folder / "rows.arrow"
        if not target.is_file():
            reader = importlib.import_module(f".{READERS[kind.name]}", __package__)
            with _room_for(target, path) as name, _without_collector():
                reader.read(source, functools.partial(_write_stream, source, name))
                source.check_unchanged()
        content = source.content
    return _open_stream(target, path, content, options)


def find_lines(read, rows):
    """The lines, counted from 1, in which rows of a file begin.

    Args:
        read: the `FileRead` of the file, which is gone through once more.
        rows: positions of rows in it, ascending, counted from 0.

    Returns:
        list of int; None where the file has no lines to speak of: parquet, Arrow, JSON in a single line, or a file
        that is not there any more.
    """
    kind = kind_of(read.path)
    reader = importlib.import_module(f".{READERS[kind.name]}", __package__)
    if not hasattr(reader, "lines_of_rows"):
        return None
    wanted, lines = set(rows), []
    try:
        with opened(read.path, kind, read.options, read.content) as source:
            source.quoting = read.quoting
            for row, line in enumerate(itertools.islice(reader.lines_of_rows(source), max(rows) + 1)):
                if row in wanted:
                    lines.append(line)
    except UserError:  # it is another file by now
        return None
    return None if kind.name == "json" and lines[-1] == 1 else lines


def cache_folder(cache_dir=None):
    """Where the rows of files are kept."""
    if cache_dir is None:
        import datasets

        cache_dir = datasets.config.HF_DATASETS_CACHE
    return pathlib.Path(cache_dir).expanduser() / "healbert_files"


def _key(source):
    import xxhash

    said = [READER_VERSION, source.content, dataclasses.astuple(source.kind), dataclasses.astuple(source.options)]
    return xxhash.xxh3_128_hexdigest(json.dumps(said).encode())


@contextlib.contextmanager
def _without_collector():
    """Rows make no cycles, but so many objects that Python's search for cycles takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _room_for(target, path):
    """Yields a temporary name for ``target``; errors of the disk are those of the cache, not of the file."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as name:
            yield name
    except OSError as error:
        raise UserError(
            f"the rows of {path} cannot be kept in the cache {target.parent} ({error.strerror or error}); "
            "give another folder with --cache_dir"
        ) from error


def _write_stream(source, name, schema, batches):
    """Writes record batches as an Arrow stream, in place of what the file holds; an empty one is refused."""
    import pyarrow

    _check_types(schema, source)
    if source.quoting:
        schema = schema.with_metadata({**(schema.metadata or {}), QUOTING: source.quoting.encode()})
    rows = 0
    with pyarrow.OSFile(str(name), "wb") as sink, pyarrow.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            rows += batch.num_rows
            stream.write_batch(batch)
    if not rows:
        raise source.error("holds no examples")


def _check_types(schema, source):
    """Refuses types of Arrow that the datasets library does not know."""
    import datasets

    try:
        datasets.Features.from_arrow_schema(schema)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise source.error(f"holds a column of a type that is not supported: {error}") from error


def _open_stream(target, path, content, options):
    """What `read_file` returns, for an Arrow stream in the cache.

    The dataset's fingerprint, by which the datasets library keeps what is computed from it, is the entry's name.
    """
    import datasets

    table = datasets.table.MemoryMappedTable.from_file(str(target))
    quoting = (table.schema.metadata or {}).get(QUOTING)
    rows = datasets.Dataset(table, fingerprint=pathlib.Path(target).parent.name)
    return rows, FileRead(str(path), len(rows), content, quoting and quoting.decode(), options)
