"""Hidden states by depth, features and linear probes where the model or its head is built another way."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.small_models import save_small, small_model

from healbert import UserError, make_arguments, run_experiment
from healbert.healing.head import classification_layer
from healbert.models.pooling import mean_of_tokens
from healbert.probing.features import FeatureReader, mask_of, read_features, require_logits, run_with_states

IDS = torch.tensor([[5, 9, 33, 7, 90, 11, 8, 12], [64, 11, 7, 12, 0, 0, 0, 0]])
INPUTS = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}
ROWS = Dataset.from_dict(
    {"input_ids": [[5, 9, 33, 7, 90, 11, 8, 12], [64, 11, 7, 12]], "attention_mask": [[1] * 8, [1] * 4]}
)


def test_depths_of_canine_are_those_of_its_deep_encoder():
    """Its own list begins with the states of another encoder, of characters."""
    model, seen = small_model("canine"), []
    for layer in model.canine.encoder.layer:
        layer.register_forward_hook(lambda module, given, output: seen.append(output[0]))
    first = []
    model.canine.encoder.layer[0].register_forward_pre_hook(lambda module, given: first.append(given[0]))
    with torch.no_grad():
        outputs, states = run_with_states(model, INPUTS)
    assert len(states) == 5 and torch.equal(states[0], first[0])
    assert all(torch.equal(state, expected) for state, expected in zip(states[1:], seen, strict=True))
    assert not torch.equal(outputs.hidden_states[1], states[1])


@pytest.mark.parametrize("name", ["bert", "gpt2", "modernbert", "xlm", "squeezebert"])
def test_where_the_model_lists_a_state_for_each_depth_it_is_taken(name):
    model = small_model(name)
    with torch.no_grad():
        outputs, states = run_with_states(model, INPUTS)
    assert len(states) == 5 and all(a is b for a, b in zip(states, outputs.hidden_states, strict=True))


def test_depths_of_an_encoder_decoder_are_its_encoders():
    model, seen = small_model("bart"), []
    for layer in model.model.encoder.layers:
        layer.register_forward_hook(
            lambda module, given, output: seen.append(output[0] if isinstance(output, tuple) else output)
        )
    inputs = {name: values[:1] for name, values in INPUTS.items()}
    inputs["input_ids"] = torch.tensor([[5, 9, 33, 7, 90, 11, 8, 2]])
    with torch.no_grad():
        _, states = run_with_states(model, inputs)
    assert all(torch.equal(state, expected) for state, expected in zip(states[1:], seen, strict=True))


def test_depths_that_nobody_shows_are_refused(monkeypatch):
    """Layers that are not called as modules, in a model that lists other states."""
    model = small_model("canine")
    for layer in model.canine.encoder.layer:
        monkeypatch.setattr(layer, "register_forward_hook", lambda hook: Handle())
    with torch.no_grad(), pytest.raises(UserError, match="at 1 depths, but 4 layers were found"):
        run_with_states(model, INPUTS)


class Handle:
    def remove(self):
        pass


def test_the_mask_of_fewer_positions():
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]])
    states = torch.arange(8.0).reshape(2, 2, 2)
    assert torch.equal(mask_of(states, mask), torch.tensor([[1, 1], [1, 0]]))
    assert mask_of(torch.zeros(2, 8, 2), mask) is mask
    assert torch.equal(mean_of_tokens(states, mask_of(states, mask)), torch.tensor([[1.0, 2.0], [4.0, 5.0]]))


@pytest.mark.parametrize(
    "name", ["bert", "roberta", "distilbert", "electra", "xlnet", "funnel", "gemma3_text", "gpt2", "t5"]
)
def test_heads_that_end_in_a_linear_layer_pass(name):
    model, seen = small_model(name), []
    inputs = {key: value[:1] for key, value in INPUTS.items()}
    inputs["input_ids"] = torch.tensor([[5, 9, 33, 7, 90, 11, 8, 2]])
    classification_layer(model).register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        logits = model(**inputs).logits
        require_logits(model, seen[0] if seen[0].ndim == 2 else seen[0][:, -1], logits)


def test_a_head_that_pools_late_is_refused_by_a_linear_probe(arguments, tokenizer):
    model = small_model("eurobert", classifier_pooling="late")
    with pytest.raises(UserError, match="linear_probe cannot train EuroBertForSequenceClassification: its logits"):
        read_features(model, arguments["cls"], ROWS, tokenizer, exact=True)


@pytest.mark.parametrize("name, position", [("bert", 0), ("xlnet", -1)])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_token_that_stands_for_a_text(name, position, side):
    """[CLS] begins a text of BERT and ends one of XLNet, on whichever side it is padded."""
    model, text = small_model(name), [5, 9, 33, 7]
    padding = [0] * 3
    ids = torch.tensor([padding + text if side == "left" else text + padding])
    inputs = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    with torch.no_grad():
        found = FeatureReader(model, layers=(1,))(**inputs)["logits"][1]
        states = run_with_states(model, inputs)[1][1][0]  # (tokens, hidden)
    real = states[len(padding) :] if side == "left" else states[: len(text)]
    assert torch.equal(found[0], real[position])


RUNS = {
    "xlnet": {},
    "t5": {"corrupt_side": "both"},
    "bart": {"corrupt_side": "decoder"},
    "canine": {"probe_layers": "1,4"},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_whole_run(name, run_flags, tiny_bert, tmp_path):
    options = {} if name == "canine" else {"vocab_size": 120}
    folder = save_small(name, tmp_path / name, tiny_bert, **options)
    settings = run_flags | {"model_name_or_path": folder, "num_train_epochs": 1, "max_seq_length": 32} | RUNS[name]
    results = run_experiment(make_arguments(**settings))
    assert results["status"] == "completed"
    assert np.isfinite(results["metrics"]["healed"]["loss"])


def test_a_linear_probe_of_a_late_head_stops_a_run_with_its_reason(run_flags, tiny_bert, tmp_path):
    folder = save_small("eurobert", tmp_path / "eurobert", tiny_bert, vocab_size=120, classifier_pooling="late")
    settings = run_flags | {"model_name_or_path": folder, "healing": "linear_probe"}
    with pytest.raises(UserError, match="head pools after that layer"):
        run_experiment(make_arguments(**settings))
