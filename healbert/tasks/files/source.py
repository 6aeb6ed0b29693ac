"""A file opened once: what is hashed is what is read."""

import codecs
import contextlib
import dataclasses
import functools
import io
import os
import re

from ...utils.errors import UserError
from ...utils.files import file_state
from .options import FileKind, ReadOptions

BLOCK = 1 << 20  # bytes

MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed by gzip: end its name with .gz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: end its name with .zst",
    b"BZh": "compressed by bzip2: end its name with .bz2",
    b"PAR1": "a parquet file",
    b"ARROW1": "an arrow file",
}

UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass
class Source:
    """An open file that a reader may go through several times.

    ``content`` is the hash of its bytes; ``quoting`` the one in force, which the reader of csv and tsv may change.
    """

    path: str
    file: io.FileIO
    kind: FileKind
    options: ReadOptions
    content: str
    quoting: str | None = None

    def error(self, what, line=None):
        """The `UserError` to raise: it begins with the file and, if given, the line (counted from 1)."""
        return UserError(f"{self.path}{f', line {line}' if line else ''}: {what}")

    def check_unchanged(self):
        """Hashes the file once more, after it was read; raises `UserError` if its bytes are others."""
        if _hash(self.file) != self.content:
            raise UserError(f"{self.path} changed while it was read; start the command again")

    @contextlib.contextmanager
    def bytes(self):
        """The file's bytes from its beginning, decompressed: a binary stream."""
        with open(os.dup(self.file.fileno()), "rb", buffering=BLOCK) as raw:  # closing it leaves the file open
            raw.seek(0)
            if self.kind.compression is None:
                yield raw
            else:
                yield from self._decompressed(raw)

    def _decompressed(self, raw):
        import pyarrow

        try:
            with pyarrow.input_stream(raw, compression=self.kind.compression) as stream:
                yield io.BufferedReader(stream, BLOCK)
        except OSError as error:
            raise self.error(f"cannot be decompressed as {self.kind.compression}: {error}") from error

    def holds(self, byte):
        """Whether a byte occurs in the file."""
        with self.bytes() as stream:
            return any(byte in block for block in iter(lambda: stream.read(BLOCK), b""))

    @contextlib.contextmanager
    def text(self, newline="\n"):
        """The file's text from its beginning, without a byte order mark, its lines ending where ``newline`` says.

        Raises:
            UserError: while it is read, at the first line that the encoding cannot hold.
        """
        encoding = self.options.encoding or "utf-8"
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        self._check_first_bytes()
        try:
            with self.bytes() as stream, io.TextIOWrapper(stream, encoding=encoding, newline=newline) as text:
                yield text
        except UnicodeEncodeError:  # of a reader, which knows better what it means
            raise
        except UnicodeError as error:
            raise self._undecodable(error) from error

    def _check_first_bytes(self):
        with self.bytes() as stream:
            first = stream.read(4096)
        for magic, what in MAGIC.items():
            if first.startswith(magic):
                raise self.error(f"holds no text, but looks like {what}")
        if self.options.encoding is None and (hint := _looks_wide(first)):
            raise self.error(f"is not UTF-8, but looks like {hint.upper()}; {self.options.advice(hint)}")

    def _undecodable(self, error):
        if self.options.encoding not in (None, "utf-8"):
            why = getattr(error, "reason", error)
            return self.error(f"cannot be decoded as {self.options.encoding} ({why}); {self.options.advice()}")
        with self.bytes() as stream:
            for number, line in enumerate(stream, 1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as here:
                    found = f"byte 0x{line[here.start]:02x} at position {here.start + 1} of the line"
                    looks, name = _likely_encoding(line)
                    return self.error(f"is not UTF-8 ({found}); {looks}{self.options.advice(name)}", number)
        return self.error(f"is not UTF-8; {self.options.advice()}")


def _looks_wide(first):
    """The name of UTF-16 or UTF-32, if the first bytes of a file look like it."""
    if first.startswith(UTF32_MARKS):  # first: the mark of UTF-16 is the beginning of it
        return "utf-32"
    if first.startswith(UTF16_MARKS):
        return "utf-16"
    # Latin text in UTF-16 has a NUL in every other byte. Texts with a few NULs are left as they are.
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        half, other = first[start::2], first[1 - start :: 2]
        if len(half) > 3 and half.count(0) > 0.5 * len(half) and other.count(0) < 0.1 * len(half):
            return name
    return None


def _likely_encoding(line):
    """What a line that is not UTF-8 looks like, in words, and the name of that encoding; an empty text and None.

    Single high bytes among ASCII are what Western European text in cp1252 looks like.
    """
    single = re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", line)
    if not single or len(single) > 0.3 * len(line) or re.search(rb"[\x80-\xff]{2}", line):
        return "", None
    try:
        line.decode("cp1252")
    except UnicodeDecodeError:
        return "it looks like latin-1: ", "latin-1"
    return "it looks like cp1252, as Excel writes it: ", "cp1252"


@contextlib.contextmanager
def opened(path, kind, options, expected=None):
    """A `Source`, hashed before it is read.

    It is read through this one file handle: what another program puts in its place meanwhile is not read. What is
    written into it meanwhile `Source.check_unchanged` notices.

    Args:
        path: the file.
        kind: its `FileKind`.
        options: `ReadOptions`.
        expected: the hash that the caller knows it by (`content_hash`), or None.

    Raises:
        UserError: if it cannot be opened or is not what the caller knew.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            found = _hash(file)
            if expected not in (None, found):
                raise UserError(f"{path} changed after this command looked at it; start the command again")
            yield Source(str(path), file, kind, options, found, options.quoting)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def content_hash(path):
    """The hash of a file's bytes: 32 hexadecimal digits (XXH3, 128 bits).

    It is remembered for as long as the file's size, its time of change and its inode's time of change, which
    ``cp -p`` and tar cannot set, stay the same.
    """
    try:
        return _content_hash(str(path), file_state(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


@functools.lru_cache(maxsize=1024)
def _content_hash(path, state):
    with open(path, "rb", buffering=0) as file:
        return _hash(file)


def _hash(file):
    import xxhash

    digest, block = xxhash.xxh3_128(), bytearray(BLOCK)
    file.seek(0)
    while size := file.readinto(block):
        digest.update(memoryview(block)[:size])
    return digest.hexdigest()
