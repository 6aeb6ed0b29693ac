"""Clipping in the optimizer's pass: the norm and the step are those of torch.nn.utils.clip_grad_norm_."""

import pytest
import torch
from helpers.fast import scene
from helpers.healing import STILL

from healbert.healing.fast.clipping import FoldedClipping


def train(folder, output_dir, fold, **settings):
    """The parameters after two steps, and the norms that were logged."""
    torch.manual_seed(0)
    given = scene(folder, output_dir, max_steps=2, logging_steps=1, learning_rate=1e-3, **settings)
    path = FoldedClipping()
    if fold:
        assert path.why_not(given) is None
        path.start(given)
    given.trainer.train()
    norms = [entry["grad_norm"] for entry in given.trainer.state.log_history if "grad_norm" in entry]
    moved = {name: p for name, p in given.model.named_parameters() if not name.endswith(STILL)}
    return moved, norms, given.trainer


@pytest.mark.parametrize("most", [0.1, 1000.0])
def test_steps_and_norms_are_the_same(most, tiny_bert, tmp_path):
    expected, norms, _ = train(tiny_bert, tmp_path, False, max_grad_norm=most)
    found, own, trainer = train(tiny_bert, tmp_path, True, max_grad_norm=most)
    assert own == pytest.approx(norms, rel=1e-5) and len(norms) == 2
    assert (norms[0] > 0.1) and (norms[0] < 1000)  # clipped at the one, and not at the other
    for name, parameter in expected.items():
        torch.testing.assert_close(found[name], parameter, rtol=1e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")
    assert (trainer.optimizer.optimizer.grad_scale is None) == (most == 1000.0)


def test_it_takes_several_batches_into_a_step(tiny_bert, tmp_path):
    several = {"max_grad_norm": 0.1, "gradient_accumulation_steps": 2}
    expected, norms, _ = train(tiny_bert, tmp_path, False, **several)
    found, own, _ = train(tiny_bert, tmp_path, True, **several)
    assert own == pytest.approx(norms, rel=1e-5)
    for name, parameter in expected.items():
        torch.testing.assert_close(found[name], parameter, rtol=1e-4, atol=2e-6)


REASONS = {
    "off": ({"max_grad_norm": 0.0}, "gradients are not clipped"),
    "optimizer": ({"optim": "adamw_torch"}, "--optim adamw_torch takes no factor"),
}


@pytest.mark.parametrize("settings, why", REASONS.values(), ids=REASONS)
def test_where_it_does_not_apply(settings, why, tiny_bert, tmp_path):
    assert FoldedClipping().why_not(scene(tiny_bert, tmp_path, **settings)) == why


def test_it_ends_with_the_run(tiny_bert, tmp_path):
    given, path = scene(tiny_bert, tmp_path), FoldedClipping()
    path.start(given)
    path.stop()
    assert given.trainer.clip is None
