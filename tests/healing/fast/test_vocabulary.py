"""The rows that occur: they train as ever, the others keep every bit, and what is saved is whole."""

import pytest
import torch
from helpers.fast import scene
from helpers.healing import parameters_of
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from healbert.healing.fast.vocabulary import OccurringRows, occurring_ids
from healbert.healing.strategies import make_strategy

NAME = "bert.embeddings.word_embeddings.weight"


def off(folder):
    """A model without dropout, whose embedding has rows that no text uses."""
    torch.manual_seed(0)
    drop = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return AutoModelForSequenceClassification.from_pretrained(folder, **drop)


def train(folder, output_dir, cut, **settings):
    """The scene, the model's parameters before and after training, and the path."""
    given = scene(folder, output_dir, model=off(folder), learning_rate=1e-3, **settings)
    before, path = parameters_of(given.model), OccurringRows()
    if cut:
        assert path.why_not(given) is None
        path.start(given)
    given.trainer.train()
    return given, before, path


def occurring(given):
    return torch.from_numpy(occurring_ids(given.splits.values(), given.special_ids, 10**6))


@pytest.mark.parametrize("optim", ["adamw_torch_fused", "adamw_torch", "sgd", "rmsprop", "adagrad"])
def test_rows_that_occur_train_as_ever_and_the_others_keep_every_bit(optim, tiny_bert, tmp_path):
    plain, before, _ = train(tiny_bert, tmp_path, False, optim=optim)
    given, _, path = train(tiny_bert, tmp_path, True, optim=optim)
    rows = occurring(given)
    weight = given.model.get_input_embeddings().weight
    assert 5 < len(rows) < len(before[NAME]) - 20
    assert weight.shape == (len(rows), 32)
    state = given.trainer.optimizer.state[weight]
    whole = plain.trainer.optimizer.state[plain.model.get_input_embeddings().weight]
    others = [row for row in range(len(before[NAME])) if row not in rows.tolist()]
    for name, moment in whole.items():
        if torch.is_tensor(moment) and moment.ndim == 2:
            torch.testing.assert_close(state[name], moment[rows], rtol=1e-4, atol=1e-7)
            assert optim == "adagrad" or not moment[others].any()
    path.stop()
    found, expected = parameters_of(given.model), parameters_of(plain.model)
    assert torch.equal(found[NAME][others], before[NAME][others])
    assert torch.equal(expected[NAME][others], before[NAME][others])  # plain training does not change them, either
    assert not torch.equal(found[NAME][rows], before[NAME][rows])
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")
    assert given.model.get_input_embeddings().padding_idx == 0


def test_what_is_saved_while_training_is_whole(tiny_bert, tmp_path):
    given, before, path = train(tiny_bert, tmp_path / "out", True)
    given.trainer.save_model(str(tmp_path / "saved"))
    saved = load_file(tmp_path / "saved" / "model.safetensors")[NAME]
    assert saved.shape == before[NAME].shape
    other = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    inputs = {"input_ids": torch.tensor([given.splits["train"][0]["input_ids"]])}
    torch.testing.assert_close(given.model.eval()(**inputs).logits, other(**inputs).logits)
    path.stop()
    assert torch.equal(given.model.get_input_embeddings().weight, saved)


def test_what_is_loaded_while_training_is_whole(tiny_bert, tmp_path):
    given, path = scene(tiny_bert, tmp_path), OccurringRows()
    path.start(given)
    other = off(tiny_bert)
    with torch.no_grad():
        other.get_input_embeddings().weight.normal_()
    given.model.load_state_dict(other.state_dict())
    inputs = {"input_ids": torch.tensor([given.splits["train"][0]["input_ids"]])}
    torch.testing.assert_close(given.model.eval()(**inputs).logits, other.eval()(**inputs).logits)
    path.stop()
    assert torch.equal(given.model.get_input_embeddings().weight, other.get_input_embeddings().weight)


def test_a_token_that_was_not_counted_is_an_error_and_no_other_row(tiny_bert, tmp_path):
    given, path = scene(tiny_bert, tmp_path), OccurringRows()
    path.start(given)
    missing = next(i for i in range(len(path.whole)) if i not in occurring(given).tolist())
    with pytest.raises(IndexError):
        given.model(input_ids=torch.tensor([[2, missing, 3]]))


REASONS = {
    "decay": ({"weight_decay": 0.1}, "weight decay changes rows that do not occur"),
    "optimizer": ({"optim": "adafactor"}, "--optim adafactor may look at more than one element at a time"),
    "trace": ({"traced": True}, "the trace compares whole embeddings"),
    "penalty": ({"strategy": "l2_to_start"}, "the penalty is of whole embeddings"),
    "combined": ({"strategy": "l2_to_start,damaged_only"}, "the penalty is of whole embeddings"),
}


@pytest.mark.parametrize("settings, why", REASONS.values(), ids=REASONS)
def test_where_it_does_not_apply(settings, why, tiny_bert, tmp_path):
    settings = dict(settings)
    options = "l2_to_start.of=all" if settings.get("strategy") == "l2_to_start,damaged_only" else None
    settings["strategy"] = make_strategy(settings.get("strategy", "full"), options)
    assert OccurringRows().why_not(scene(tiny_bert, tmp_path, **settings)) == why


def test_it_does_not_apply_to_embeddings_that_stay_or_are_shared(tiny_bert, tmp_path):
    frozen, shared = scene(tiny_bert, tmp_path), scene(tiny_bert, tmp_path)
    frozen.model.get_input_embeddings().weight.requires_grad_(False)
    assert OccurringRows().why_not(frozen) == "the embedding does not train"
    shared.model.decoder = torch.nn.Linear(32, 9)
    shared.model.decoder.weight = shared.model.get_input_embeddings().weight
    assert OccurringRows().why_not(shared) == "the embedding shares its weights"


def test_it_does_not_apply_without_a_table_of_embeddings(tiny_bert, tmp_path):
    given = scene(tiny_bert, tmp_path)
    given.model.bert.embeddings.word_embeddings.max_norm = 1.0
    assert OccurringRows().why_not(given) == "the model has no plain table of embeddings"
