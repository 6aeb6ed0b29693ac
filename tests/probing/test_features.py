"""What the classification layer sees, and hidden states by depth, against passes of one example at a time."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.architectures import ARCHITECTURES, LAYERS, UNSHARED, build
from helpers.classifiers import classifier, every_architecture, every_head
from helpers.probing import DEPTHS, one_by_one

from healbert.healing.head import classification_layer
from healbert.probing.features import read_features


@pytest.fixture(scope="module")
def random_rows():
    """Token ids of different lengths, not in order of length, padded with 0."""
    rng = np.random.default_rng(0)
    ids = [rng.integers(3, 90, size=size).tolist() for size in (7, 12, 3, 12, 20, 2, 9, 15, 4)]
    columns = {"input_ids": ids, "attention_mask": [[1] * len(i) for i in ids]}
    return Dataset.from_dict(columns | {"label": [i % 2 for i in range(len(ids))], "id": range(len(ids))})


def pooled_by_hand(hidden_states, name, pooling):
    """Hidden states (1, tokens, hidden) of one text without padding -> numpy (hidden,)."""
    if pooling == "mean":
        return hidden_states[0].mean(0).numpy()
    return hidden_states[0, -1 if name == "gpt2" else 0].numpy()


@every_head
@every_architecture
def test_features_and_hidden_states_are_those_of_an_independent_pass(name, pooling, arguments, random_rows, tokenizer):
    model = classifier(name, pooling).train()
    found, by_depth = read_features(model, arguments[pooling], random_rows, tokenizer, DEPTHS)
    outputs = one_by_one(model, random_rows, output_hidden_states=True)
    layer = classification_layer(model)
    with torch.no_grad():
        logits = layer(torch.from_numpy(found)).numpy()
    assert np.allclose(logits, np.concatenate([output.logits for output in outputs]), atol=2e-5)
    assert np.ptp(logits, axis=0).max() > 1e-3, "rows that are all alike prove no order"
    assert tuple(by_depth) == DEPTHS
    for depth in DEPTHS:
        expected = [pooled_by_hand(output.hidden_states[depth], name, pooling) for output in outputs]
        assert np.allclose(by_depth[depth], expected, atol=2e-5), depth


@pytest.mark.parametrize("name", UNSHARED)
def test_layer_k_is_what_the_kth_layer_returns(name, arguments, random_rows, tokenizer):
    model, seen = classifier(name, "mean"), {}
    _, by_depth = read_features(model, arguments["mean"], random_rows, tokenizer, DEPTHS)
    for depth, layer in enumerate(model.encoder.get_submodule(ARCHITECTURES[name].stack), start=1):

        def keep(module, given, output, depth=depth):
            seen.setdefault(depth, []).append(output[0] if isinstance(output, tuple) else output)

        layer.register_forward_hook(keep)
    one_by_one(model, random_rows)
    last = LAYERS if name not in ("gpt2", "modernbert") else LAYERS - 1  # these normalise what the last one returns
    for depth in range(1, last + 1):
        assert np.allclose(by_depth[depth], [states[0].mean(0) for states in seen[depth]], atol=2e-5), depth


def test_layer_0_is_the_embedding_output(arguments, random_rows, tokenizer):
    model = classifier("bert", "mean")
    _, by_depth = read_features(model, arguments["mean"], random_rows, tokenizer, (0,))
    with torch.no_grad():
        expected = [
            model.encoder.embeddings(torch.tensor([ids]))[0].mean(0).numpy() for ids in random_rows["input_ids"]
        ]
    assert list(by_depth) == [0] and np.allclose(by_depth[0], expected, atol=1e-5)


def test_features_of_bert_by_hand(arguments, random_rows, tokenizer):
    model = build("bert").train()
    found, none = read_features(model, arguments["cls"], random_rows, tokenizer)
    hidden = [output.last_hidden_state[0, 0].numpy() for output in one_by_one(model.bert, random_rows)]
    pooler = model.bert.pooler.dense
    expected = np.tanh(np.stack(hidden) @ pooler.weight.detach().numpy().T + pooler.bias.detach().numpy())
    assert np.allclose(found, expected, atol=1e-5) and none == {}
    assert found.shape == (len(random_rows), 32) and found.dtype == np.float32


def test_token_types_reach_the_model(arguments, tokenizer):
    pairs = tokenizer(["good film", "the town"], ["bad story of people", "we saw it"])
    assert {1} < {kind for row in pairs["token_type_ids"] for kind in row}
    rows = Dataset.from_dict(dict(pairs) | {"label": [0, 1], "id": [0, 1]})
    model = build("bert")
    found, _ = read_features(model, arguments["cls"], rows, tokenizer)
    with torch.no_grad():
        expected = model(**tokenizer.pad(dict(pairs), return_tensors="pt")).logits
        assert torch.allclose(model.classifier(torch.from_numpy(found)), expected, atol=1e-5)


def test_last_token_of_gpt2_is_the_one_that_it_scores_whatever_the_text_ends_with(arguments, tokenizer):
    # GPT-2 goes by the padding token, which is often the token that ends a text as well.
    ids = [[5, 6, 7, 8], [5, 6, 7, 0], [9, 0, 3, 0, 0], [4]]
    rows = Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * len(i) for i in ids], "label": [0, 1, 0, 1]})
    model = build("gpt2")
    found, _ = read_features(model, arguments["cls"], rows, tokenizer)
    expected = torch.cat([output.logits for output in one_by_one(model, rows)])
    assert torch.allclose(model.score(torch.from_numpy(found)), expected, atol=1e-5)


def test_reading_leaves_the_model_as_it_was(arguments, random_rows, tokenizer):
    model = build("bert")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, _ = read_features(model, arguments["cls"], random_rows, tokenizer, (1,))
    again, _ = read_features(model, arguments["cls"], random_rows, tokenizer)
    assert np.array_equal(first, again)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not classification_layer(model)._forward_pre_hooks
