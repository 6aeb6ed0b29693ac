"""A receipt by layer, against the values themselves."""

import json

import numpy as np
import pytest

from healbert.analysis.receipts import read_receipt


def entry(name, before, after):
    """What a receipt says of one tensor."""
    norms = float(np.linalg.norm(before)), float(np.linalg.norm(after))
    return {
        "name": name,
        "count": before.size,
        "norm_before": norms[0],
        "norm_after": norms[1],
        "relative_l2": float(np.linalg.norm(after - before)) / norms[0] if norms[0] else None,
        "cosine": float(before @ after) / (norms[0] * norms[1]) if all(norms) else None,
    }


def write(folder, tensors):
    summary = {"layer_stack": "encoder.layer"}
    (folder / "corruption.json").write_text(json.dumps({"summary": summary, "tensors": tensors}))


def test_by_layer_is_what_the_values_together_give(tmp_path):
    rng = np.random.default_rng(0)
    values = {
        "pooler.dense.weight": (rng.normal(size=4), rng.normal(size=4)),
        "encoder.layer.10.a.weight": (rng.normal(size=6), np.zeros(6)),
        "encoder.layer.2.a.weight": (rng.normal(size=6), rng.normal(size=6)),
        "encoder.layer.2.a.bias": (np.zeros(3), rng.normal(size=3)),
    }
    write(tmp_path, [entry(name, *pair) for name, pair in values.items()])
    found = read_receipt(tmp_path)
    assert [(one.place, one.tensors, one.scalars) for one in found] == [(2, 2, 9), (10, 1, 6), ("pooler", 1, 4)]
    before, after = (
        np.concatenate([values["encoder.layer.2.a.weight"][i], values["encoder.layer.2.a.bias"][i]]) for i in (0, 1)
    )
    assert found[0].relative_l2 == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before))
    assert found[0].cosine == pytest.approx(before @ after / np.linalg.norm(before) / np.linalg.norm(after))
    assert (found[1].relative_l2, found[1].cosine) == (pytest.approx(1), None)


def test_an_intact_run_and_damaged_files(tmp_path):
    write(tmp_path, [])
    assert read_receipt(tmp_path) == []
    for text in ("", "[]", '{"summary": {}, "tensors": [{}]}', '{"summary": 3, "tensors": []}'):
        (tmp_path / "corruption.json").write_text(text)
        with pytest.raises(ValueError, match="it is damaged"):
            read_receipt(tmp_path)
    (tmp_path / "corruption.json").unlink()
    with pytest.raises(FileNotFoundError):
        read_receipt(tmp_path)
