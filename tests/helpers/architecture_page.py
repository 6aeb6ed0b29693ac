"""docs/architectures.md, made from the rows that `architecture_table.check` has passed."""

import textwrap

from .small_models import CLASSIFIERS

BEGINNING = """# Architectures

After this page you know what damage does in each architecture of transformers 5.23.

{count} of them were built small and damaged, and every tensor was compared with what had been read in their sources
(tests/damage/architectures). The names are model types, as in config.json; {heads} classify texts in transformers, the
others stand in *italics*. What is not said here is as [damage](damage.md) says: norm weights 1, biases 0, all other
weights drawn.

This page is written by `tests/damage/architectures/write_page.py` from the results of that test.
"""


def render(rows):
    """The page of ``rows``, a dict from model types to rows of table.yaml."""
    built = {name: row for name, row in rows.items() if "not_built" not in row}
    heads = sum(name in CLASSIFIERS for name in built)
    parts = [BEGINNING.format(count=len(built), heads=heads)]
    for title, says, chosen in _sections(rows):
        parts.append(f"## {title}\n\n{says}\n\n{chosen}\n")
    return "\n".join(parts)


def _sections(rows):
    plain = [name for name, row in rows.items() if set(row) <= {"stack", "layers", "norms"} and _is_one_list(row)]
    yield "As everywhere", "One list of layers, norms of scale weight, linear maps and convolutions.", _listed(plain)
    ones = [name for name, row in rows.items() if "norms_plus_one" in row]
    yield "Norms that multiply by one plus their weight", "Their weight becomes 0, for a scale of 1.", _listed(ones)
    experts = _grouped({name: _inputs(row) for name, row in rows.items() if "inputs" in row})
    says = "Maps that are no `nn.Linear`. fan_in is the size of the dimension (or dimensions) given, counted from 0."
    yield "Experts, heads, transposed maps", says, _table(("parameters", "architectures"), experts)
    own = _grouped({name: _named(row["own"]) for name, row in rows.items() if "own" in row})
    says = "Neither norm, bias nor map: they get the initial values that their architecture gives them."
    yield "Own initial values", says, _table(("parameters", "architectures"), own)
    sides = [name for name, row in rows.items() if "decoder" in row]
    yield "An encoder and a decoder", "`--corrupt_side` says which is damaged; the encoder unless told.", _listed(sides)
    places = {name: row["stack"] for name, row in rows.items() if "stack" in row and not _is_one_list(row)}
    says = "The text part of a model that takes pictures too, or several lists that make up the layers together."
    yield "Layers that lie elsewhere", says, _table(("layers", "architectures"), _grouped(places))
    shared = [(row["half"], _name(name)) for name, row in rows.items() if "half" in row]
    says = "Level 1 damages all; what would hit layers outside the region is refused."
    yield "Layers that share parameters", says, _table(("why", "architecture"), shared)
    refused = [(row.get("refused") or row["not_built"], _name(n)) for n, row in rows.items() if _is_out(row)]
    yield "Refused, or not tested", "The reason, and the architecture.", _table(("why", "architecture"), refused)


def _is_out(row):
    return "refused" in row or "not_built" in row


def _is_one_list(row):
    return "decoder" in row or ("+" not in row["stack"] and "_model" not in row["stack"])


def _inputs(row):
    found = {}
    for name, dims in row["inputs"].items():
        found.setdefault(" and ".join(map(str, dims)), []).append(f"`{name}`")
    return "; ".join(f"{', '.join(names)}: {dims}" for dims, names in found.items())


def _named(names):
    return ", ".join(f"`{name}`" for name in names)


def _grouped(said):
    """(what is said, the names that it is said of), each once."""
    found = {}
    for name, what in said.items():
        found.setdefault(what, []).append(_name(name))
    return [(what, ", ".join(names)) for what, names in found.items()]


def _name(name):
    return name if name in CLASSIFIERS else f"*{name}*"


def _listed(names):
    return "\n".join(textwrap.wrap(", ".join(map(_name, names)), 118, break_on_hyphens=False))


def _table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
