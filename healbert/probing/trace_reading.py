"""A trace as results.json holds it, read: which layers were hit, and one measure by layer and epoch."""

import collections

import numpy as np

ALL = "all"  # every parameter of a layer

Measure = collections.namedtuple("Measure", "key title says")

# In the order in which they are shown: `values` of a key, what a panel is called, what it says.
MEASURES = (
    Measure(("distance", "pretrained"), "distance to the pretrained weights", "0: healed back to where it was"),
    Measure(("distance", "damaged"), "distance to the damaged weights", "how far healing moved it"),
    Measure(("distance", "intact"), "distance to the intact fine-tuned weights", "0: as in the intact model"),
    Measure(("cka", "pretrained"), "CKA with the pretrained states", "1: the same up to rotation and scale"),
    Measure(("cka", "intact"), "CKA with the intact fine-tuned states", "1: the same up to rotation and scale"),
    Measure(("attention_entropy", None), "entropy of attention (nats)", "high: attends everywhere alike"),
)


def hit_layers(trace):
    """The numbers of the layers that the damage changed and left in the model: a set of int; 0: embeddings."""
    start = trace["entries"][0]["distance"]["pretrained"][ALL]
    return {number for number, moved in zip(trace["layers"], start, strict=True) if moved != 0}


def columns(trace):
    """The names of the entries: "start", epochs, "healed"."""
    names = {"damaged": "start", "healed": "healed"}
    return [names.get(entry["stage"]) or f"{entry['epoch']:.3g}" for entry in trace["entries"]]


def rows(trace, key):
    """The number of each row of `values`: layers, or depths of states; of the embeddings, 0."""
    if key[0] == "attention_entropy":
        return trace["depths"][1:]
    return trace["depths"] if key[0] == "cka" else trace["layers"]


def values(trace, key):
    """One measure: numpy (rows, entries), NaN where there is no value; None of a trace without it.

    Args:
        trace: the part of results.json.
        key: (kind, name of what is compared with), as in `MEASURES`.
    """
    found = [_of(entry, *key) for entry in trace["entries"]]
    if any(column is None for column in found):
        return None
    return np.array(found, float).T


def _of(entry, kind, reference):
    if kind == "attention_entropy":
        return entry.get(kind)
    of = (entry.get(kind) or {}).get(reference)
    return of if kind == "cka" or of is None else of[ALL]
