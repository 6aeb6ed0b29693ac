"""Layers without padding: the same logits, loss and gradients as with it, in every encoder that this is used for."""

import types

import pytest
import torch
from helpers.fast import scene
from helpers.small_models import small_model

from healbert.healing.fast.attention import ENCODERS
from healbert.healing.fast.packed import PaddingFree
from healbert.healing.fast.packing import LONG, Packed, attention
from healbert.healing.strategies import make_strategy
from healbert.models.pooling import MeanPoolingForSequenceClassification

OFF = dict.fromkeys(
    "hidden_dropout_prob attention_probs_dropout_prob dropout attention_dropout seq_classif_dropout classifier_dropout "
    "classifier_dropout_prob summary_last_dropout".split(),
    0.0,
)
LENGTHS = {"short": [3, 9, 5, 9, 1], "long": [LONG + 6, 7, 20, 11, 3, 30, 2, 8, 9, 10]}


def batch(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 60, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    pad = 1  # RoBERTa counts positions from what is not this
    return {
        "input_ids": ids.where(mask.bool(), pad),
        "attention_mask": mask,
        "labels": torch.arange(len(lengths)) % 2,
    }


def results(model, inputs):
    model.zero_grad()
    outputs = model(**inputs)
    outputs.loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return outputs.logits.detach(), outputs.loss.item(), gradients


def use(model):
    path = PaddingFree()
    trainer = types.SimpleNamespace(strategy=make_strategy("full"))
    path.start(types.SimpleNamespace(model=model, trainer=trainer))
    return path


def require_same(found, expected):
    for one, other in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert set(found[2]) == set(expected[2])
    for name, gradient in expected[2].items():
        torch.testing.assert_close(found[2][name], gradient, rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("name", ENCODERS)
def test_logits_loss_and_gradients_are_the_same(name, lengths):
    model, inputs = small_model(name, max_position_embeddings=80, pad_token_id=1, **OFF).train(), batch(lengths)
    expected = results(model, inputs)
    path = use(model)
    shapes = []
    hook = next(m for m in model.modules() if type(m) is torch.nn.LayerNorm and m is not _first_norm(model))
    hook = hook.register_forward_hook(lambda _, given, output: shapes.append(tuple(output.shape[:2])))
    found = results(model, inputs)
    hook.remove()
    assert (1, sum(lengths)) in shapes  # layers saw no padding
    require_same(found, expected)
    path.stop()
    again = results(model, inputs)[2]
    assert all(torch.equal(again[name], gradient) for name, gradient in expected[2].items())


def _first_norm(model):
    return next(m for m in model.modules() if type(m) is torch.nn.LayerNorm)


def test_a_mean_over_tokens_is_the_same():
    encoder = small_model("bert", head=False, **OFF)
    torch.manual_seed(0)
    model = MeanPoolingForSequenceClassification.around(encoder, num_labels=2).train()
    model.dropout.p, inputs = 0.0, batch(LENGTHS["short"])
    expected = results(model, inputs)
    use(model)
    require_same(results(model, inputs), expected)


def test_gradient_checkpointing_sees_the_same_sentences_again():
    model, inputs = small_model("bert", **OFF).train(), batch(LENGTHS["short"])
    expected = results(model, inputs)
    use(model)
    model.gradient_checkpointing_enable()
    require_same(results(model, inputs), expected)


def test_hidden_states_are_laid_out_by_sentence():
    model, inputs = small_model("bert", **OFF), batch(LENGTHS["short"])
    expected = model(**inputs, output_hidden_states=True).hidden_states
    use(model)
    found = model(**inputs, output_hidden_states=True).hidden_states
    assert len(found) == len(expected) > 2
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("change", ["little padding", "padding first", "no mask"])
def test_some_batches_stay_as_they_are(change):
    model, inputs = small_model("bert", **OFF), batch([9, 9, 9, 8] if change == "little padding" else [9, 3])
    if change == "padding first":
        inputs["attention_mask"] = inputs["attention_mask"].flip(1)
    if change == "no mask":
        del inputs["attention_mask"]
    expected = model(**inputs).logits
    use(model)
    assert torch.equal(model(**inputs).logits, expected)


def test_another_way_to_attend_that_is_set_later_is_kept():
    # What reads attention has the model attend by another function meanwhile.
    model, inputs = small_model("bert", **OFF), batch(LENGTHS["short"])
    expected = model(**inputs).logits
    use(model)
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(**inputs).logits, expected, rtol=1e-4, atol=1e-5)
    assert model(**inputs, output_attentions=True).attentions[0].shape[-1] == max(LENGTHS["short"])


def test_packing_puts_every_token_where_it_was():
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).bool()
    states = torch.randn(3, 4, 5, requires_grad=True)
    packed = Packed(mask)
    together = packed.pack(states)
    assert torch.equal(together[0, 0], states[1, 0]) and together.shape == (1, 8, 5)  # the shortest first
    back = packed.unpack(together)
    assert torch.equal(back, states * mask[..., None])
    back.sum().backward()
    assert torch.equal(states.grad, mask[..., None].expand(3, 4, 5).float())


def test_attention_with_dropout_is_on_average_that_without():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 2, 5, 4)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()[:, None, None, :]
    expected = attention(query, key, value, mask, None, 0.0, True)
    found = torch.stack([attention(query, key, value, mask, None, 0.2, True) for _ in range(3000)]).mean(0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.06)


REASONS = {
    "frozen layers": ({"reuse_frozen": True}, "frozen layers keep their states by position"),
    "compiled": ({"torch_compile": True}, "the model is compiled"),
}


@pytest.mark.parametrize("settings, why", REASONS.values(), ids=REASONS)
def test_where_it_does_not_apply(settings, why, tiny_bert, tmp_path):
    assert PaddingFree().why_not(scene(tiny_bert, tmp_path, **settings)) == why


def test_it_does_not_apply_to_heads_that_compare_places(tiny_bert, tmp_path):
    from transformers import AutoModelForQuestionAnswering

    model = AutoModelForQuestionAnswering.from_pretrained(tiny_bert)
    assert "compares all places" in PaddingFree().why_not(scene(tiny_bert, tmp_path, model=model))


def test_it_does_not_apply_to_other_architectures(tiny_bert, tmp_path):
    assert PaddingFree().why_not(scene(tiny_bert, tmp_path)) is None
    for name in ("mpnet", "deberta-v2", "gpt2", "modernbert"):
        why = PaddingFree().why_not(scene(tiny_bert, tmp_path, model=small_model(name, pad_token_id=0)))
        assert "none of the encoders" in why
