"""What a user can say about a file, and what its name says."""

import codecs
import dataclasses
import pathlib

from ...utils.errors import UserError

KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
}

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}  # those that pyarrow reads

TAKEN_BY = {
    "delimiter": ("csv", "tsv"),
    "encoding": ("csv", "tsv", "json", "jsonl"),
    "quoting": ("csv", "tsv"),
    "json_field": ("json",),
}


QUOTINGS = ("minimal", "none")

NAMED_DELIMITERS = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How files are read where their names do not say it.

    Args:
        delimiter: one character between the fields of csv and tsv, or its name (tab, comma, semicolon, pipe, space);
            None: a comma in csv, a tab in tsv.
        encoding: a codec of Python; None: UTF-8, with or without a byte order mark.
        quoting: "minimal": a field may stand in double quotes, and those inside it are doubled (RFC 4180);
            "none": a quote is a character like any other; None: minimal, and a tsv that breaks its rules is read
            with none.
        json_field: the field of a JSON object that holds the list of examples.

    Raises:
        UserError: if a value cannot be used.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None
    json_field: str | None = None

    def __post_init__(self):
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", NAMED_DELIMITERS.get(self.delimiter, self.delimiter))
            if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
                names = ", ".join(name for name in NAMED_DELIMITERS if name.isalpha())
                raise UserError(f"--delimiter {self.delimiter!r} is not one character (or one of {names})")
        if self.quoting not in (None, *QUOTINGS):
            raise UserError(f"--quoting '{self.quoting}' is not known (known: {', '.join(QUOTINGS)})")
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _codec(self.encoding))

    def require_use(self, paths):
        """Refuses what none of the files takes, as it would have no effect.

        Args:
            paths: of the files, whose names say what they are.

        Raises:
            UserError: naming the option and the files that take it.
        """
        kinds = {kind.name for path in paths if (kind := kind_of(path))}
        for name in self.given:
            if kinds and not kinds & set(TAKEN_BY[name]):
                listed = " or ".join(f".{kind}" for kind in TAKEN_BY[name])
                raise UserError(f"--{name} is for {listed} files, and none is given; leave it out")

    def advice(self, encoding=None):
        """What to do about a file that is not UTF-8, in words; ``encoding`` is what it may be."""
        return f"give --encoding {encoding}" if encoding else "give its --encoding"

    @property
    def given(self):
        """The names of the options that are not left open."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None]


def _codec(name):
    try:
        found = codecs.lookup(name)
        if not found._is_text_encoding:  # "hex" and "zip" are codecs, too
            raise LookupError
    except LookupError:
        raise UserError(f"--encoding '{name}' is not known; examples: utf-8, utf-16, cp1252, latin-1") from None
    return found.name


@dataclasses.dataclass(frozen=True)
class FileKind:
    """``name`` of a value in `KINDS`, and ``compression`` of one in `COMPRESSIONS` or None."""

    name: str
    compression: str | None = None


def kind_of(path):
    """The `FileKind` that a file's name says, or None if files of this name are not read."""
    suffixes = [suffix.lower() for suffix in pathlib.PurePath(path).suffixes]
    compression = COMPRESSIONS.get(suffixes.pop()) if suffixes and suffixes[-1] in COMPRESSIONS else None
    name = KINDS.get(suffixes[-1]) if suffixes else None
    return FileKind(name, compression) if name else None


def known_kinds():
    """The suffixes of files that are read, for messages."""
    return f"{', '.join(KINDS)}, also with {', '.join(COMPRESSIONS)}"
