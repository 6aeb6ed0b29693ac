"""Several damages in a row: the values of one after another, one receipt, and every bit back again."""

import hashlib
import json

import pytest
import torch
from helpers.architectures import build
from helpers.damage import as_bytes, base_parameters, differing, tensors_of
from helpers.methods import lively
from transformers import T5Config, T5Model

from healbert import CorruptionSpec, corrupt, corrupted, match_severity
from healbert.damage.series import read_corruptions, select_all
from healbert.utils.errors import UserError

NOISE = CorruptionSpec(level=0.5, method="gaussian_noise", seed=1)
PRUNE = CorruptionSpec(layers="1,3", method="random_prune", seed=2)
FIRST_ONLY, BOTH, LAST_ONLY, NONE = (f"encoder.layer.{index}.intermediate.dense.weight" for index in (0, 1, 3, 2))


def sha(model, name):
    return hashlib.sha256(as_bytes(base_parameters(model)[name])).hexdigest()


def test_values_are_those_of_one_damage_after_the_other():
    together, apart = lively(), lively()
    corrupt(together, [NOISE, PRUNE])
    for spec in (NOISE, PRUNE):
        corrupt(apart, spec)
    assert not differing(tensors_of(apart), tensors_of(together))
    turned = lively()
    corrupt(turned, [PRUNE, NOISE])
    assert differing(tensors_of(apart), tensors_of(turned)), "the order should matter where both hit"


def test_the_receipt_says_each_tensor_once():
    model, intact = lively(), lively()
    receipt = corrupt(model, [NOISE, PRUNE])
    entries = {entry["name"]: entry for entry in receipt.tensors}
    assert len(entries) == len(receipt.tensors) == receipt.summary["tensors"]
    assert [entries[name]["damages"] for name in (FIRST_ONLY, BOTH, LAST_ONLY)] == [[0], [0, 1], [1]]
    assert NONE not in entries and entries[BOTH]["rule"] == "method, then method"
    assert entries[BOTH.replace("weight", "bias")]["rule"] == "method, then kept"
    for name in (FIRST_ONLY, BOTH, LAST_ONLY):
        assert entries[name]["sha256_before"] == sha(intact, name) and entries[name]["sha256_after"] == sha(model, name)
    before, after = (base_parameters(m) for m in (intact, model))
    moved = sum(((after[n] - before[n]).double() ** 2).sum().item() for n in entries)
    length = sum((before[n].double() ** 2).sum().item() for n in entries)
    assert receipt.summary["relative_l2"] == pytest.approx((moved / length) ** 0.5, rel=1e-5)
    assert receipt.summary["layers_hit"] == [0, 1, 3]
    assert receipt.summary["scalars"] == sum(before[name].numel() for name in entries)
    assert receipt.summary["tensors"] + receipt.summary["untouched_tensors"] == len(tensors_of(model))
    order = [name for name in before if name in entries]
    assert [entry["name"] for entry in receipt.tensors] == order
    json.dumps(receipt.to_dict())
    assert [spec["method"] for spec in receipt.to_dict()["spec"]["corruptions"]] == ["gaussian_noise", "random_prune"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_undo(dtype):
    model = lively(dtype=dtype)
    before = tensors_of(model)
    receipt = corrupt(model, [NOISE, PRUNE, NOISE])
    assert differing(before, tensors_of(model))
    receipt.undo(model)
    assert not differing(before, tensors_of(model))
    with corrupted(model, [NOISE, PRUNE]):
        assert differing(before, tensors_of(model))
    assert not differing(before, tensors_of(model))


def test_parts_of_one_weight():
    """Queries of a fused weight, then keys of it: the receipt names both parts as one, and the rest stays."""
    query, key = (CorruptionSpec(level=1, components=part, method="zero") for part in ("query", "key"))
    model = build("modernbert")
    before = tensors_of(model)
    receipt = corrupt(model, [query, key])
    entry = receipt.tensors[0]
    assert entry["damages"] == [0, 1] and entry["name"].endswith("Wqkv.weight[0-63]")
    weight = base_parameters(model)[entry["name"].partition("[")[0]]
    assert not weight[:64].any() and weight[64:].all()
    receipt.undo(model)
    assert not differing(before, tensors_of(model))


def test_one_alone_and_what_is_intact():
    one, other, none = lively(), lively(), lively()
    receipt = corrupt(one, [CorruptionSpec(level=0), NOISE])
    assert receipt.to_dict() == corrupt(other, NOISE).to_dict()
    assert corrupt(none, [CorruptionSpec(level=0)] * 2).tensors == []
    assert not differing(tensors_of(none), tensors_of(lively()))


def test_a_later_damage_that_is_refused_leaves_the_model_intact():
    model = lively()
    before = tensors_of(model)
    move = CorruptionSpec(level=1, components="ffn", method="reverse_layers")
    with pytest.raises(UserError, match="moves whole layers"):
        corrupt(model, [NOISE, move])
    assert not differing(before, tensors_of(model))


def test_severity_is_that_of_all_by_the_strength_of_the_last():
    prune = CorruptionSpec(level=0.5, method="random_prune", seed=4)
    model, again = lively(), lively()
    receipt = match_severity(model, [NOISE, prune], "l2=0.4")
    found = receipt.summary["severity"]
    assert receipt.summary["relative_l2"] == found["reached"] == pytest.approx(0.4, rel=0.02)
    last = CorruptionSpec(level=0.5, method="random_prune", seed=4, strength=found["strength"])
    assert corrupt(again, [NOISE, last]).tensors == receipt.tensors
    assert receipt.spec == [NOISE, last]


def test_both_sides():
    sizes = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_heads": 4, "vocab_size": 32}
    model = T5Model(T5Config(**sizes, num_layers=2, num_decoder_layers=2))
    specs = [CorruptionSpec(level=0.5, side=side, method="zero") for side in ("encoder", "decoder")]
    receipt = corrupt(model, specs)
    assert {entry["name"].split(".")[0] for entry in receipt.tensors} == {"encoder", "decoder"}


def test_donors_go_by_their_names():
    model, donor = lively(), build("bert")
    spec = CorruptionSpec(layers="0", method="donor", donor="other")
    corrupt(model, [spec, PRUNE], donor={"other": donor})
    assert torch.equal(base_parameters(model)[FIRST_ONLY], base_parameters(donor)[FIRST_ONLY])


class TestReading:
    def test_seeds(self):
        """The first without a seed has the one that is given, the next its own; none of level 0 counts."""
        noise = {"level": 0.5, "method": "gaussian_noise"}
        given = [{"level": 0}, noise, noise, {**noise, "seed": 9}, noise]
        seeds = [spec.seed for _, spec in read_corruptions(given, 3)]
        assert seeds[0] == 3 and seeds[2] == 9 and len(set(seeds)) == 4
        assert seeds == [spec.seed for _, spec in read_corruptions(json.dumps(given[1:]), 3)]
        assert seeds[1] != [spec.seed for _, spec in read_corruptions(given, 4)][1]

    @pytest.mark.parametrize(
        "given, said",
        [
            ([], "is an empty list"),
            ("[", "is not JSON"),
            ("{}", "is not a list of damages; in a sweep's grid"),
            ("3", "is not a list of damages"),
            ([[]], "entry 1 is \\[\\], not a mapping"),
            ([{"level": 1}, None], "entry 2 is null, not a mapping"),
            ([{"levle": 1}], "entry 1: 'levle' is no field of a damage; did you mean 'level'"),
            ([{"corrupt_level": 1}], "did you mean 'level'"),
            ([{"level": "half"}], "entry 1: corruption level 'half' is not a number"),
            ([{"level": float("nan")}], "level nan is not a fraction"),
            ([{"level": 1, "embeddings": "yes"}], 'embeddings "yes" is not true or false'),
            ([{"level": 1, "method": ["zero"]}], "method .* is not a text"),
            ([{"level": 1, "seed": 0.5}], "seed 0.5 is not a whole number"),
            ([{"level": 1, "method": "gaussian_noise", "strength": "much"}], "std much is not a number"),
            ([{"level": 1, "method": "gaussian_noise", "strength": [1]}], "std \\[1\\] is not a number"),
            ([{"level": 1, "method": "gaussian_noise", "strength": True}], "std True is not a number"),
            ([{"level": 1, "method": "gaussian_noise", "strength": float("nan")}], "std nan is not a number"),
            ([{"level": 1, "method": "normal", "options": {"std": None}}], "std None is not a number"),
            ([{"level": 1, "method": "donor", "donor": 3}], "entry 1: donor 3 is not a text"),
            ([{"layers": "0-99999999999"}], "layers '0-99999999999' are not numbers and spans"),
            ([{"level": 1, "method": "zero", "strength": 1}], "entry 1: method 'zero' has no strength"),
            ([{"level": 1}, {"layers": "0", "method": "drop_layers"}], "drop_layers cannot be one of several"),
        ],
    )
    def test_refused(self, given, said):
        with pytest.raises(UserError, match=said) as caught:
            read_corruptions(given)
        assert "\n" not in str(caught.value)

    def test_no_specs(self):
        with pytest.raises(UserError, match="the list of damages is empty"):
            corrupt(lively(), [])


def test_what_all_hit_is_found_without_weights():
    with torch.device("meta"):
        model = build("bert")
    _, hits, each = select_all(model, [NOISE, PRUNE])
    receipt = corrupt(lively(), [NOISE, PRUNE])
    assert [hit.name for hit in hits.values()] == [entry["name"] for entry in receipt.tensors]
    assert [len(ids) for ids in each] == [32, 32]
