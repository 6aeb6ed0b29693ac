"""Parts of the model that begin to train later: which, when, and that they stay as they are until then."""

import pytest
import torch
from helpers.architectures import build
from helpers.healing import changed, parameters_of
from helpers.small import make_rows
from helpers.training import tokenized
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments

from healbert import CorruptionSpec, HealingTrainer, corrupt
from healbert.healing.hooks import Phases
from healbert.healing.strategies import make_strategy

LAYER = "bert.encoder.layer.{}.output.dense.weight"
EMBEDDING, POOLER, HEAD = "bert.embeddings.word_embeddings.weight", "bert.pooler.dense.weight", "classifier.weight"


def opening(healing, options, steps=100, **damage):
    model, strategy = build("bert"), make_strategy(healing, options)
    strategy.prepare(model, corrupt(model, CorruptionSpec(**damage)))
    found = strategy.opens(model, steps)
    names = {"head": HEAD, "pooler": POOLER, "embeddings": EMBEDDING} | {
        layer: LAYER.format(layer) for layer in range(4)
    }
    return {short: found[name] for short, name in names.items()}


ORDERS = {
    "from the top": ("from=top", {"level": 0.5}, [3, 2, 1, 0, "embeddings"]),
    "bottom half hit": ("from=damaged", {"level": 0.5}, [1, 0, 2, 3, "embeddings"]),
    "top half hit": ("from=damaged", {"level": 0.5, "region": "top"}, [3, 2, 1, 0, "embeddings"]),
    "embeddings hit": ("from=damaged", {"level": 0.25, "embeddings": True}, [0, "embeddings", 1, 2, 3]),
    "nothing hit": ("from=damaged", {"level": 0.0}, [3, 2, 1, 0, "embeddings"]),
}


@pytest.mark.parametrize("options, damage, order", ORDERS.values(), ids=ORDERS.keys())
def test_layers_join_in_this_order(options, damage, order):
    found = opening("gradual_unfreezing", f"{options},every=7", **damage)
    expected = {"head": 0, "pooler": 0} | {what: 7 * turn for turn, what in enumerate(order, 1)}
    assert found == expected


@pytest.mark.parametrize("share, steps, start", [(0.3, 100, 30), (0.5, 7, 4), (0, 10, 0), (0.26, 10, 3)])
def test_second_phase_begins_after_its_share_of_the_steps(share, steps, start):
    found = opening("two_phase", f"share={share}", steps, level=0.5)
    assert found == {"head": 0, 0: 0, 1: 0, 2: start, 3: start, "embeddings": start, "pooler": start}


class Recording(HealingTrainer):
    """Keeps the parameters as they are before each step."""

    def training_step(self, *args, **kwargs):
        self.states.append(parameters_of(self.model))
        return super().training_step(*args, **kwargs)


@pytest.fixture
def states(tiny_bert, tmp_path):
    """The parameters before each of 12 steps, and after the last."""

    def train(healing, options, **more):
        torch.manual_seed(0)
        model, strategy = AutoModelForSequenceClassification.from_pretrained(tiny_bert), make_strategy(healing, options)
        strategy.prepare(model, corrupt(model, CorruptionSpec(level=0.5)))
        settings = {"per_device_train_batch_size": 8, "num_train_epochs": 1, "weight_decay": 0.1, "learning_rate": 1e-2}
        trainer = Recording(
            model=model,
            args=TrainingArguments(str(tmp_path / "out"), use_cpu=True, disable_tqdm=True, **settings | more),
            train_dataset=tokenized(tiny_bert, make_rows(96, seed=1)),
            processing_class=AutoTokenizer.from_pretrained(tiny_bert),
            strategy=strategy,
        )
        trainer.states = []
        trainer.train()
        return [*trainer.states, parameters_of(model)]

    return train


def moved(states, step):
    """What a step changed."""
    return changed(states[step], states[step + 1])


@pytest.mark.parametrize("more", [{}, {"gradient_checkpointing": True}], ids=["plain", "checkpointing"])
def test_each_layer_stays_to_the_bit_until_its_step(states, more):
    found = states("gradual_unfreezing", "every=2", **more)
    assert len(found) == 13
    first = {LAYER.format(3): 2, LAYER.format(2): 4, LAYER.format(1): 6, LAYER.format(0): 8, EMBEDDING: 10, HEAD: 0}
    for step in range(12):
        assert {name for name in first if name in moved(found, step)} == {n for n, at in first.items() if at <= step}


def test_first_phase_trains_the_damaged_parts_alone(states):
    found = states("two_phase", "share=0.5")
    hit = ("bert.encoder.layer.0.", "bert.encoder.layer.1.", "classifier.")
    for step in range(6):
        assert all(name.startswith(hit) for name in moved(found, step)) and LAYER.format(0) in moved(found, step)
    assert {EMBEDDING, POOLER, LAYER.format(3), LAYER.format(0), HEAD} <= moved(found, 6)


def test_adapters_open_layer_by_layer(states):
    found = states("lora,gradual_unfreezing", "lora.rank=2,gradual_unfreezing.every=2")
    path = "bert.encoder.layer.{}.output.dense.lora_B.default.weight"
    for step in range(12):
        opened = {layer for layer in range(4) if path.format(layer) in moved(found, step)}
        assert opened == {layer for layer in range(4) if 2 * (4 - layer) <= step}


def test_what_never_trains_is_said(states):
    with pytest.warns(UserWarning, match="tensors never train: the last would begin to at step 20, and there are 12"):
        states("gradual_unfreezing", "every=4")


def test_phases_of_a_strategy_without_any():
    model, strategy = build("bert"), make_strategy("full")
    strategy.prepare(model, None)
    phases = Phases(strategy, model, 10)
    phases.enter(0)
    assert phases.starts == [0] and not phases.late and all(p.requires_grad for p in model.parameters())


def test_what_a_combination_leaves_frozen_is_never_opened():
    model, strategy = build("bert"), make_strategy("gradual_unfreezing,norms_only", "gradual_unfreezing.every=1")
    strategy.prepare(model, corrupt(model, CorruptionSpec(level=0.5)))
    phases = Phases(strategy, model, 10)
    phases.enter(9)
    opened = {name for name, p in model.named_parameters() if p.requires_grad}
    assert opened == {n for n, _ in model.named_parameters() if "LayerNorm" in n or n.startswith("classifier.")}
