"""HealingTrainer: seeded batches of similar length, predictions in order, a stop at divergence, sound restarts."""

import json
import math
import pathlib

import numpy as np
import pytest
import torch
from helpers.small import make_rows
from helpers.training import tokenized
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments

from healbert import HealingTrainer
from healbert.healing.checkpoints import last_complete_checkpoint, prune, write_manifest
from healbert.healing.samplers import FixedOrder, GroupedByLength, token_lengths
from healbert.healing.trainer import Diverged


@pytest.fixture
def make_trainer(tiny_bert, tmp_path):
    """A trainer on 40 training and 37 evaluation sentences of different lengths."""

    def make(**settings):
        torch.manual_seed(0)
        defaults = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "per_device_eval_batch_size": 5}
        defaults["train_sampling_strategy"] = "group_by_length"
        arguments = TrainingArguments(
            output_dir=str(tmp_path / "out"),
            use_cpu=True,
            disable_tqdm=True,
            **defaults | settings,
        )
        return HealingTrainer(
            model=AutoModelForSequenceClassification.from_pretrained(tiny_bert),
            args=arguments,
            train_dataset=tokenized(tiny_bert, make_rows(40, seed=1)),
            eval_dataset=tokenized(tiny_bert, make_rows(37, seed=2)),
            processing_class=AutoTokenizer.from_pretrained(tiny_bert),
        )

    return make


LENGTHS = np.random.default_rng(0).integers(3, 120, size=203).tolist()


def order(lengths=LENGTHS, batch_size=8, seed=0, epoch=0):
    sampler = GroupedByLength(lengths, batch_size, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("size, batch_size", [(203, 8), (200, 8), (7, 8), (1, 1), (203, 1), (203, 500)])
def test_every_example_comes_once(size, batch_size):
    assert sorted(order(LENGTHS[:size], batch_size)) == list(range(size))
    assert len(GroupedByLength(LENGTHS[:size], batch_size, 0)) == size


def test_order_depends_on_seed_and_epoch_alone():
    first = order()
    torch.manual_seed(123)
    torch.rand(5)
    state = torch.get_rng_state()
    assert order() == first
    assert torch.equal(torch.get_rng_state(), state), "the sampler drew from the global generator"
    different = [order(seed=1), order(epoch=1), order(seed=1, epoch=1), first]
    assert len({tuple(o) for o in different}) == 4


def test_order_of_one_epoch_does_not_depend_on_the_epochs_before():
    sampler = GroupedByLength(LENGTHS, 8, 0)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        assert list(sampler) == list(sampler) == order(epoch=epoch)


def test_batches_are_of_similar_length_and_in_random_order():
    lengths = np.random.default_rng(1).integers(3, 120, size=4000)
    grouped, scattered = lengths[order(lengths.tolist())].reshape(500, 8), lengths.reshape(500, 8)
    padded, needed = (8 * rows.max(1).sum() / rows.sum() for rows in (scattered, grouped))
    assert needed < 1.05 < 1.5 < padded
    longest = grouped.max(1)
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.2, "batches of one length follow each other"
    assert abs(np.corrcoef(longest, np.arange(500))[0, 1]) < 0.2, "long batches first"


def test_trainer_groups_whole_steps(make_trainer):
    trainer = make_trainer(gradient_accumulation_steps=2, data_seed=5)
    sampler = trainer._get_train_sampler()
    assert (sampler.batch_size, sampler.seed, len(sampler)) == (16, 5, 40)
    assert list(sampler.lengths) == [len(ids) for ids in trainer.train_dataset["input_ids"]]


def test_other_sampling_strategies_are_left_to_transformers(make_trainer):
    assert not isinstance(make_trainer(train_sampling_strategy="random")._get_train_sampler(), GroupedByLength)


def test_token_lengths(tiny_bert):
    rows = tokenized(tiny_bert, [("good", "good"), ("the film was bad", "bad"), ("a story", "bad")])
    assert token_lengths(rows).tolist() == [3, 6, 4]
    assert token_lengths(rows.select([2, 0])).tolist() == [4, 3]


def test_fixed_order():
    sampler = FixedOrder([2, 0, 1])
    assert (list(sampler), list(sampler), len(sampler)) == ([2, 0, 1], [2, 0, 1], 3)


def test_predictions_come_in_the_order_of_the_data(make_trainer):
    trainer = make_trainer()
    rows = trainer.eval_dataset
    assert len(set(token_lengths(rows).tolist())) > 5
    output = trainer.predict(rows)
    one_by_one = []
    with torch.no_grad():
        for ids in rows["input_ids"]:
            one_by_one.append(trainer.model.eval()(torch.tensor([ids])).logits[0].numpy())
    assert np.allclose(output.predictions, one_by_one, atol=1e-5)
    assert np.ptp(output.predictions, axis=0).min() > 1e-4, "rows that differ too little prove no order"
    assert output.label_ids.tolist() == rows["label"][:]


def test_evaluation_goes_from_long_to_short(make_trainer):
    trainer = make_trainer()
    lengths = token_lengths(trainer.eval_dataset)
    visited = [lengths[i] for i in trainer._get_eval_sampler(trainer.eval_dataset)]
    assert visited == sorted(lengths, reverse=True)


def test_metrics_are_those_of_the_predictions(make_trainer):
    trainer = make_trainer()
    output = trainer.predict(trainer.eval_dataset)
    labels = np.array(trainer.eval_dataset["label"])
    assert output.metrics["test_accuracy"] == pytest.approx((output.predictions.argmax(1) == labels).mean())
    shifted = output.predictions - output.predictions.max(1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    loss = -log_probabilities[np.arange(len(labels)), labels].mean()
    assert output.metrics["test_loss"] == pytest.approx(loss, abs=1e-5)


def test_batches_are_padded_to_their_longest_member(make_trainer):
    trainer = make_trainer()
    shapes = {tuple(batch["input_ids"].shape) for batch in trainer.get_train_dataloader()}
    assert len({tokens for _, tokens in shapes}) > 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_loss_that_is_no_number_ends_training(make_trainer, bad):
    trainer = make_trainer()
    with torch.no_grad():
        trainer.model.classifier.bias[0] = bad
    with pytest.raises(Diverged):
        trainer.train()
    assert trainer.state.global_step == 0


def test_divergence_in_the_last_step_is_seen_by_the_evaluation(make_trainer):
    trainer = make_trainer(eval_strategy="epoch", learning_rate=math.inf, max_steps=1)
    with pytest.raises(Diverged):
        trainer.train()


def test_damaged_model_may_be_evaluated_whatever_its_loss(make_trainer):
    trainer = make_trainer()
    with torch.no_grad():
        trainer.model.classifier.bias[0] = math.nan
    assert math.isnan(trainer.predict(trainer.eval_dataset).metrics["test_loss"])


def test_model_that_returns_more_than_logits(make_trainer):
    trainer = make_trainer()
    plain = trainer.predict(trainer.eval_dataset)
    trainer.model.config.output_hidden_states = True
    more = trainer.predict(trainer.eval_dataset)
    logits = more.predictions[0] if isinstance(more.predictions, tuple) else more.predictions
    assert np.allclose(logits, plain.predictions, atol=1e-6)


def put_checkpoint(folder, step, processes=1, best=None, whole=True):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    for rank in range(processes):
        (path / f"rng_state{f'_{rank}' if processes > 1 else ''}.pth").write_bytes(b"")
    state = {"global_step": int(step) if str(step).isdigit() else 0, "best_global_step": best}
    (path / "trainer_state.json").write_text(json.dumps(state))
    if whole:
        write_manifest(path)
    return str(path)


def test_newest_checkpoint_is_the_one_of_most_steps(tmp_path):
    assert last_complete_checkpoint(tmp_path / "absent") is None
    assert last_complete_checkpoint(tmp_path) is None
    put_checkpoint(tmp_path, 90)
    newest = put_checkpoint(tmp_path, 100)
    assert last_complete_checkpoint(str(tmp_path)) == newest


def test_checkpoint_that_was_not_finished_is_skipped(tmp_path):
    whole = put_checkpoint(tmp_path, 5)
    unfinished = put_checkpoint(tmp_path, 10, whole=False)
    assert last_complete_checkpoint(tmp_path, set_aside=True) == whole
    assert pathlib.Path(unfinished).is_dir(), "it is written again, and is not called damaged"


def test_checkpoint_whose_best_is_gone_is_skipped(tmp_path):
    put_checkpoint(tmp_path, 10, best=5)
    assert last_complete_checkpoint(tmp_path) is None
    put_checkpoint(tmp_path, 5)
    assert last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")


def test_pruning_keeps_the_newest_and_what_it_is_told(tmp_path):
    for step in (30, 5, 10, 20):  # 30 is of before
        put_checkpoint(tmp_path, step)
    put_checkpoint(tmp_path, "best-backup")
    (tmp_path / "checkpoint-7-backup").mkdir()
    prune(tmp_path, 2, [tmp_path / "checkpoint-5", tmp_path / "checkpoint-20"])
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"checkpoint-5", "checkpoint-20", "checkpoint-best-backup", "checkpoint-7-backup"}


def test_folders_that_only_look_like_checkpoints_are_skipped(tmp_path):
    whole = put_checkpoint(tmp_path, 5)
    put_checkpoint(tmp_path, "of-mine")
    assert last_complete_checkpoint(tmp_path) == whole


def test_checkpoint_of_another_number_of_processes_is_skipped(tmp_path):
    one = put_checkpoint(tmp_path, 5)
    two = put_checkpoint(tmp_path, 10, processes=2)
    assert last_complete_checkpoint(tmp_path, world_size=1) == one
    assert last_complete_checkpoint(tmp_path, world_size=2) == two


def test_real_checkpoint_is_complete(make_trainer, tmp_path):
    make_trainer(save_strategy="epoch").train()
    found = last_complete_checkpoint(tmp_path / "out")
    assert found == str(tmp_path / "out" / "checkpoint-5")
    assert json.loads((tmp_path / "out" / "checkpoint-5" / "trainer_state.json").read_text())["global_step"] == 5
