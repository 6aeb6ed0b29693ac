"""Frozen layers passed once: the same as passing every batch through them in evaluation mode."""

import pathlib

import numpy as np
import pandas
import pytest
import torch
from datasets import Dataset
from helpers.architectures import build
from helpers.classifiers import TEXTS, batch_of, classifier, every_architecture, every_head, pad_of
from safetensors.torch import load_file
from torch import nn
from transformers import (
    BertConfig,
    BertForTokenClassification,
    T5Config,
    T5ForSequenceClassification,
    TrainingArguments,
)

from healbert import HealingTrainer, UserError, make_arguments, run_experiment
from healbert.experiment.stages import Experiment
from healbert.healing.fast import FAST_PATHS
from healbert.healing.frozen import ROW, FrozenLayers
from healbert.models.layers import find_layers

EPOCHS = 3


@pytest.fixture
def settings(tiny_bert, csv_files, tmp_path):
    """What was damaged trains: the upper two of four layers, and the head."""
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "output_dir": str(tmp_path / "run"),
        "corrupt_level": 0.5,
        "corrupt_region": "top",
        "healing": "damaged_only",
        "reuse_frozen": True,
        "num_train_epochs": EPOCHS,
        "learning_rate": 5e-3,
        "per_device_train_batch_size": 8,
        "use_cpu": True,
        "torch_num_threads": 1,
        "disable_tqdm": True,
        "save_model": True,
    }


def logits_of(folder):
    return np.stack(pandas.read_parquet(f"{folder}/predictions.parquet")["logits"])


@pytest.fixture
def slow(settings, monkeypatch):
    """Makes the run of ``settings`` with every batch going through what is frozen, without dropout there."""

    def keep_in_evaluation_mode(self):
        trainer, splits = make_trainer(self)
        stack = find_layers(trainer.model)
        for layer in list(stack.layers)[:2]:
            layer.train = lambda mode=True, layer=layer: nn.Module.train(layer, False)
        # Draws as ever, so that the layers above see the same dropout, and takes nothing away.
        stack.base.embeddings.dropout.register_forward_hook(lambda _, given, output: given[0])
        return trainer, splits

    make_trainer = Experiment._make_trainer

    def run(**more):
        with monkeypatch.context() as patched:
            patched.setattr(Experiment, "_make_trainer", keep_in_evaluation_mode)
            # Packing, which does not go with kept states, would have dropout in attention draw for other shapes.
            more |= {"reuse_frozen": False, "fast_paths": ",".join(set(FAST_PATHS) - {"packed"})}
            return run_experiment(make_arguments(**settings | more))

    return run


CASES = {
    "damaged_only": {},
    "held-out part": {"selection": "dev", "dev_fraction": 0.3},
    "lora,damaged_only": {"healing": "lora,damaged_only"},
    "mean pooling": {"pooling": "mean"},
    "the head alone": {"corrupt_level": 0},
    "test file": {"test_file": "validation_file"},
}


@pytest.mark.slow
@pytest.mark.parametrize("more", CASES.values(), ids=CASES.keys())
def test_figures_are_those_of_frozen_layers_in_evaluation_mode(settings, slow, tmp_path, more):
    more = {key: settings.get(value, value) if isinstance(value, str) else value for key, value in more.items()}
    expected = slow(**more, output_dir=str(tmp_path / "slow"))
    found = run_experiment(make_arguments(**settings | more))
    layers = 4 if more.get("corrupt_level") == 0 else 2
    assert found["healing"]["frozen_layers"] == layers and "frozen_layers" not in expected["healing"]
    if layers == 2:  # the slow way above keeps two layers in evaluation mode, and dropout is in all four
        for name in ("loss", "train_loss", "f1_weighted"):
            ours, theirs = ([e[name] for e in run["metrics"]["per_epoch"]] for run in (found, expected))
            assert ours == pytest.approx(theirs, abs=1e-5), name
        assert np.ptp([e["loss"] for e in found["metrics"]["per_epoch"]]) > 1e-4, "epochs all alike prove nothing"
        assert np.allclose(logits_of(tmp_path / "run"), logits_of(tmp_path / "slow"), atol=1e-4, rtol=0)
    assert found["metrics"]["damaged"]["loss"] == pytest.approx(expected["metrics"]["damaged"]["loss"], abs=1e-6)


def test_saved_model_gives_the_logits_of_its_run_without_kept_states(settings, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    run_experiment(make_arguments(**settings))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run").eval()
    predictions = pandas.read_parquet(tmp_path / "run/predictions.parquet")
    texts = pandas.read_csv(settings["validation_file"])["text"][predictions["id"]].tolist()
    with torch.no_grad():
        encoded = AutoTokenizer.from_pretrained(tmp_path / "run")(texts, padding=True, return_tensors="pt")
        assert np.allclose(model(**encoded).logits.numpy(), np.stack(predictions["logits"]), atol=1e-5, rtol=0)


def test_nothing_is_left_beside_the_run(settings, tmp_path):
    run_experiment(make_arguments(**settings))
    assert not [path.name for path in (tmp_path / "run").iterdir() if "frozen" in path.name]


def test_where_nothing_at_the_bottom_is_frozen_the_run_is_as_ever(settings, tmp_path):
    full = settings | {"healing": "full"}
    found = run_experiment(make_arguments(**full))
    plain = run_experiment(make_arguments(**full | {"reuse_frozen": False, "output_dir": str(tmp_path / "plain")}))
    assert found["healing"]["frozen_layers"] == 0 and found["healing"]["frozen_bytes"] is None
    assert found["metrics"] == plain["metrics"]
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "plain"))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_interrupted_run_ends_with_the_same_metrics(settings):
    settings |= {"save_total_limit": EPOCHS}
    folder = pathlib.Path(settings["output_dir"])
    whole, logits = run_experiment(make_arguments(**settings)), logits_of(folder)
    kept = [f"checkpoint-{epoch['step']}" for epoch in whole["metrics"]["per_epoch"][:2]]
    for path in folder.iterdir():  # what a kill in the third epoch leaves behind
        if path.name not in {"settings.json", "corruption.json", *kept}:
            path.rename(folder.parent / f"gone-{path.name}")
    again = run_experiment(make_arguments(**settings))
    assert again["resumed_from"] == kept[1]
    assert again["metrics"] == whole["metrics"] and np.array_equal(logits_of(folder), logits)


def test_it_counts_in_the_name_of_a_run(settings):
    del settings["output_dir"]
    assert make_arguments(**settings).name() != make_arguments(**settings | {"reuse_frozen": False}).name()


# On every architecture.


def collator(pad):
    def collate(examples):
        batch = batch_of([example["input_ids"] for example in examples], pad)
        rows = {ROW: torch.tensor([example[ROW] for example in examples])} if ROW in examples[0] else {}
        return batch | rows | {"labels": torch.tensor([example["label"] for example in examples])}

    return collate


@pytest.fixture
def frozen_of(tmp_path):
    """`FrozenLayers` of a model of which the first two layers, and what is below them, are frozen, and its rows."""

    def make(model, pad):
        trained = {id(p) for layer in list(find_layers(model).layers)[2:] for p in layer.parameters()}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        mask = [[1] * len(text) for text in TEXTS]
        rows = Dataset.from_dict({"input_ids": TEXTS, "attention_mask": mask, "label": [0, 1, 2]})
        training = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[], disable_tqdm=True)
        return FrozenLayers(HealingTrainer(model, training, collator(pad), rows, rows)), rows

    return make


@every_head
@every_architecture
def test_logits_and_gradients_are_those_of_the_whole_model(frozen_of, tmp_path, name, pooling):
    model = classifier(name, pooling)
    if name == "albert":
        with pytest.raises(UserError, match="applies its layers several times; leave it out"):
            frozen_of(model, pad_of(model))
        return
    frozen, rows = frozen_of(model, pad_of(model))
    whole = {**batch_of(TEXTS, pad_of(model)), "labels": torch.tensor([0, 1, 2])}
    expected = model(**whole)
    expected.loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    calls, first = [], find_layers(model).layers[0]
    next(first.modules()).register_forward_hook(lambda *_: calls.append(1))
    numbered = frozen.read({"train": rows, "evaluation": rows}, tmp_path)
    assert frozen.count == 2 and frozen.bytes == 2 * sum(map(len, TEXTS)) * 32 * 4
    assert [part[ROW] for part in numbered["evaluation"]] == [3, 4, 5]
    found = model(**whole, **{ROW: torch.tensor([3, 4, 5])})
    found.loss.backward()
    assert torch.allclose(found.logits, expected.logits, atol=1e-6) and gradients
    for parameter, gradient in gradients.items():
        assert torch.allclose(model.get_parameter(parameter).grad, gradient, atol=1e-6), parameter


def test_states_are_those_of_the_rows_that_a_batch_names(frozen_of, tmp_path):
    model = build("bert", num_labels=3)
    frozen, rows = frozen_of(model, 0)
    frozen.read({"train": rows}, tmp_path)
    swapped = model(**batch_of([TEXTS[1], TEXTS[0]], 0), **{ROW: torch.tensor([1, 0])}).logits
    with torch.no_grad():
        plain = model(**batch_of([TEXTS[1], TEXTS[0]], 0)).logits  # through all layers, as no rows are named
    assert torch.allclose(swapped, plain, atol=1e-6) and not torch.allclose(swapped[0], swapped[1], atol=1e-3)


def test_what_padding_gives_is_of_no_account(tmp_path):
    """Tags of words: the kept states have nothing where there is no text, and logits differ there."""
    config = BertConfig(vocab_size=96, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64)
    model = BertForTokenClassification(config)
    for parameter in (p for layer in list(find_layers(model).layers)[:2] for p in layer.parameters()):
        parameter.requires_grad_(False)
    model.bert.embeddings.requires_grad_(False)
    rows = Dataset.from_dict({"input_ids": TEXTS, "attention_mask": [[1] * len(text) for text in TEXTS]})
    rows = rows.add_column("label", [0, 1, 2])

    def without_labels(examples):
        return {name: value for name, value in collator(0)(examples).items() if name != "labels"}

    training = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[], disable_tqdm=True)
    frozen = FrozenLayers(HealingTrainer(model.eval(), training, without_labels, rows, rows))
    frozen.read({"train": rows}, tmp_path)
    batch = batch_of(TEXTS, 0)
    with torch.no_grad():
        whole, kept = model(**batch).logits, model(**batch, **{ROW: torch.arange(3)}).logits
    real = batch["attention_mask"].bool()
    assert torch.allclose(whole[real], kept[real], atol=1e-6) and not torch.allclose(whole, kept, atol=1e-4)


def test_what_lies_below_and_trains_is_seen_wherever_it_is(frozen_of):
    model = build("bert", num_labels=3)
    frozen, _ = frozen_of(model, 0)
    assert frozen.count == 2
    model.bert.embeddings.LayerNorm.bias.requires_grad_(True)
    assert FrozenLayers(frozen.trainer).count == 0


def test_layers_that_hand_on_more_than_states_are_refused(frozen_of):
    config = T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=64, num_layers=4, num_heads=4, num_labels=3)
    config.pad_token_id, config.eos_token_id, config.decoder_start_token_id = 0, 1, 0
    model = T5ForSequenceClassification(config)
    with pytest.raises(UserError, match="T5ForSequenceClassification, which hands more than hidden states"):
        frozen_of(model, 0)


def test_settings_that_it_cannot_keep_to_are_refused(settings):
    with pytest.raises(UserError, match="--reuse_frozen does not go with --torch_compile"):
        make_arguments(**settings | {"torch_compile": True})


def test_what_sees_every_layer_is_refused(settings, tmp_path):
    (tmp_path / "more.txt").write_text("a text\nanother text\n")
    with pytest.raises(UserError, match="--reuse_frozen passes frozen layers once, which neither --heal_text nor"):
        make_arguments(**settings | {"healing": "distill", "healing_options": "of=hidden"})
    with pytest.raises(UserError, match="--reuse_frozen passes frozen layers once, which neither --heal_text nor"):
        make_arguments(**settings | {"healing": "distill", "heal_text": str(tmp_path / "more.txt")})
