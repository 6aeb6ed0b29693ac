"""What HealingTrainer asks of a strategy: hooks by epoch and step, optimizer groups, what is added to the loss."""

import numpy as np
import pytest
import torch
from helpers.architectures import build
from transformers import Trainer, TrainingArguments, set_seed

from healbert import CorruptionSpec, HealingTrainer, UserError, corrupt
from healbert.healing.head import classification_layer
from healbert.healing.strategies import make_strategy
from healbert.healing.strategies.full import Full


@pytest.fixture
def make_trainer(tmp_path):
    """A trainer of a tiny BERT on 24 examples in batches of 4: 6 steps an epoch."""
    from datasets import Dataset

    ids = np.random.default_rng(0).integers(3, 90, size=(24, 6)).tolist()
    rows = Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * 6] * 24, "label": [0, 1] * 12})

    def make(kind=HealingTrainer, **settings):
        given = {"strategy": settings.pop("strategy")} if "strategy" in settings else {}
        defaults = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "use_cpu": True, "disable_tqdm": True}
        arguments = TrainingArguments(output_dir=str(tmp_path / "out"), **defaults | settings)
        set_seed(0)  # the weights
        return kind(model=build("bert"), args=arguments, train_dataset=rows, eval_dataset=rows, **given)

    return make


class Watching(Full):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch(self, trainer, epoch):
        self.seen.append(("epoch", epoch))

    def on_step(self, trainer, step):
        assert isinstance(trainer, HealingTrainer) and trainer.state.global_step == step
        self.seen.append(step)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_hooks_are_called_before_each_epoch_and_step(make_trainer, accumulated):
    strategy = Watching()
    make_trainer(strategy=strategy, gradient_accumulation_steps=accumulated, max_grad_norm=0.0).train()
    steps = 6 // accumulated
    assert strategy.seen == [("epoch", 0), *range(steps), ("epoch", 1), *range(steps, 2 * steps)]


def test_hooks_go_on_where_a_resumed_run_goes_on(make_trainer, tmp_path):
    make_trainer(strategy=Watching(), save_strategy="epoch").train()
    strategy = Watching()
    make_trainer(strategy=strategy, save_strategy="epoch").train(
        resume_from_checkpoint=str(tmp_path / "out/checkpoint-6")
    )
    assert strategy.seen == [("epoch", 1), *range(6, 12)]


def weights_after(trainer):
    set_seed(0)
    trainer.train()
    return {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}


def test_default_strategy_trains_as_trainer_alone_would(make_trainer):
    ours = weights_after(make_trainer(weight_decay=0.1))
    plain = weights_after(make_trainer(Trainer, weight_decay=0.1))
    assert all(torch.equal(ours[name], plain[name]) for name in plain)
    groups = make_trainer(weight_decay=0.1).create_optimizer().param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert sum(len(group["params"]) for group in groups) == len(ours)


class TwoRates(Full):
    def optimizer_groups(self, model, training):
        head = list(classification_layer(model).parameters())
        rest = [parameter for name, parameter in model.named_parameters() if not name.startswith("classifier.")]
        return [{"params": head, "lr": 10 * training.learning_rate}, {"params": rest, "lr": 0.0}]


def test_optimizer_groups_are_the_strategys(make_trainer):
    trainer = make_trainer(strategy=TwoRates(), learning_rate=1e-4, lr_scheduler_type="constant")
    before = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    after = weights_after(trainer)
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [1e-3, 0.0]
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.weight", "classifier.bias"}


def test_optimizer_with_groups_of_its_own_is_refused_beside_the_strategys(make_trainer):
    trainer = make_trainer(strategy=TwoRates())
    trainer.get_optimizer_cls_and_kwargs = lambda *_: (torch.optim.AdamW, {"params": []})
    with pytest.raises(UserError, match="--optim .* arranges the parameters itself"):
        trainer.create_optimizer()


class Weighted(Full):
    """Nine times the loss on top, and a record of what the batch held."""

    def __init__(self):
        super().__init__()
        self.labelled = []

    def loss(self, trainer, model, inputs, outputs, loss):
        self.labelled.append("labels" in inputs and outputs["logits"].shape == (4, 2))
        return 10 * loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_of_the_strategy_is_for_training_alone(make_trainer, smoothing):
    more = {"logging_steps": 1, "max_steps": 1, "label_smoothing_factor": smoothing}
    strategy = Weighted()
    plain, added = make_trainer(**more), make_trainer(strategy=strategy, **more)
    assert plain.evaluate()["eval_loss"] == added.evaluate()["eval_loss"] and strategy.labelled == []
    losses = []
    for trainer in (plain, added):
        set_seed(0)
        trainer.train()
        losses.append(trainer.state.log_history[-2]["loss"])
    assert losses[1] == pytest.approx(10 * losses[0], rel=1e-3) and strategy.labelled == [True]


def test_strategy_of_a_model_that_was_damaged_by_hand(make_trainer):
    strategy = make_strategy("linear_probe")
    trainer = make_trainer(strategy=strategy, learning_rate=1e-2)
    strategy.prepare(trainer.model, corrupt(trainer.model, CorruptionSpec(level=0.5, region="bottom")))
    before = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    after = weights_after(trainer)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
