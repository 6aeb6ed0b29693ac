"""The embedded task: which library is the first paragraph of a docstring from?

Its texts are read from the installed packages' own sources, so that no Hub is needed.
"""

import ast
import collections
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import random
import shutil
import tempfile

from ..utils.errors import UserError

# import name -> distribution name; the class names are the import names, in this order.
LIBRARIES = {
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "sympy": "sympy",
}


TRAIN_PER_CLASS, VALIDATION_PER_CLASS = 160, 100


SHORTEST, LONGEST = 40, 100  # characters


NOT_PROSE = {"tests", "testing", "externals", "extern", "_vendored", "_vendor", "vendor"}


FORMAT_VERSION = 1  # raised when the draw or the files change: another version is another folder


def docstrings_folder(cache_dir=None):
    """The folder of the embedded task (train.parquet, validation.parquet), built on first use.

    Args:
        cache_dir: where to keep it; default HEALBERT_CACHE, else ~/.cache/healbert.

    Raises:
        UserError: if one of the libraries is not installed or holds too few docstrings, or the cache cannot be
            written.
    """
    root = pathlib.Path(cache_dir or os.environ.get("HEALBERT_CACHE") or "~/.cache/healbert").expanduser()
    folder = root / f"docstrings-{docstrings_key()}"
    if not folder.is_dir():
        try:
            root.mkdir(parents=True, exist_ok=True)
            _build(folder, root)
        except OSError as error:
            raise UserError(
                f"the embedded task cannot be kept in {root} ({error.strerror}); name a folder with --cache_dir"
            ) from error
    return folder


def docstrings_key():
    """A hash of all that decides which texts the embedded task holds: the libraries' versions, how they are read.

    Raises:
        UserError: if one of the libraries is not installed.
    """
    versions = {name: _version(distribution) for name, distribution in LIBRARIES.items()}
    key = f"{FORMAT_VERSION} {TRAIN_PER_CLASS} {VALIDATION_PER_CLASS} {SHORTEST} {LONGEST} {sorted(versions.items())}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@functools.cache
def _version(distribution):
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(
            f"the embedded task reads the sources of {distribution}, which is not installed; "
            "run: pip install -r requirements.txt"
        ) from error


def _build(folder, root):
    splits = split_docstrings({name: read_docstrings(name) for name in LIBRARIES})
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=".docstrings-", dir=root))
    try:
        for split, rows in splits.items():
            _write_parquet(temporary / f"{split}.parquet", rows)
        os.replace(temporary, folder)
    except OSError:
        if not folder.is_dir():  # another process was faster: its folder holds the same
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_parquet(path, rows):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=list(LIBRARIES))})
    texts, labels = zip(*rows, strict=True)
    Dataset.from_dict({"text": texts, "label": labels}, features=features).to_parquet(path)


def split_docstrings(texts_by_library):
    """Draws the splits: texts that one library alone has, shuffled with seed 0, the same number from each.

    Args:
        texts_by_library: dict from library name to a list of texts.

    Returns:
        dict: "train" and "validation", each a list of (text, class index), sorted by nothing but the draw.
    """
    owners = collections.Counter(text for texts in texts_by_library.values() for text in set(texts))
    splits = {"train": [], "validation": []}
    for index, (name, texts) in enumerate(sorted(texts_by_library.items())):
        # Sorted: the order of a set of texts is another one in every process.
        own = sorted(text for text in set(texts) if owners[text] == 1)
        if len(own) < TRAIN_PER_CLASS + VALIDATION_PER_CLASS:
            raise UserError(f"{name} holds only {len(own)} usable docstrings; reinstall it with its sources")
        random.Random(0).shuffle(own)  # not --sample_seed: this is the dataset, which is one, like those of the Hub
        splits["train"] += [(text, index) for text in own[:TRAIN_PER_CLASS]]
        splits["validation"] += [(t, index) for t in own[TRAIN_PER_CLASS : TRAIN_PER_CLASS + VALIDATION_PER_CLASS]]
    for rows in splits.values():
        random.Random(0).shuffle(rows)
    return splits


def read_docstrings(name):
    """First paragraphs of the docstrings in an installed library's sources, tests and vendored code left out.

    Args:
        name: import name of the library.

    Returns:
        list of str: between 40 and 100 characters each, white space folded, in file order.
    """
    root = pathlib.Path(importlib.util.find_spec(name).origin).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        if NOT_PROSE.isdisjoint(path.relative_to(root).parts):
            found += [text for text in _first_paragraphs(path) if SHORTEST <= len(text) <= LONGEST]
    return found


def _first_paragraphs(path):
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, documented) and (docstring := ast.get_docstring(node)):
            yield " ".join(docstring.split("\n\n")[0].split())
