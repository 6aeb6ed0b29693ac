"""Mixout and L2-SP: what is held near its start, against the formulas."""

import math

import pytest
import torch
from helpers.architectures import build
from helpers.healing import parameters_of
from helpers.runs import run_with
from torch import nn
from transformers.pytorch_utils import Conv1D

from healbert import CorruptionSpec, UserError, corrupt, make_arguments
from healbert.healing.strategies import make_strategy

HIT = ("bert.encoder.layer.0.", "bert.encoder.layer.1.")
QUERY = "bert.encoder.layer.{}.attention.self.query"


def prepared(healing, options=None, name="bert", level=0.5):
    model, strategy = build(name), make_strategy(healing, options)
    strategy.prepare(model, corrupt(model, CorruptionSpec(level=level)))
    return model, strategy


def move(model, by=0.1):
    """Moves every parameter as training would, and gives the distance."""
    generator, moved = torch.Generator().manual_seed(0), {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            moved[name] = torch.empty_like(parameter).normal_(std=by, generator=generator)
            parameter += moved[name]
    return moved


# L2-SP.


@pytest.mark.parametrize("of", ["intact", "all"])
def test_penalty_and_its_gradient_are_those_of_the_formula(of):
    model, strategy = prepared("l2_to_start", f"strength=0.3,of={of}")
    start = parameters_of(model)
    move(model)
    added = strategy.loss(None, model, None, None, torch.tensor(1.0)) - 1.0
    added.backward()
    now = parameters_of(model)
    held = {n for n in now if not n.startswith("classifier.") and (of == "all" or not n.startswith(HIT))}
    by_hand = 0.3 / 2 * math.fsum(((now[n].double() - start[n].double()) ** 2).sum().item() for n in held)
    assert added.item() == pytest.approx(by_hand, rel=1e-4)
    for name, parameter in model.named_parameters():
        if name in held:
            assert torch.allclose(parameter.grad, 0.3 * (now[name] - start[name]), atol=1e-7)
        else:
            assert parameter.grad is None


def test_start_is_that_of_the_damage_though_a_run_is_resumed_from_elsewhere():
    model, strategy = prepared("l2_to_start", "strength=1,of=all")
    start = parameters_of(model)
    other = build("bert").state_dict()
    model.load_state_dict(other)  # as a checkpoint would
    expected = sum(((other[n] - start[n]) ** 2).sum() for n in start if not n.startswith("classifier.")) / 2
    assert strategy.loss(None, model, None, None, torch.zeros(())).item() == pytest.approx(expected.item(), rel=1e-4)


def test_strong_penalty_keeps_the_intact_where_it_was(run_flags):
    from helpers.healing import damaged_state
    from safetensors.torch import load_file

    settings = run_flags | {"save_model": True, "disable_tqdm": True, "num_train_epochs": 1}
    far = {}
    for strength in (0, 100):
        more = {"healing": "l2_to_start", "healing_options": f"strength={strength}"}
        more["output_dir"] = f"{settings['output_dir']}{strength}"
        run_with(settings, **more)
        before = damaged_state(make_arguments(**settings | more))
        after = load_file(f"{more['output_dir']}/model.safetensors")
        names = [f"{QUERY.format(layer)}.weight" for layer in (0, 3)]
        far[strength] = [(after[name] - before[name]).norm() for name in names]
    assert far[100][1] < 0.5 * far[0][1], "intact"
    assert far[100][0] > 0.5 * far[0][0], "hit"


# Mixout.


def weight_seen(module):
    """The weight that a linear map works with, read off what it does to unit vectors, its bias taken away."""
    inputs = module.weight.shape[0 if isinstance(module, Conv1D) else 1]
    return (module(torch.eye(inputs)) - module(torch.zeros(1, inputs))).detach().T


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_a_training_step_sees_a_mixture_and_an_evaluation_the_weight(name):
    model, strategy = prepared("mixout", "p=0.4,of=all", name)
    path, module = next(iter(strategy.mixed.items()))
    start, _ = module.weight.detach().clone(), move(model)
    now = module.weight.detach().clone()
    turned = (lambda t: t.T) if isinstance(module, Conv1D) else (lambda t: t)
    assert torch.allclose(weight_seen(module.eval()), turned(now), atol=1e-6)
    seen = turned(weight_seen(module.train()))
    put_back, kept = (start - 0.4 * start) / 0.6, (now - 0.4 * start) / 0.6
    back = torch.isclose(seen, put_back, atol=1e-5)
    assert (back | torch.isclose(seen, kept, atol=1e-5)).all()
    assert back.float().mean().item() == pytest.approx(0.4, abs=4 * (0.24 / back.numel()) ** 0.5)
    assert torch.allclose(put_back, start, atol=1e-6), "the formula's other form"


def test_mixture_is_the_weight_on_average():
    model, strategy = prepared("mixout", "p=0.7,of=all")
    module = strategy.mixed[QUERY.format(3)]
    move(model)
    total = torch.zeros_like(module.weight)
    for step in range(2000):
        strategy.on_step(None, step)
        total += module.mix(module.weight).detach()
    deviation = ((module.weight - module.mix.start) ** 2 * 0.7 / 0.3 / 2000) ** 0.5  # of the mean
    assert ((total / 2000 - module.weight).abs() <= 5 * deviation + 1e-6).all()


def test_gradient_reaches_what_was_not_put_back():
    model, strategy = prepared("mixout", "p=0.4")
    module = strategy.mixed[QUERY.format(3)]
    move(model)
    mixed = module.mix(module.weight)
    mixed.sum().backward()
    kept = ~torch.isclose(mixed, module.mix.start, atol=1e-6)
    assert torch.allclose(module.weight.grad, kept.float() / 0.6)


def test_draw_depends_on_seed_path_and_step_alone():
    def draw(seed, layer, step):
        model, strategy = prepared("mixout", "of=all")
        strategy.seed, module = seed, strategy.mixed[QUERY.format(layer)]
        with torch.no_grad():
            module.weight.copy_(module.mix.start + 1)
        state = torch.get_rng_state()
        strategy.on_step(None, step)
        mixed = [module.mix(module.weight) - module.mix.start for _ in range(2)]
        assert torch.equal(*mixed), "a recomputed forward pass sees the same"
        assert torch.equal(torch.get_rng_state(), state), "it drew from the global generator"
        return (mixed[0] > 1).sum(1).tolist()

    cases = [(0, 2, 5), (1, 2, 5), (0, 3, 5), (0, 2, 6)]
    first = [draw(*case) for case in cases]
    assert first == [draw(*case) for case in cases]
    assert len({tuple(found) for found in first}) == 4


def test_what_is_mixed():
    model, strategy = prepared("mixout")
    assert set(strategy.mixed) == {
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and path.startswith(("bert.encoder.layer.2.", "bert.encoder.layer.3."))
    }
    assert len(prepared("mixout", "of=all")[1].mixed) == 2 * len(strategy.mixed)
    assert len(prepared("mixout", level=0.0)[1].mixed) == 2 * len(strategy.mixed)


def test_dropout_is_off_while_it_trains_and_back_afterwards():
    def rates(model):
        return {module.p for module in model.modules() if isinstance(module, nn.Dropout)}

    before = rates(build("bert"))
    assert max(before) > 0 and rates(prepared("mixout", "dropout=keep")[0]) == before
    model, strategy = prepared("mixout")
    assert rates(model) == {0.0}
    strategy.finish(model)
    assert rates(model) == before
    assert {type(module) for module in model.modules() if "Linear" in type(module).__name__} == {nn.Linear}


def test_mixout_of_nothing_is_full_fine_tuning(run_flags):
    settings = run_flags | {"disable_tqdm": True}
    plain = run_with(settings, output_dir=settings["output_dir"] + "-full")
    more = {"healing": "mixout", "healing_options": "p=0,dropout=keep"}
    assert run_with(settings, **more)["metrics"] == plain["metrics"]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_accumulated_batches_share_a_draw(run_flags, checkpointing):
    settings = run_flags | {"disable_tqdm": True, "healing": "mixout", "max_grad_norm": 0.0, "num_train_epochs": 1}
    settings |= {"gradient_checkpointing": checkpointing}
    losses = []
    for size, batches in ((8, 1), (4, 2)):
        more = {"per_device_train_batch_size": size, "gradient_accumulation_steps": batches}
        found = run_with(settings, **more, output_dir=f"{settings['output_dir']}-{size}")
        losses.append([epoch["loss"] for epoch in found["metrics"]["per_epoch"]])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


ALONE = {
    "mixout,damaged_only": "nothing that is intact trains; of=all would hold",
    "l2_to_start,damaged_only": "nothing that is intact trains; of=all would hold",
    "mixout,norms_only": "it trains no weight of a linear map",
    "mixout,lora": "the weights that it would hold are frozen",
}


@pytest.mark.parametrize("healing, why", ALONE.items())
def test_what_would_hold_nothing_is_refused(healing, why):
    with pytest.raises(UserError, match=f"contradict each other: {why}"):
        make_arguments(healing=healing)
