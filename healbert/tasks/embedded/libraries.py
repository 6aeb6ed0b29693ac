"""The libraries whose sources the embedded tasks are read from."""

import ast
import collections
import functools
import importlib.metadata
import importlib.util
import pathlib
import random

from ...utils.errors import UserError

# import name -> distribution name; class names are the import names, in this order.
LIBRARIES = {
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "sympy": "sympy",
}


NOT_PROSE = {"tests", "testing", "externals", "extern", "_vendored", "_vendor", "vendor"}
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


@functools.cache
def version(distribution):
    """The version of an installed library.

    Raises:
        UserError: if it is not installed.
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(
            f"the embedded tasks read the sources of {distribution}, which is not installed; "
            "run: pip install -r requirements.txt"
        ) from error


def source_files(name):
    """The files of an installed library's sources, tests and vendored code left out.

    Args:
        name: import name of the library.

    Yields:
        tuple: the path, and its module as a tuple of names, the library's first; in the order of the paths.
    """
    root = pathlib.Path(importlib.util.find_spec(name).origin).parent
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if NOT_PROSE.isdisjoint(parts):
            yield path, (name, *(part for part in parts if part != "__init__"))


def docstrings_of(name):
    """The docstrings of an installed library, indentation removed, in file order: yields (module, docstring)."""
    for path, module in source_files(name):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, DOCUMENTED) and (docstring := ast.get_docstring(node)):
                yield module, docstring


def folded(text):
    """A text with every white space a single space."""
    return " ".join(text.split())


def only_once(rows_by_library, texts=1):
    """The rows whose texts are in no other row: {library: sorted list of rows}.

    Args:
        rows_by_library: dict from library name to a list of tuples.
        texts: how many of a row's values, from its first on, are texts.
    """
    times = collections.Counter(text for rows in rows_by_library.values() for row in rows for text in row[:texts])
    return {
        name: sorted(row for row in rows if all(times[text] == 1 for text in row[:texts]))
        for name, rows in rows_by_library.items()
    }


def draw(rows_by_library, train, validation, what):
    """Draws the splits: as many rows of each library, shuffled with seed 0, in an order of nothing but the draw.

    Args:
        rows_by_library: dict from library name to a sorted list of rows, no two of which are alike.
        train, validation: how many of each library.
        what: what a row is, for messages.

    Returns:
        dict: "train" and "validation", each a list of rows.

    Raises:
        UserError: if a library has too few.
    """
    splits = {"train": [], "validation": []}
    for name, rows in sorted(rows_by_library.items()):
        if len(rows) < train + validation:
            raise UserError(f"{name} holds only {len(rows)} usable {what}; reinstall it with its sources")
        rows = list(rows)
        random.Random(0).shuffle(rows)  # not --sample_seed: this is the dataset, which is one, like those of the Hub
        splits["train"] += rows[:train]
        splits["validation"] += rows[train : train + validation]
    for rows in splits.values():
        random.Random(0).shuffle(rows)
    return splits
