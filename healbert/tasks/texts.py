"""Text without labels: `--heal_text FILE`."""

import functools
import pathlib

from ..models.masking import never_hidden
from ..utils.errors import UserError
from .columns import is_string
from .files.options import COMPRESSIONS, FileKind, ReadOptions, kind_of, known_kinds
from .files.source import content_hash, opened
from .files.store import read_file

PLAIN = ".txt"  # one text a line
COLUMN = "text"


class TextOptions(ReadOptions):
    """How texts are read: as UTF-8. The flags that say otherwise are of the task's files."""

    def advice(self, encoding=None):
        return "convert it to UTF-8" + (f" (iconv -f {encoding} -t utf-8)" if encoding else "")


def check_text_file(path):
    """Raises `UserError` if a file is missing, empty or of no known kind."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"--heal_text {path} does not exist or is not a file")
    if not _is_plain(path) and kind_of(path) is None:
        raise UserError(f"--heal_text {path} ends in '{path.suffix}'; use one of {PLAIN}, {known_kinds()}")
    if path.stat().st_size == 0:
        raise UserError(f"--heal_text {path} is empty")


def _is_plain(path):
    return _without_compression(path).suffix.lower() == PLAIN


def _without_compression(path):
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path


class TextSource:
    """A file of text without labels. What it holds is found out once, and is what is read later.

    Args:
        path: the file.
        cache_dir: where rows of files are kept; None: the datasets library's folder.
    """

    def __init__(self, path, cache_dir=None):
        self.path, self._cache_dir = path, cache_dir

    @functools.cached_property
    def content(self):
        """The hash of its bytes."""
        return content_hash(self.path)

    @property
    def fingerprint(self):
        """What the text is: "files:..."."""
        return f"files:{self.content}"

    def read(self):
        """Its texts, without blank ones: a list of str.

        Raises:
            UserError: if it cannot be read as UTF-8, has no text column, or holds no text.
        """
        return list(_read(str(self.path), self._cache_dir, self.content))


@functools.lru_cache(maxsize=2)  # a sweep asks for the same file for each of its runs
def _read(path, cache_dir, content):
    texts = _lines(path, content) if _is_plain(pathlib.Path(path)) else _column(path, cache_dir, content)
    found = tuple(text for text in texts if text and text.strip())
    if not found:
        raise UserError(f"--heal_text {path} holds no text, only blank lines or rows")
    return found


def _lines(path, content):
    compression = COMPRESSIONS.get(pathlib.Path(path).suffix.lower())
    with opened(path, FileKind("txt", compression), TextOptions(), content) as source:
        with source.text() as text:
            lines = [line.rstrip("\r\n") for line in text]
        source.check_unchanged()
    return lines


def _column(path, cache_dir, content):
    rows, _ = read_file(path, TextOptions(), cache_dir, content)
    names = [name for name, feature in rows.features.items() if is_string(feature)]
    chosen = COLUMN if COLUMN in names else names[0] if len(names) == 1 else None
    if chosen is None:
        listed = ", ".join(rows.column_names)
        raise UserError(
            f"--heal_text {path} has no column '{COLUMN}' and not one column of text alone (there are: {listed}); "
            f"rename the column to '{COLUMN}'"
        )
    return rows[:][chosen]


def encode_texts(texts, tokenizer, most):
    """Token ids of texts, those left out that come to no token but special ones.

    Args:
        texts: list of str.
        tokenizer: a transformers tokenizer.
        most: tokens of a text, at most; longer ones are cut.

    Returns:
        datasets.Dataset: what the tokenizer gives, and ``row``, the number of each text.

    Raises:
        UserError: if none is left.
    """
    from datasets import Dataset

    special = never_hidden(tokenizer)

    def encode(batch):
        columns = tokenizer(batch["text"], truncation=True, max_length=most)
        keep = [row for row, ids in enumerate(columns["input_ids"]) if not special.issuperset(ids)]
        return {name: [values[row] for row in keep] for name, values in columns.items()}

    rows = Dataset.from_dict({"text": texts})
    rows = rows.map(encode, batched=True, remove_columns=["text"], desc="Tokenizing --heal_text")
    if not len(rows):
        raise UserError("--heal_text comes to no tokens at all; is it of the tokenizer's language?")
    return rows.add_column("row", list(range(len(rows))))
