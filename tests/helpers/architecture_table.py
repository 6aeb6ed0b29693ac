"""Checks what `corrupt` makes of an architecture against what was read in its source (table.yaml)."""

import functools
import math
import re
import warnings

import pytest
import torch
import yaml
from transformers.pytorch_utils import Conv1D

from healbert import CorruptionSpec, UserError, corrupt
from healbert.models.layers import find_layers

from .damage import as_bytes, tensors_of
from .small_models import FOLDER, small_model

WEIGHTS = {"norms": 1.0, "norms_plus_one": 0.0}  # the weight at which the scale is 1


@functools.cache
def table():
    return yaml.safe_load((FOLDER / "table.yaml").read_text())


def check(name):
    """Damages a small model of type ``name`` in all ways that its row names, and returns the row."""
    row = table().get(name)
    assert row is not None, f"{name} is untested: write its row into tests/damage/architectures/table.yaml"
    if "not_built" in row:
        with pytest.raises(ImportError, match=row["not_built"].rpartition(" ")[2]):
            small_model(name)
        return row
    if "refused" in row:
        with pytest.raises(UserError, match="several stacks of layers"):
            find_layers(small_model(name))
        return row
    fresh = [tensors_of(small_model(name, noise=False, seed=seed).base_model) for seed in (1, 2)]
    for side, part in {"encoder": row, "decoder": row.get("decoder")}.items():
        if part is not None:
            _check_whole(name, side, part, fresh)
            _check_half(name, side, row | part)
    return row


def _check_whole(name, side, row, fresh):
    """At level 1: every parameter of the layers has the values that its kind gets, and nothing else changes."""
    model = small_model(name)
    before = tensors_of(model.base_model)
    receipt = corrupt(model, CorruptionSpec(level=1, side=side))
    after = tensors_of(model.base_model)
    inside = [path for path, _ in model.base_model.named_parameters() if in_layers(path, row)]
    assert sorted(entry["name"] for entry in receipt.tensors) == sorted(inside)
    assert receipt.summary["num_layers"] == row["layers"]
    assert receipt.summary["fraction_of_encoder"] == 1
    rest = set(before) - {path for path, _ in model.base_model.named_parameters(remove_duplicate=False)} | set(before)
    changed = {path for path in rest if as_bytes(before[path]) != as_bytes(after[path])}
    assert changed - set(inside) == set(), "outside the layers"
    for path in inside:
        owner = model.base_model.get_submodule(path.rpartition(".")[0])
        _check_tensor(path, after[path], owner, row, [tensors[path] for tensors in fresh])
    rules = {entry["name"]: entry["rule"] for entry in receipt.tensors}
    assert {path for path in inside if rules[path] == "own initial values"} == {
        p for p in inside if kind(p, row) == "own"
    }


def _check_half(name, side, row):
    """At level 0.5: half of the layers, whose values are those of level 1; or refused where the row says so."""
    model = small_model(name)
    if "half" in row:
        with pytest.raises(UserError, match="level 0.5 cannot be applied"):
            corrupt(model, CorruptionSpec(level=0.5, side=side))
        return
    all_layers = small_model(name)
    corrupt(all_layers, CorruptionSpec(level=1, side=side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        receipt = corrupt(model, CorruptionSpec(level=0.5, side=side, region="top"))
    assert receipt.summary["layers_hit"] == list(range(row["layers"] // 2, row["layers"]))
    more, less = tensors_of(all_layers.base_model), tensors_of(model.base_model)
    assert all(as_bytes(more[entry["name"]]) == as_bytes(less[entry["name"]]) for entry in receipt.tensors)
    assert 0 < receipt.summary["fraction_of_encoder"] < 1


def in_layers(path, row):
    """Whether a path lies in one of the lists that hold the layers."""
    return re.match(rf"({'|'.join(map(re.escape, row['stack'].split(' + ')))})\.\d+\.", path) is not None


def kind(path, row):
    """What a parameter is, by its row: "norms", "norms_plus_one", "own", "bias" or "map"."""
    module, leaf = _named(path)
    if leaf in row.get("own", ()) or f"{module}.{leaf}" in row.get("own", ()):
        return "own"
    if leaf == "bias" or leaf.endswith("_bias"):
        return "bias"
    return next((key for key in WEIGHTS if module in row.get(key, ())), "map")


def _named(path):
    *modules, leaf = path.split(".")
    return next(part for part in reversed(modules) if not part.isdigit()), leaf


def _check_tensor(path, values, owner, row, fresh):
    what = kind(path, row)
    if what == "own":
        _check_own(path, values, fresh)
    elif what == "map":
        _check_map(path, values, inputs_of(path, values, owner, row))
    else:
        assert torch.equal(values, torch.full_like(values, WEIGHTS.get(what, 0.0))), (path, what)


def inputs_of(path, values, owner, row):
    """How many inputs one output has: by the row, else as torch's own layers are laid out."""
    module, leaf = _named(path)
    listed = row.get("inputs", {})
    dims = listed.get(leaf, listed.get(f"{module}.{leaf}"))
    if dims is not None:
        assert not isinstance(owner, Conv1D) or dims == [0]
        return math.prod(values.shape[dim] for dim in dims)
    assert hasattr(owner, "in_features") or hasattr(owner, "in_channels"), f"{path} is in no column of the table"
    kernel = math.prod(getattr(owner, "kernel_size", ()))
    return owner.in_features if hasattr(owner, "in_features") else owner.in_channels // owner.groups * kernel


def _check_map(path, values, inputs):
    bound, count = math.sqrt(6 / inputs), values.numel()
    assert (1 - 20 / count) * bound < values.abs().max() <= bound * (1 + 1e-6), path
    # One sigma of the spread of n uniform values is 0.45 / sqrt(n) of it; of their mean, spread / sqrt(n).
    assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=5 * 0.45 / math.sqrt(count)), path
    assert abs(values.mean()) < 5 * bound / math.sqrt(3 * count), path


def _check_own(path, values, fresh):
    """The values of an untrained model: the same where these are always the same, of their spread where drawn."""
    first, second = fresh
    assert values.isfinite().all()
    if torch.equal(first, second):
        assert torch.allclose(values, first, rtol=1e-6), path
        return
    spread = torch.stack([first, second]).flatten()
    low, high = spread.min() - 3 * spread.std(), spread.max() + 3 * spread.std()
    assert ((low <= values) & (values <= high)).all(), path
