"""Learning rates that differ within the model, against rates worked out by hand."""

import pytest
import torch
from helpers.architectures import build
from helpers.classifiers import classifier, every_architecture
from helpers.healing import changed_by_healing
from transformers import TrainingArguments

from healbert import CorruptionSpec, HealingTrainer, corrupt
from healbert.healing.places import depths, head_names
from healbert.healing.strategies import make_strategy

RATE = 1e-3


def rates_of(healing, options=None, model=None, level=0.5, **training):
    """{name of a parameter: (learning rate, weight decay)} in the optimizer that Trainer makes."""
    model = model or build("bert")
    strategy = make_strategy(healing, options)
    strategy.prepare(model, corrupt(model, CorruptionSpec(level=level)))
    arguments = TrainingArguments(learning_rate=RATE, use_cpu=True, report_to="none", **training)
    optimizer = HealingTrainer(model=model, args=arguments, strategy=strategy).create_optimizer()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [
        (names[id(p)], group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]
    ]
    assert len({name for name, *_ in groups}) == len(groups), "a parameter is in one group alone"
    return {name: (rate, decay) for name, rate, decay in groups}


# ELECTRA's exponents for four layers: n_layers + 2 - depth.
BY_HAND = {
    "classifier.weight": 0,
    "bert.pooler.dense.weight": 1,
    "bert.encoder.layer.3.output.dense.bias": 2,
    "bert.encoder.layer.2.attention.self.query.weight": 3,
    "bert.encoder.layer.1.output.LayerNorm.weight": 4,
    "bert.encoder.layer.0.intermediate.dense.weight": 5,
    "bert.embeddings.word_embeddings.weight": 6,
    "bert.embeddings.LayerNorm.bias": 6,
}


@pytest.mark.parametrize("decay", [0.8, 0.5, 1.0])
def test_layerwise_rates_are_those_of_electra(decay):
    rates = rates_of("layerwise_decay", f"decay={decay}")
    assert {name: rates[name][0] for name in BY_HAND} == pytest.approx(
        {name: RATE * decay**exponent for name, exponent in BY_HAND.items()}, rel=1e-12
    )
    assert set(rates) == {name for name, _ in build("bert").named_parameters()}
    assert len({rate for rate, _ in rates.values()}) == (1 if decay == 1 else 7)


@every_architecture
def test_depths_rise_from_the_embeddings_to_the_head(name):
    model = classifier(name, "mean")
    found, top = depths(model)
    layers = {depth for depth in found.values() if 0 < depth < top - 1}
    assert layers == set(range(1, top - 1)) and len(layers) == (1 if name == "albert" else 4)
    embedding = next(n for n, p in model.named_parameters() if p is model.base_model.get_input_embeddings().weight)
    assert found[embedding] == 0
    assert {n for n, depth in found.items() if depth == top} == head_names(model)


def test_decoder_lies_above_its_encoder():
    from transformers import BartConfig, BartForSequenceClassification

    sizes = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "vocab_size": 50, "max_position_embeddings": 20}
    heads = {
        f"{side}_{name}": 16 if name == "ffn_dim" else 2
        for side in ("encoder", "decoder")
        for name in ("ffn_dim", "attention_heads")
    }
    found, top = depths(BartForSequenceClassification(BartConfig(**sizes, **heads)))
    layers = {name.split(".fc1")[0]: depth for name, depth in found.items() if name.endswith("fc1.weight")}
    assert list(layers.values()) == [1, 2, 3, 4, 5] and top == 7
    assert list(layers) == [f"model.encoder.layers.{i}" for i in range(2)] + [
        f"model.decoder.layers.{i}" for i in range(3)
    ]


@pytest.mark.parametrize("factor", [0, 0.1, 5])
def test_damaged_rate_is_that_of_what_was_hit(factor):
    rates = rates_of("damaged_rate", f"factor={factor}")
    for name, (rate, _) in rates.items():
        hit = name.startswith(("bert.encoder.layer.0.", "bert.encoder.layer.1."))
        assert rate == pytest.approx(RATE * (factor if hit else 1), rel=1e-12)


def test_rates_of_a_combination_multiply():
    rates = rates_of("damaged_rate,layerwise_decay", "damaged_rate.factor=4,layerwise_decay.decay=0.5")
    assert rates["bert.encoder.layer.1.output.dense.weight"][0] == pytest.approx(RATE * 4 * 0.5**4)
    assert rates["bert.encoder.layer.2.output.dense.weight"][0] == pytest.approx(RATE * 0.5**3)


def test_adapters_have_the_rate_of_what_they_adapt():
    more = "damaged_rate.factor=4,layerwise_decay.decay=0.5,dora.rank=2"
    rates = rates_of("dora,damaged_rate,layerwise_decay", more)
    for part in ("lora_A.default.weight", "lora_B.default.weight", "lora_magnitude_vector.default.weight"):
        assert rates[f"bert.encoder.layer.1.output.dense.{part}"][0] == pytest.approx(RATE * 4 * 0.5**4)
        assert rates[f"bert.encoder.layer.2.output.dense.{part}"][0] == pytest.approx(RATE * 0.5**3)
    assert all("lora_" in name or name.startswith("classifier.") for name in rates)


@pytest.mark.parametrize("healing", ["layerwise_decay", "damaged_rate"])
def test_weight_decay_follows_the_rules_of_trainer(healing):
    plain, ours = rates_of("full", weight_decay=0.1), rates_of(healing, weight_decay=0.1)
    assert {name: decay for name, (_, decay) in ours.items()} == {name: decay for name, (_, decay) in plain.items()}
    assert {decay for _, decay in ours.values()} == {0.1, 0.0}


def test_schedule_falls_in_every_group_alike():
    model, strategy = build("bert"), make_strategy("layerwise_decay", "decay=0.5")
    strategy.prepare(model, None)
    arguments = TrainingArguments(learning_rate=RATE, warmup_steps=2, lr_scheduler_type="linear", use_cpu=True)
    trainer = HealingTrainer(model=model, args=arguments, strategy=strategy)
    trainer.create_optimizer_and_scheduler(10)
    first = [group["initial_lr"] for group in trainer.optimizer.param_groups]
    shares = []
    for _ in range(10):
        shares.append({round(g["lr"] / lr, 9) for g, lr in zip(trainer.optimizer.param_groups, first, strict=True)})
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert shares == [{0.0}, {0.5}, *({round(1 - step / 8, 9)} for step in range(8))]


def test_first_step_of_adam_is_as_long_as_the_rate(run_flags):
    # Adam's first step is the sign of the gradient times the rate: the rates themselves can be read off the weights.
    from helpers.healing import damaged_state
    from safetensors.torch import load_file

    from healbert import make_arguments

    more = {"healing": "layerwise_decay", "healing_options": "decay=0.5", "max_steps": 1, "save_model": True}
    settings = run_flags | more | {"disable_tqdm": True, "adam_epsilon": 1e-16, "lr_scheduler_type": "constant"}
    changed_by_healing(settings)
    before, after = damaged_state(make_arguments(**settings)), load_file(f"{settings['output_dir']}/model.safetensors")
    for name, exponent in BY_HAND.items():
        if name.endswith("weight") and "LayerNorm" not in name:
            step = (after[name] - before[name]).abs().max()
            assert step == pytest.approx(1e-3 * 0.5**exponent, rel=1e-2), name
    assert torch.isfinite(after["classifier.weight"]).all()
