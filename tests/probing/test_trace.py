"""Where healing happened, each figure worked out again by hand on a tiny model."""

import random

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.probing import one_by_one, sentences
from transformers import AutoModelForSequenceClassification, TrainingArguments

from healbert import CorruptionSpec, corrupt
from healbert.damage.shorter import layers_left
from healbert.healing.strategies import make_strategy
from healbert.probing.inner_states import read_inner
from healbert.probing.layer_weights import LayerWeights
from healbert.probing.similarity import linear_cka
from healbert.probing.trace import Trace

HALF = CorruptionSpec(level=0.5, region="bottom")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    return TrainingArguments(str(tmp_path_factory.mktemp("out")), use_cpu=True, per_device_eval_batch_size=4)


@pytest.fixture(scope="module")
def rows(tokenizer):
    return sentences(tokenizer, 18, 5)


@pytest.fixture
def model(tiny_bert):
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_pretrained(tiny_bert)


def moved(model, seed=3):
    """The model, each of whose weights is moved a little."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    return model


def layer(state, number, word=""):
    """The weights of a layer as one vector, those with ``word`` in their name."""
    start = f"bert.encoder.layer.{number - 1}." if number else "bert.embeddings."
    found = [value.flatten() for name, value in state.items() if name.startswith(start) and word in name]
    return torch.cat(found).double().numpy()


def copied(model):
    return {name: value.clone() for name, value in model.state_dict().items() if value.is_floating_point()}


def test_distances_and_cosines_are_those_by_hand(model, rows, tokenizer, training):
    states = {"pretrained": copied(model)}
    trace = Trace(model, rows, tokenizer, training)
    corrupt(model, HALF)
    states["damaged"] = copied(model)
    first = trace.measure(model, "damaged", 0, 0)
    now = copied(moved(model))
    entry = trace.measure(model, "epoch", 1.0, 7)
    assert (entry["stage"], entry["epoch"], entry["step"]) == ("epoch", 1.0, 7)
    words = {"all": "", "query": "self.query", "ffn_in": "intermediate.dense", "norm": "LayerNorm.weight"}
    for part, word in words.items():
        for name, state in states.items():
            for number in range(1 if word else 0, 5):
                a, b = layer(now, number, word), layer(state, number, word)
                scale = np.linalg.norm(layer(states["pretrained"], number, word))
                assert entry["distance"][name][part][number] == pytest.approx(np.linalg.norm(a - b) / scale, rel=1e-5)
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert entry["cosine"][name][part][number] == pytest.approx(cosine, abs=1e-5)
    assert [value == 0 for value in first["distance"]["pretrained"]["all"]] == [True, False, False, True, True]
    assert first["distance"]["damaged"]["all"] == [0] * 5


def test_states_and_attention_are_those_of_each_text_alone(model, rows, tokenizer, training):
    found = read_inner(moved(model), rows, tokenizer, training)
    model.set_attn_implementation("eager")
    order = np.argsort([-len(ids) for ids in rows["input_ids"]], kind="stable")
    outputs = one_by_one(model, rows, output_hidden_states=True, output_attentions=True)
    for depth, state in enumerate(found.states):
        alone = np.stack([outputs[place].hidden_states[depth][0].mean(0).numpy() for place in order])
        np.testing.assert_allclose(state, alone, atol=2e-5)
    entropy, tokens = np.zeros(4), 0
    for output in outputs:
        tokens += output.attentions[0].shape[-1]
        for place, given in enumerate(output.attentions):
            weights = given[0].double().numpy()
            entropy[place] += -(weights * np.log(weights)).sum() / weights.shape[0]
    np.testing.assert_allclose(found.entropy, entropy / tokens, rtol=1e-4)


def test_cka_compares_the_same_depths(model, rows, tokenizer, training):
    before = read_inner(model, rows, tokenizer, training).states
    trace = Trace(model, rows, tokenizer, training)
    corrupt(model, HALF)
    damaged = read_inner(model, rows, tokenizer, training).states
    trace.measure(model, "damaged", 0, 0)
    now = read_inner(moved(model), rows, tokenizer, training).states
    entry = trace.measure(model, "epoch", 1.0, 7)
    for name, states in (("pretrained", before), ("damaged", damaged)):
        expected = [linear_cka(one, other) for one, other in zip(now, states, strict=True)]
        assert entry["cka"][name] == pytest.approx(expected, rel=1e-4)


def generators():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_a_look_leaves_no_trace_in_the_model(model, rows, tokenizer, training):
    model.train()
    model.bert.encoder.layer[1].eval()
    modes = [module.training for module in model.modules()]
    weights, drawn, way = copied(model), generators(), model.config._attn_implementation
    trace = Trace(model, rows, tokenizer, training)
    trace.measure(model, "damaged", 0, 0)
    assert [module.training for module in model.modules()] == modes
    assert generators() == drawn and model.config._attn_implementation == way == "sdpa"
    assert all(torch.equal(value, weights[name]) for name, value in copied(model).items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_adapters_count_as_merged_and_stay_apart(model, rows, tokenizer, training, adapter):
    pytest.importorskip("peft")
    trace = Trace(model, rows, tokenizer, training)
    receipt = corrupt(model, HALF)
    first = trace.measure(model, "damaged", 0, 0)
    strategy = make_strategy(adapter, "rank=2")
    strategy.prepare(model, receipt)
    start = trace.measure(model, "epoch", 0.5, 1)
    assert np.allclose(start["distance"]["pretrained"]["all"], first["distance"]["pretrained"]["all"], rtol=1e-5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.5)
    kept = copied(model)
    apart = trace.measure(model, "epoch", 1.0, 2)
    assert all(torch.equal(value, kept[name]) for name, value in copied(model).items())
    strategy.finish(model)
    merged = trace.measure(model, "healed", 1.0, 2)
    assert apart["distance"]["damaged"]["query"][3] > 0.1
    for kind in ("distance", "cosine"):
        for name in ("pretrained", "damaged"):
            assert np.allclose(apart[kind][name]["all"], merged[kind][name]["all"], rtol=1e-4, atol=1e-6)
    assert np.allclose(apart["cka"]["pretrained"], merged["cka"]["pretrained"], atol=1e-4)


def test_a_shorter_model_is_compared_layer_by_layer_with_what_is_left(model, rows, tokenizer, training):
    spec = CorruptionSpec(layers="1,2", method="drop_layers")
    left = layers_left(model, spec)
    assert left == [0, 3]
    trace = Trace(model, rows, tokenizer, training, left)
    corrupt(model, spec)
    entry = trace.measure(model, "damaged", 0, 0)
    described = trace.describe([entry])
    assert described["layers"] == described["depths"] == [0, 1, 4]
    assert entry["distance"]["pretrained"]["all"] == [0, 0, 0]
    assert entry["cka"]["pretrained"][:2] == [1, 1] and entry["cka"]["pretrained"][2] < 1
    assert len(entry["attention_entropy"]) == 2


def test_an_intact_reference_is_a_third_to_compare_with(model, tiny_bert, rows, tokenizer, training):
    reference = moved(AutoModelForSequenceClassification.from_pretrained(tiny_bert))
    trace = Trace(model, rows, tokenizer, training, reference=reference)
    corrupt(model, HALF)
    trace.measure(model, "damaged", 0, 0)
    with torch.no_grad():
        for own, other in zip(model.parameters(), reference.parameters(), strict=True):
            own.copy_(other)
    entry = trace.measure(model, "healed", 2.0, 9)
    assert entry["distance"]["intact"]["all"] == [0] * 5 and entry["cka"]["intact"] == pytest.approx([1] * 5)
    assert min(entry["distance"]["pretrained"]["all"]) > 0


def test_what_is_alike_is_kept_once(model):
    before = LayerWeights(model).copy()
    corrupt(model, HALF)
    after = LayerWeights(model).copy(before)
    for number, own in after.items():
        same = [value is before[number][name] for name, value in own.items()]
        assert all(same) == (number not in (1, 2))


@pytest.mark.parametrize("kind", ["gpt2", "albert", "distilbert", "roberta", "modernbert"])
def test_other_architectures(kind, rows, tokenizer, training):
    model = build(kind, vocab_size=200)
    trace = Trace(model, rows, tokenizer, training)
    corrupt(model, CorruptionSpec(level=1))
    entry = trace.measure(model, "damaged", 0, 0)
    described = trace.describe([entry])
    assert len(entry["cka"]["pretrained"]) == len(described["depths"])
    assert (entry["attention_entropy"] is None) == (described["no_attention"] is not None)
    assert all(value > 0 for value in entry["distance"]["pretrained"]["all"][1:])
