"""Distillation: its losses against other implementations, which layers match, the rows' logits, what is refused."""

import copy

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.runs import read, run_with
from helpers.small_models import small_model
from torch import nn
from transformers import TrainingArguments, set_seed

from healbert import CorruptionSpec, HealingTrainer, UserError, corrupt, make_arguments
from healbert.healing.strategies import make_strategy
from healbert.healing.strategies.distill import hidden_distance, matching_layers, soft_divergence
from healbert.healing.supplies import Supplies


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_loss_of_logits_is_that_of_hinton(temperature):
    student, teacher = np.random.default_rng(0).normal(size=(2, 5, 3))
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    expected = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    found = soft_divergence(torch.tensor(student), torch.tensor(teacher), temperature)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert soft_divergence(torch.tensor(teacher), torch.tensor(teacher), temperature).abs() < 1e-6


@pytest.mark.parametrize("distance", ["mse", "cosine"])
def test_hidden_states_are_compared_over_real_tokens_and_layers(distance):
    states = np.random.default_rng(1).normal(size=(2, 2, 3, 4, 5))  # side, layer, text, token, hidden
    real = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    by_layer = []
    for a, b in zip(*states, strict=True):
        apart = []
        for text, token in zip(*real.nonzero(), strict=True):
            x, y = a[text, token], b[text, token]
            cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            apart.append(((x - y) ** 2).mean() if distance == "mse" else 1 - cosine)
        by_layer.append(np.mean(apart))
    pairs = [tuple(map(torch.tensor, pair)) for pair in zip(*states, strict=True)]
    found = hidden_distance(pairs, torch.tensor(real).float(), distance)
    assert found.item() == pytest.approx(np.mean(by_layer), rel=1e-5)


def test_layers_match_the_ones_that_they_were():
    assert matching_layers(3, 3, ()) == [(1, 1), (2, 2), (3, 3)]
    assert matching_layers(2, 4, {0, 2}) == [(1, 2), (2, 4)]
    with pytest.raises(UserError, match="the teacher has 6 layers and the model 4 before its damage"):
        matching_layers(2, 6, {0, 2})


@pytest.fixture
def make_trainer(tmp_path):
    """A damaged tiny BERT that learns from the intact one, on texts of different lengths."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

    words = {"[PAD]": 0, **{f"w{i}": i for i in range(1, 90)}}
    backend = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]")
    generator = np.random.default_rng(0)
    ids = [generator.integers(3, 90, size=3 + i % 5).tolist() for i in range(20)]
    rows = Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * len(i) for i in ids], "label": [0, 1] * 10})

    def make(options=None, method="kaiming_uniform", **settings):
        set_seed(0)
        model = build("bert")
        teacher = copy.deepcopy(model).eval().requires_grad_(False)
        strategy = make_strategy("distill", options)
        receipt = corrupt(model, CorruptionSpec(level=0.5, method=method))
        strategy.prepare(model, receipt)
        strategy.bring(Supplies(model, receipt, tokenizer, None, teacher))
        parts, splits = strategy.trainer_parts(model, tokenizer, {"train": rows}, None)
        defaults = {"num_train_epochs": 1, "per_device_train_batch_size": 4, "use_cpu": True, "disable_tqdm": True}
        arguments = TrainingArguments(output_dir=str(tmp_path / "out"), **defaults | settings)
        collator = DataCollatorWithPadding(tokenizer)
        trainer = HealingTrainer(
            args=arguments, train_dataset=splits["train"], data_collator=collator, compute_metrics=None, **parts
        )
        strategy.begin(trainer)
        return trainer, teacher, strategy

    return make


def test_logits_of_the_teacher_are_those_of_the_batch_whatever_the_order(make_trainer):
    trainer, teacher, strategy = make_trainer("temperature=3,weight=0.3")
    trainer.model.eval()  # without dropout it can be computed again
    for batch in trainer.get_train_dataloader():
        inputs = {name: value for name, value in batch.items() if name != "row"}
        outputs = trainer.model(**inputs)
        with torch.no_grad():
            known = teacher(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
        assert torch.allclose(strategy.logits[batch["row"]], known, atol=1e-5)
        p, log_p = (known / 3).softmax(-1), (known / 3).log_softmax(-1)
        expected = 9 * (p * (log_p - (outputs.logits / 3).log_softmax(-1))).sum(-1).mean()
        found = strategy.loss(trainer, trainer.model, batch, outputs, outputs.loss)
        assert torch.allclose(found, 0.7 * outputs.loss + 0.3 * expected, atol=1e-6)


@pytest.mark.parametrize("method", ["kaiming_uniform", "drop_layers"])
def test_hidden_states_of_an_intact_student_are_its_teachers(make_trainer, method):
    trainer, teacher, strategy = make_trainer("of=hidden,weight=1", method)
    batch = next(iter(trainer.get_train_dataloader()))
    inputs = {name: value for name, value in batch.items() if name != "row"}
    trainer.model.eval()
    before = strategy.loss(trainer, None, batch, trainer.model(**inputs, output_hidden_states=True), torch.tensor(0.0))
    strategy.dropped = frozenset()
    same = strategy.loss(trainer, None, batch, teacher(**inputs, output_hidden_states=True), torch.tensor(0.0))
    assert before > 1e-4 and same < 1e-10


@pytest.mark.parametrize("options", ["weight=1", "of=hidden,weight=1", "of=hidden,weight=1,distance=cosine"])
def test_training_brings_the_student_nearer_to_its_teacher(make_trainer, options):
    trainer, _, strategy = make_trainer(options, num_train_epochs=6, learning_rate=3e-3, logging_steps=5)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < 0.8 * losses[0]


def test_evaluation_keeps_the_tasks_loss_and_sees_no_row(make_trainer):
    trainer, _, _ = make_trainer("weight=1")
    rows = trainer.train_dataset.remove_columns("row")
    found = trainer.evaluate(rows)["eval_loss"]
    logits = torch.from_numpy(trainer.predict(rows).predictions)
    assert found == pytest.approx(nn.functional.cross_entropy(logits, torch.tensor(rows["label"])).item(), rel=1e-5)


def test_what_learns_of_hidden_states_is_refused_with_a_decoder_beside(make_trainer):
    model = small_model("bart")
    strategy = make_strategy("distill", "of=hidden")
    with pytest.raises(UserError, match="a decoder beside are not matched; use of=logits"):
        strategy.bring(Supplies(model, corrupt(model, CorruptionSpec(level=0.0)), None, None, model))


def test_options_that_cannot_be():
    with pytest.raises(UserError, match="the pretrained model's head is untrained"):
        make_arguments(healing="distill", healing_options="teacher=pretrained")
    for options in ("weight=1.1", "temperature=0", "distance=l1", "of=attention", "text_epochs=0"):
        with pytest.raises(UserError, match="--healing_options"):
            make_arguments(healing="distill", healing_options=options)


def test_results_say_who_taught_and_the_loss_is_a_mixture(run_flags):
    results = run_with(run_flags, healing="distill", healing_options="weight=0", num_train_epochs=1)
    full = run_with(run_flags | {"output_dir": run_flags["output_dir"] + "-full"}, num_train_epochs=1)
    assert results["metrics"] == full["metrics"], "of weight 0 nothing is learnt from the teacher"
    told = read(run_flags["output_dir"])["healing"]["teacher"]
    assert told["kind"] == "finetuned" and told["scores"]["f1_weighted"] >= 0 and told["name"].startswith("tiny-bert-")
