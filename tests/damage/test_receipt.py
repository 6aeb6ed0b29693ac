"""The receipt, recomputed with numpy from copies of our own."""

import hashlib
import json

import numpy as np
import pytest
import torch
import transformers
from helpers.architectures import ARCHITECTURES, LAYERS, NAMES, build, in_layers
from helpers.damage import (
    as_bytes,
    base_parameters,
    damaged,
    half,
    half_indices,
    tensors_of,
)
from torch import nn

from healbert.damage.apply import corrupt
from healbert.damage.spec import CorruptionSpec

every = pytest.mark.parametrize("name", NAMES)
regions = pytest.mark.parametrize("region", ["bottom", "top"])


def statistics(before, after):
    """An entry of the receipt in float64: its numbers alone."""
    x, y = (np.frombuffer(as_bytes(t.double()), dtype=np.float64) for t in (before, after))
    lengths = np.sqrt((x**2).sum()), np.sqrt((y**2).sum())
    return {
        "count": x.size,
        "mean_before": x.mean(),
        "mean_after": y.mean(),
        "std_before": x.std(),
        "std_after": y.std(),
        "norm_before": lengths[0],
        "norm_after": lengths[1],
        "relative_l2": np.sqrt(((y - x) ** 2).sum()) / lengths[0] if lengths[0] else None,
        "cosine": (x * y).sum() / lengths[0] / lengths[1] if all(lengths) else None,
    }


def rule(path):
    if path.endswith("bias"):
        return "zero"
    return "scale 1" if any(part in path.lower() for part in ("norm", "ln_")) else "method"


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_entry_of_the_receipt(name, dtype):
    model = build(name).to(dtype)
    before = tensors_of(model.base_model)
    receipt = corrupt(model, CorruptionSpec(level=half(name), embeddings=True, pooler=True))
    after = tensors_of(model.base_model)
    assert receipt.tensors
    for entry in receipt.tensors:
        path = entry.pop("name")
        assert entry.pop("rule") == rule(path)
        assert entry.pop("shape") == list(before[path].shape)
        assert entry.pop("sha256_before") == hashlib.sha256(as_bytes(before[path])).hexdigest()
        assert entry.pop("sha256_after") == hashlib.sha256(as_bytes(after[path])).hexdigest()
        expected = statistics(before[path], after[path])
        assert set(entry) == set(expected)
        for field, value in expected.items():
            near = None if value is None else pytest.approx(value, rel=1e-5, abs=1e-6)
            assert entry[field] == near, (path, field)


def test_an_entry_of_a_tensor_that_was_zero():
    model = build("bert")
    model.bert.encoder.layer[0].output.dense.weight.data.zero_()
    receipt = corrupt(model, CorruptionSpec(level=0.25))
    entry = next(t for t in receipt.tensors if t["name"] == "encoder.layer.0.output.dense.weight")
    assert (entry["relative_l2"], entry["cosine"], entry["std_before"]) == (None, None, 0)
    assert entry["std_after"] > 0


@every
def test_totals_of_the_receipt(name):
    architecture, model = ARCHITECTURES[name], build(name)
    named = base_parameters(model)
    hit = in_layers(architecture, named, half_indices(name, "top"))
    scalars = sum(named[path].numel() for path in hit)
    encoder = sum(named[path].numel() for path in in_layers(architecture, named, range(LAYERS)))
    before = torch.cat([named[path].detach().flatten().double() for path in hit])
    summary = corrupt(model, CorruptionSpec(level=half(name), region="top")).summary
    after = torch.cat([named[path].detach().flatten().double() for path in hit])
    assert summary == {
        "layers_hit": list(half_indices(name, "top")),
        "num_layers": architecture.layers,
        "layer_repeats": LAYERS // architecture.layers,
        "layer_stack": architecture.stack,
        "tensors": len(hit),
        "scalars": scalars,
        "fraction_of_encoder": scalars / encoder,
        "fraction_of_model": scalars / sum(p.numel() for p in model.parameters()),
        "untouched_tensors": len(tensors_of(model)) - len(hit),
        "untouched_bit_identical": True,
        "not_finite_before": [],
        "relative_l2": pytest.approx(((after - before).norm() / before.norm()).item(), rel=1e-5),
        "cosine": pytest.approx((after @ before / after.norm() / before.norm()).item(), rel=1e-5),
    }


def test_embeddings_count_for_the_model_but_not_for_the_encoder():
    model = build("bert")
    plain, more = (damaged(model, level=0.5, embeddings=flag)[1].summary for flag in (False, True))
    assert more["fraction_of_encoder"] == plain["fraction_of_encoder"] == 0.5
    assert more["fraction_of_model"] > plain["fraction_of_model"]


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
def test_an_untouched_tensor_that_changes_is_reported(kind):
    """A tensor outside the damage shares its memory with one inside."""
    model = build("bert")
    weight = model.bert.encoder.layer[0].attention.self.query.weight
    if kind == "parameter":
        model.bert.pooler.alias = nn.Parameter(weight.data)
    else:
        model.bert.pooler.register_buffer("alias", weight.data)
    with pytest.raises(RuntimeError, match="tensors outside the damage changed: bert.pooler.alias$"):
        corrupt(model, CorruptionSpec(level=0.25))
    assert corrupt(model, CorruptionSpec(level=0.25, region="top")).summary["untouched_bit_identical"]


def test_the_receipt_is_json():
    spec = CorruptionSpec(level=0.5, region="top", seed=5, pooler=True)
    record = corrupt(build("bert"), spec).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert CorruptionSpec(**record["spec"]) == spec
    assert record["versions"] == {"torch": torch.__version__, "transformers": transformers.__version__}
