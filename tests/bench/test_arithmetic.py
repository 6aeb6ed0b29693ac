"""FLOPs by length, bytes of operations, and shares of a peak, against figures worked out by hand."""

import pytest
import torch
from helpers.bench import flops_of_hand
from helpers.small import make_rows
from helpers.small_models import save_small
from helpers.training import tokenized
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, TrainingArguments

from healbert import HealingTrainer
from healbert.bench.arithmetic import FlopsOfLength, Traffic, bytes_of_step
from healbert.bench.run import rates
from healbert.healing.cost import typical_batch


@pytest.fixture
def make_trainer(tmp_path):
    def make(folder, **more):
        return HealingTrainer(
            model=AutoModelForSequenceClassification.from_pretrained(folder, **more),
            args=TrainingArguments(str(tmp_path / "out"), use_cpu=True, disable_tqdm=True, max_steps=2),
            train_dataset=tokenized(folder, make_rows(32, seed=1)),
            processing_class=AutoTokenizer.from_pretrained(folder),
        )

    return make


def flops_of_length(trainer, longest=64):
    collator = DataCollatorWithPadding(trainer.processing_class)
    return FlopsOfLength(trainer, collator, trainer._remove_unused_columns(trainer.train_dataset)[0], longest)


@pytest.mark.parametrize("longest", (64, 16))
def test_flops_of_any_length_are_those_worked_out_by_hand(make_trainer, tiny_bert, longest):
    flops = flops_of_length(make_trainer(tiny_bert, attn_implementation="eager"), longest)
    for lengths in ([1], [7], [40], [3, 3, 19, 64]):
        assert flops(lengths) == sum(map(flops_of_hand, lengths))


def test_flops_that_are_no_parabola_of_the_length_are_not_known(make_trainer, tiny_bert, tmp_path):
    folder = save_small("longformer", tmp_path / "longformer", tiny_bert, attention_window=16, pad_token_id=0)
    assert flops_of_length(make_trainer(folder))([8, 16]) is None


def test_bytes_are_those_of_what_operations_read_and_write():
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    with Traffic() as traffic:
        found = left @ right
    assert traffic.bytes == 4 * (15 + 35 + 21)
    with Traffic() as traffic:
        found.t().view(-1, 3)[:2].expand(2, 3)
    assert traffic.bytes == 0
    with Traffic() as traffic:
        found.add_(1)
    assert traffic.bytes == 4 * (21 + 21)
    with Traffic() as traffic:  # what is shown several times is read once
        torch.neg(torch.ones(1, dtype=torch.float64).expand(100))
    assert traffic.bytes == 8 + 8 + 800, "ones writes 8"


def test_bytes_of_a_step_hold_weights_gradients_and_moments(make_trainer, tiny_bert):
    trainer = make_trainer(tiny_bert)
    trainer.train()
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    # The optimizer alone reads weight, gradient and two moments, and writes three of them.
    assert bytes_of_step(trainer, typical_batch(trainer)) > 4 * 7 * parameters
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_rates_and_shares():
    found = {"seconds": 4.0, "examples": 20, "real_tokens": 100, "padded_tokens": 160}
    rated = rates(found | {"flops": 8e9, "flops_with_padding": 12e9}, 1e10)
    assert (rated["examples_per_second"], rated["real_tokens_per_second"], rated["padded_tokens_per_second"]) == (
        5,
        25,
        40,
    )
    assert rated["flops_per_second"] == 2e9 and rated["share_of_peak"] == 0.2 and rated["share_with_padding"] == 0.3
    unknown = rates(found | {"flops": None, "flops_with_padding": None}, 1e10)
    assert unknown["flops_per_second"] is unknown["share_of_peak"] is unknown["share_with_padding"] is None
