"""Which tensors a spec hits: regions, layers by number, components, patterns, and all but these."""

import re

import pytest
import torch
from helpers.architectures import LAYERS, build
from helpers.damage import as_bytes, damaged, tensors_of

from healbert import CorruptionSpec, corrupt, corrupted
from healbert.damage.selection import select_tensors
from healbert.damage.spans import read_spans, spans
from healbert.models.layers import find_layers
from healbert.utils.errors import UserError


def paths(model=None, **spec):
    """The names of what a spec hits."""
    return [hit.name for hit in select_tensors(find_layers(model or build("bert")), CorruptionSpec(**spec))]


def layers_of(names):
    return sorted({int(re.search(r"layer\.(\d+)\.", name).group(1)) for name in names})


class TestRegions:
    @pytest.mark.parametrize(
        "region, level, expected",
        [
            *(("middle", 0.25, [3, 4]), ("middle", 0.5, [2, 3, 4, 5]), ("middle", 3 / 8, [2, 3, 4])),
            *(("ends", 0.25, [0, 7]), ("ends", 0.5, [0, 1, 6, 7]), ("ends", 3 / 8, [0, 1, 7]), ("ends", 1 / 8, [0])),
            *(("alternate", 0.5, [0, 2, 4, 6]), ("alternate", 0.25, [0, 4]), ("alternate", 0.75, [0, 1, 2, 4, 5, 6])),
            *((region, 1.0, list(range(8))) for region in ("middle", "ends", "alternate", "random")),
        ],
    )
    def test_layers(self, region, level, expected):
        assert layers_of(paths(build("bert", num_hidden_layers=8), region=region, level=level)) == expected

    def test_random_layers_follow_the_seed_and_grow(self):
        model = build("bert", num_hidden_layers=8)
        chosen = {
            (seed, level): layers_of(paths(model, region="random", level=level, seed=seed))
            for seed in range(20)
            for level in (0.25, 0.5)
        }
        assert all(set(chosen[seed, 0.25]) < set(chosen[seed, 0.5]) for seed in range(20))
        assert len({tuple(found) for found in chosen.values()}) > 20
        assert {index for found in chosen.values() for index in found} == set(range(8))


class TestLayers:
    @pytest.mark.parametrize("given", ["0,2-3", "3,0,2", [0, 2, 3], "2-3, 0"])
    def test_by_number(self, given):
        assert layers_of(paths(layers=given)) == [0, 2, 3]
        assert CorruptionSpec(layers=given).layers == "0,2-3"

    def test_the_same_layers_get_the_same_bits_however_they_are_named(self):
        model = build("bert")
        first, second = (damaged(model, **spec)[1] for spec in ({"layers": "0-1"}, {"level": 0.5}))
        assert first.tensors == second.tensors and first.summary == second.summary

    @pytest.mark.parametrize(
        "spec, message",
        [
            ({"layers": "4"}, r"--corrupt_layers 4: there is no layer 4; the model has layers 0 to 3"),
            ({"layers": "one"}, "layers 'one' are not numbers and spans such as 0,3,5-7"),
            ({"layers": "3-1"}, "layers '3-1' are not numbers"),
            ({"layers": "0", "level": 0.5}, "layers are named in place of a level"),
            ({"layers": "0", "region": "top"}, "layers are named in place of a level"),
        ],
    )
    def test_refused(self, spec, message):
        with pytest.raises(UserError, match=message):
            paths(**spec)

    def test_level_0_is_intact_whatever_else_is_named(self):
        assert paths(layers="0", level=0) == paths(components="query", level=0) == []

    def test_spans(self):
        assert [spans(read_spans(text)) for text in ("5", "1,2,3,7,8", "9,1-2")] == ["5", "1-3,7-8", "1-2,9"]


class TestParts:
    def test_components_alone_mean_the_whole_encoder(self):
        found = paths(components="query")
        assert found == [
            f"encoder.layer.{i}.attention.self.query.{w}" for i in range(LAYERS) for w in ("weight", "bias")
        ]

    def test_components_within_a_region(self):
        found = paths(components=["ffn_out", "attention_output"], level=0.25, region="top")
        start = "encoder.layer.3."
        assert sorted(found) == sorted(
            f"{start}{part}.{w}" for part in ("attention.output.dense", "output.dense") for w in ("weight", "bias")
        )

    def test_norms_and_biases(self):
        assert all(name.endswith("LayerNorm.weight") for name in paths(components="norm"))
        assert all(name.endswith("bias") for name in paths(components="bias")) and len(paths(components="bias")) == 32

    def test_kept_norms(self):
        found = set(paths(level=1)) - set(paths(level=1, keep_norms=True))
        assert found == set(paths(components="norm"))
        everything = paths(level=1, embeddings=True, keep_norms=True)
        assert "embeddings.LayerNorm.weight" not in everything and "embeddings.LayerNorm.bias" in everything

    def test_pattern(self):
        assert paths(parameters=r"layer\.[12]\..*query\.weight$") == [
            f"encoder.layer.{i}.attention.self.query.weight" for i in (1, 2)
        ]

    def test_all_but(self):
        everything = paths(level=1)
        assert paths(layers="1", invert=True) == [name for name in everything if ".layer.1." not in name]
        assert set(paths(components="attention,norm", invert=True)) == set(everything) - set(
            paths(components="attention,norm")
        )

    @pytest.mark.parametrize(
        "spec, message",
        [
            ({"components": "querry"}, "component 'querry' is not known; did you mean 'query'"),
            ({"parameters": "nothing"}, "--corrupt_parameters nothing matches nothing; here are encoder.layer.0"),
            ({"parameters": ""}, "parameters .. is an empty pattern"),
            ({"parameters": "("}, r"parameters '\(' are no regular expression"),
            ({"level": 1, "invert": True}, "--corrupt_invert leaves nothing to hit"),
            ({"strength": 0.1}, "method 'kaiming_uniform' has no strength .methods that have one: .*bit_flip"),
            ({"method": "scale", "strength": 0.1, "options": "factor=0.2"}, "the strength is the option factor"),
        ],
    )
    def test_refused(self, spec, message):
        with pytest.raises(UserError, match=message):
            paths(**spec)

    def test_what_would_match_is_listed(self):
        with pytest.raises(UserError, match="key matches nothing in these layers; there are .*norm.*attention.*ffn_in"):
            paths(without_keys(), components="key")

    @pytest.mark.parametrize("options", [None, {"relative": False}, "relative=false"])
    def test_strength_is_the_methods_own_option(self, options):
        spec = CorruptionSpec(level=1, method="gaussian_noise", strength=0.3, options=options)
        assert spec.options == {"std": 0.3, "relative": options is None}


def without_keys():
    model = build("bert")
    for layer in model.bert.encoder.layer:
        layer.attention.self.kay = layer.attention.self.key
        del layer.attention.self.key
    return model


class TestFusedWeights:
    def test_the_rest_of_the_tensor_stays(self):
        model = build("modernbert")
        before = tensors_of(model)
        receipt = corrupt(model, CorruptionSpec(components="key"))
        size = model.config.hidden_size
        for name, after in tensors_of(model).items():
            if name.endswith("Wqkv.weight"):
                assert torch.equal(after[:size], before[name][:size])
                assert torch.equal(after[2 * size :], before[name][2 * size :])
                assert not torch.equal(after[size : 2 * size], before[name][size : 2 * size])
            else:
                assert as_bytes(after) == as_bytes(before[name])
        assert {entry["count"] for entry in receipt.tensors} == {size * size}
        assert receipt.tensors[0]["name"] == f"layers.0.attn.Wqkv.weight[{size}-{2 * size - 1}]"
        assert receipt.summary["scalars"] == LAYERS * size * size

    def test_query_key_and_value_are_the_whole(self):
        assert paths(build("modernbert"), components="query,key,value") == [
            f"layers.{index}.attn.Wqkv.weight" for index in range(LAYERS)
        ]


class TestUndo:
    @pytest.mark.parametrize(
        "spec",
        [
            {"level": 0.5},
            {"components": "value", "method": "bit_flip", "options": "rate=0.4"},
            {"layers": "1-3", "method": "reverse_layers"},
            {"level": 1, "embeddings": True, "pooler": True},
        ],
    )
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("name", ["bert", "modernbert"])
    def test_brings_every_bit_back(self, name, spec, dtype):
        model = build(name).to(dtype)
        before = tensors_of(model)
        with corrupted(model, CorruptionSpec(**spec)) as receipt:
            assert any(as_bytes(after) != as_bytes(before[n]) for n, after in tensors_of(model).items())
            assert receipt.tensors
        assert all(as_bytes(after) == as_bytes(before[n]) for n, after in tensors_of(model).items())

    def test_after_an_error_too(self):
        model = build("bert")
        before = tensors_of(model)
        with pytest.raises(RuntimeError), corrupted(model, CorruptionSpec(level=1)):
            raise RuntimeError
        assert all(torch.equal(after, before[n]) for n, after in tensors_of(model).items())

    def test_refused(self):
        model, receipt = damaged(build("bert"), level=1)
        with pytest.raises(UserError, match="is not in this model as it was damaged"):
            receipt.undo(model.half())
        receipt = corrupt(build("bert"), CorruptionSpec(level=1), undoable=False)
        with pytest.raises(UserError, match="keeps nothing to bring back"):
            receipt.undo(model)

    def test_layers_that_were_taken_out_are_not_promised_back(self):
        dropped, model = CorruptionSpec(level=0.5, method="drop_layers"), build("bert")
        with pytest.raises(UserError, match="drop_layers cannot be undone"), corrupted(model, dropped):
            pass
        assert model.config.num_hidden_layers == 4 and len(model.bert.encoder.layer) == 4
        with corrupted(model, CorruptionSpec(method="drop_layers")) as receipt:  # of nothing
            assert receipt.tensors == []
        receipt = corrupt(model, dropped)
        with pytest.raises(UserError, match="cannot be brought back; load the model again"):
            receipt.undo(model)
