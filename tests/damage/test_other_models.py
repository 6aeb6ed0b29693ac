"""Values of other models, structures that are pruned whole, and layers that are taken out."""

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.damage import damaged, tensors_of
from helpers.methods import values_of
from transformers import AutoConfig, AutoModelForSequenceClassification, GPTNeoConfig, GPTNeoForCausalLM

from healbert import CorruptionSpec, corrupt, make_arguments, run_experiment
from healbert.models.pooling import MeanPoolingForSequenceClassification
from healbert.utils.errors import UserError

TOKENS = torch.arange(5, 13).unsqueeze(0)


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=TOKENS).logits


class TestInitialValues:
    def test_are_drawn_as_the_architecture_draws_them(self):
        after = values_of(damaged(build("bert"), level=1, method="pretrain_init")[0])
        weights = torch.cat([v.flatten() for n, v in after.items() if ".layer." in n and v.ndim == 2])
        assert weights.std() == pytest.approx(0.02, rel=0.02) and abs(weights.mean()) < 5 * 0.02 / len(weights) ** 0.5
        assert all((v == 1).all() for n, v in after.items() if ".layer." in n and n.endswith("LayerNorm.weight"))
        assert all((v == 0).all() for n, v in after.items() if ".layer." in n and n.endswith("bias"))

    def test_follow_the_architectures_own_rule(self):
        """GPT-2 divides the spread of what is added to the residual stream by the root of twice its layers."""
        after = values_of(damaged(build("gpt2"), level=1, method="pretrain_init")[0])
        spread = {
            kind: torch.cat([v.flatten() for n, v in after.items() if kind in n]).std()
            for kind in ("c_fc.w", "c_proj.w")
        }
        assert spread["c_fc.w"] == pytest.approx(0.02, rel=0.05)
        assert spread["c_proj.w"] == pytest.approx(0.02 / np.sqrt(8), rel=0.05)

    def test_interpolation_is_the_weighted_mean(self):
        model = build("bert")
        before, other = values_of(model), values_of(damaged(model, level=1, method="pretrain_init")[0])
        mixed = values_of(damaged(model, level=1, method="interpolate", strength=0.25)[0])
        for name in (name for name in before if ".layer." in name):
            assert torch.allclose(mixed[name], 0.75 * before[name] + 0.25 * other[name], atol=1e-6)


class TestDonor:
    def test_gives_its_values(self, tmp_path):
        donor, model = build("bert", seed=1), build("bert")
        donor.save_pretrained(tmp_path)
        before, given = values_of(model), values_of(donor)
        after = values_of(damaged(model, level=0.5, method="donor", donor=str(tmp_path))[0])
        for name in before:
            hit = ".layer.0." in name or ".layer.1." in name
            assert torch.equal(after[name], given[name] if hit else before[name])

    def test_merge_of_two(self, tmp_path):
        donor, model = build("bert", seed=1), build("bert")
        donor.save_pretrained(tmp_path)
        spec = {"method": "interpolate", "options": "towards=donor", "strength": 0.5, "donor": str(tmp_path)}
        after, name = values_of(damaged(model, level=1, **spec)[0]), "encoder.layer.3.output.dense.weight"
        assert torch.allclose(after[name], (values_of(model)[name] + values_of(donor)[name]) / 2)

    def test_another_size_is_refused(self, tmp_path):
        build("bert", intermediate_size=48).save_pretrained(tmp_path)
        message = (
            r"of 12 of the 64 tensors .* such as encoder.layer.0.intermediate.dense.weight \(it has shape \(48, 32\)\)"
        )
        with pytest.raises(UserError, match=message):
            damaged(build("bert"), level=1, method="donor", donor=str(tmp_path))

    @pytest.mark.parametrize(
        "spec, message",
        [
            ({"method": "donor"}, "method 'donor' needs --corrupt_donor"),
            ({"method": "interpolate", "options": "towards=donor"}, "method 'interpolate' needs --corrupt_donor"),
            ({"method": "zero", "donor": "x"}, "method 'zero' takes nothing from a donor"),
        ],
    )
    def test_refused(self, spec, message):
        with pytest.raises(UserError, match=message):
            CorruptionSpec(level=1, **spec)


def attention_norms(model, layer):
    """Of each head, the sum of squares of all that makes it and that it feeds, by a loop."""
    attention = model.bert.encoder.layer[layer].attention
    maps = [getattr(attention.self, part) for part in ("query", "key", "value")]
    found = []
    for head in range(4):
        rows = range(8 * head, 8 * head + 8)
        total = sum(float((m.weight[row] ** 2).sum() + m.bias[row] ** 2) for m in maps for row in rows)
        found.append(total + sum(float((attention.output.dense.weight[:, row] ** 2).sum()) for row in rows))
    return found


class TestStructures:
    def test_the_smallest_heads_go(self):
        model = build("bert")
        norms = [attention_norms(model, layer) for layer in range(4)]
        pruned = damaged(model, level=1, method="structured_prune", strength=0.5)[0]
        for layer, sizes in enumerate(norms):
            gone = [head for head, size in enumerate(attention_norms(pruned, layer)) if size == 0]
            assert sorted(gone) == sorted(np.argsort(sizes)[:2])

    @pytest.mark.parametrize("name", ["bert", "modernbert", "gpt2", "deberta-v2"])
    def test_a_head_that_is_gone_gives_nothing(self, name):
        """The output map may hold anything where the head was: nothing comes there."""
        model = damaged(build(name), level=1, method="structured_prune", strength=0.5)[0]
        before = logits(model)
        for hit_name, parameter in model.base_model.named_parameters():
            if any(
                part in hit_name for part in ("attention.output.dense.weight", "attn.Wo.weight", "attn.c_proj.weight")
            ):
                lines = parameter.detach() if name == "gpt2" else parameter.detach().T
                empty = (lines == 0).all(1)
                assert empty.sum() == 16
                lines[empty] = 5.0
        assert torch.allclose(logits(model), before, atol=1e-5)

    @pytest.mark.parametrize("name, per_layer", [("bert", 32), ("modernbert", 32), ("gpt2", 32)])
    def test_neurons(self, name, per_layer):
        model = damaged(build(name), level=1, method="structured_prune", options="structure=neurons,share=0.5")[0]
        before, last = logits(model), ("output.dense.weight", "mlp.Wo.weight", "mlp.c_proj.weight")
        for path, parameter in model.base_model.named_parameters():
            if path.endswith(last) and "attention" not in path:
                lines = parameter.detach() if name == "gpt2" else parameter.detach().T
                empty = (lines == 0).all(1)
                assert empty.sum() == per_layer
                lines[empty] = 5.0
        assert torch.allclose(logits(model), before, atol=1e-5)

    def test_random_heads_follow_the_seed(self):
        model, options = build("bert"), "by=random,share=0.25"
        gone = [
            tuple(
                int(
                    np.argmin(
                        attention_norms(
                            damaged(model, level=1, method="structured_prune", options=options, seed=s)[0], i
                        )
                    )
                )
                for i in range(4)
            )
            for s in range(6)
        ]
        assert len(set(gone)) > 1

    def test_half_of_a_head_is_refused(self):
        with pytest.raises(
            UserError, match="structured_prune of heads must hit all of them, and .*key.weight is not hit"
        ):
            damaged(build("bert"), components="query", method="structured_prune")


class TestDroppedLayers:
    @pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "electra", "modernbert", "deberta-v2", "gpt2"])
    @pytest.mark.parametrize("head", [True, False])
    def test_the_model_is_shorter_and_loads_so(self, name, head, tmp_path):
        model = build(name, head)
        kept = [layer for index, layer in enumerate(_layers(model)) if index not in (1, 2)]
        others = {n: t for n, t in tensors_of(model).items() if not _inside(n)}
        receipt = corrupt(model, CorruptionSpec(layers="1-2", method="drop_layers"))
        assert list(_layers(model)) == kept and model.config.num_hidden_layers == 2
        assert all(torch.equal(t, others[n]) for n, t in tensors_of(model).items() if not _inside(n))
        assert receipt.summary["layers_hit"] == [1, 2] and {t["rule"] for t in receipt.tensors} == {"dropped"}
        model.save_pretrained(tmp_path)
        loaded = type(model).from_pretrained(tmp_path).eval()
        with torch.no_grad():
            first, second = model.eval()(input_ids=TOKENS)[0], loaded(input_ids=TOKENS)[0]
        assert torch.allclose(first, second, atol=1e-6) and loaded.config.num_hidden_layers == 2

    def test_a_model_around_an_encoder_keeps_what_is_its_own(self, tmp_path):
        names = {0: "low", 1: "middle", 2: "high"}
        model = MeanPoolingForSequenceClassification.around(build("bert", head=False), id2label=names).eval()
        corrupt(model, CorruptionSpec(layers="1-2", method="drop_layers"))
        model.save_pretrained(tmp_path)
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
        assert torch.allclose(logits(model), logits(loaded), atol=1e-6)
        assert loaded.config.id2label == names and loaded.config.classifier_dropout == 0.1
        assert loaded.config.encoder["num_hidden_layers"] == len(loaded.encoder.encoder.layer) == 2

    @pytest.mark.parametrize("layers", ["0", "3", "0,2"])
    def test_layers_of_a_decoder_that_know_their_number(self, layers, tmp_path):
        sizes = {"vocab_size": 96, "hidden_size": 32, "num_layers": 4, "num_heads": 4, "window_size": 2}
        config = GPTNeoConfig(**sizes, attention_types=[[["global", "local"], 2]], max_position_embeddings=40)
        model = GPTNeoForCausalLM(config).eval()
        corrupt(model, CorruptionSpec(layers=layers, method="drop_layers"))
        model.save_pretrained(tmp_path)
        assert torch.allclose(logits(model), logits(GPTNeoForCausalLM.from_pretrained(tmp_path).eval()), atol=1e-6)

    def test_what_is_left_computes_as_a_model_of_these_layers(self):
        """Against the layers called one after the other by hand."""
        model = build("bert")
        layers = [model.bert.encoder.layer[index] for index in (0, 3)]
        corrupt(model, CorruptionSpec(layers="1-2", method="drop_layers"))
        with torch.no_grad():
            hidden = model.bert.embeddings(input_ids=TOKENS)
            for layer in layers:
                hidden = layer(hidden)
                hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            expected = model.classifier(model.bert.pooler(hidden))
        assert torch.allclose(logits(model), expected, atol=1e-5)

    @pytest.mark.parametrize(
        "name, spec, message",
        [
            ("bert", {"level": 1}, "would leave none of the 4 layers"),
            ("bert", {"components": "query"}, "drop_layers takes out whole layers"),
            ("modernbert", {"layers": "0"}, "would not load again, since its layers are not alike .*attn_norm"),
            ("albert", {"level": 1}, "would leave none of the 1 layers"),
        ],
    )
    def test_refused_and_nothing_is_changed(self, name, spec, message):
        model = build(name)
        before = tensors_of(model)
        with pytest.raises(UserError, match=message):
            corrupt(model, CorruptionSpec(method="drop_layers", **spec))
        assert list(before) == list(tensors_of(model)) and model.config.num_hidden_layers == 4


def _layers(model):
    base = model.base_model
    for path in ("encoder.layer", "transformer.layer", "layers", "h"):
        try:
            return base.get_submodule(path)
        except AttributeError:
            continue
    raise AssertionError(type(model))


def _inside(name):
    return any(part in name for part in (".layer.", "layers.", ".h.", "h."))


def test_dropped_layers_in_a_loaded_classifier(tmp_path):
    corrupt(model := build("bert"), CorruptionSpec(level=0.5, region="top", method="drop_layers"))
    model.save_pretrained(tmp_path)
    assert len(AutoModelForSequenceClassification.from_pretrained(tmp_path).bert.encoder.layer) == 2


def test_probes_of_a_run_are_those_of_the_shorter_model(run_flags):
    flags = run_flags | {
        "corrupt_level": None,
        "corrupt_layers": "1",
        "corrupt_method": "drop_layers",
        "num_train_epochs": 1,
    }
    depth = AutoConfig.from_pretrained(flags["model_name_or_path"]).num_hidden_layers
    with pytest.raises(UserError, match=f"names layer {depth}, but the model has {depth - 1}"):
        run_experiment(make_arguments(**flags, probe_layers=str(depth)))
    results = run_experiment(make_arguments(**flags, probe_layers="all", save_model=True))
    for stage in ("damaged", "healed"):
        assert [entry["layer"] for entry in results["probes"][stage]] == list(range(depth))
    saved = AutoModelForSequenceClassification.from_pretrained(flags["output_dir"])
    assert saved.config.num_hidden_layers == len(saved.bert.encoder.layer) == depth - 1
