"""Dropout from 16 bits an element: its probability, its scale, and whose seeds it obeys."""

import pytest
import torch
from helpers.fast import scene
from helpers.small_models import small_model
from torch import nn

from healbert.healing.fast.attention import CHEAP
from healbert.healing.fast.draw import cut, dropout, kept
from healbert.healing.fast.dropout import CheapDropout, FastDropout
from healbert.healing.strategies import make_strategy

DRAWS = 2_000_000


@pytest.mark.parametrize("p", [0.05, 0.1, 0.2, 0.5, 0.9])
def test_the_probability_is_the_asked_for_one(p):
    torch.manual_seed(0)
    found = kept((DRAWS,), p)
    exact = cut(p) / 2**16
    assert abs(exact - p) < 1e-5
    dropped = (found == 0).double().mean().item()
    assert abs(dropped - exact) < 5 * (p * (1 - p) / DRAWS) ** 0.5  # five standard errors
    assert found.max().item() == pytest.approx(1 / (1 - exact), rel=1e-6)
    assert found.unique().numel() == 2
    assert found.double().mean().item() == pytest.approx(1, abs=5 * (p / (1 - p) / DRAWS) ** 0.5)


def test_neighbours_are_dropped_independently():
    # The four elements that come from one number are drawn from different bits of it.
    torch.manual_seed(0)
    found = (kept((200_000, 4), 0.5) == 0).double()
    together = (found.T @ found) / len(found)
    torch.testing.assert_close(
        together, torch.full((4, 4), 0.25, dtype=torch.float64).fill_diagonal_(0.5), atol=6e-3, rtol=0
    )


def test_the_seed_of_torch_says_what_is_dropped():
    torch.manual_seed(1)
    first, second = kept((33,), 0.5), kept((33,), 0.5)
    assert not torch.equal(first, second)
    state = torch.get_rng_state()
    third = kept((33,), 0.5)
    torch.manual_seed(1)
    assert torch.equal(kept((33,), 0.5), first) and torch.equal(kept((33,), 0.5), second)
    torch.set_rng_state(state)  # as a checkpoint restores it
    assert torch.equal(kept((33,), 0.5), third)


def test_values_and_gradients_are_dropped_alike():
    torch.manual_seed(0)
    values = torch.randn(50, 7, requires_grad=True)
    found = dropout(values, 0.25)
    found.sum().backward()
    gone = found == 0
    assert 0.1 < gone.float().mean() < 0.4
    assert torch.equal(values.grad == 0, gone)
    torch.testing.assert_close(found[~gone], values[~gone] / 0.75)


@pytest.mark.parametrize("p, left", [(0.0, 100), (1.0, 0), (0.99999, 0)])
def test_the_ends_are_as_ever(p, left):
    assert (dropout(torch.ones(100), p) != 0).sum() == left
    assert dropout(torch.ones(0, 3), 0.5).shape == (0, 3)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_the_type_of_number_stays(kind):
    assert dropout(torch.ones(64, dtype=kind), 0.5).dtype == kind


def test_every_layer_draws_so_and_is_put_back(tiny_bert, tmp_path):
    given, path = scene(tiny_bert, tmp_path), FastDropout()
    layers = [m for m in given.model.modules() if isinstance(m, nn.Dropout)]
    assert path.why_not(given) is None
    path.start(given)
    assert {type(layer) for layer in layers} == {CheapDropout}
    assert given.model.config._attn_implementation == CHEAP
    inputs = {"input_ids": torch.full((3, 7), 9), "attention_mask": torch.ones(3, 7)}
    given.model.eval()
    evaluated = given.model(**inputs).logits
    torch.manual_seed(0)
    one = given.model.train()(**inputs).logits
    torch.manual_seed(0)
    other = given.model(**inputs).logits
    assert torch.equal(one, other) and not torch.equal(one, evaluated)
    path.stop()
    assert {type(layer) for layer in layers} == {nn.Dropout}
    assert given.model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(given.model.eval()(**inputs).logits, evaluated)


def test_architectures_that_attend_in_their_own_way_keep_it(tiny_bert, tmp_path):
    given, path = scene(tiny_bert, tmp_path, model=small_model("deberta-v2")), FastDropout()
    path.start(given)
    assert given.model.config._attn_implementation == "eager"
    assert any(type(m) is CheapDropout for m in given.model.modules())


def test_a_strategy_that_turns_dropout_off_turns_this_off(tiny_bert, tmp_path):
    given = scene(tiny_bert, tmp_path, strategy=make_strategy("mixout"))
    receipt = type("Receipt", (), {"tensors": [], "summary": {}})()
    given.trainer.strategy.prepare(given.model, receipt)
    path = FastDropout()
    path.start(given)
    assert all(m.p == 0 for m in given.model.modules() if type(m) is CheapDropout)
