"""Linear probes: the classification layer, and that fixed features give what the whole frozen model gives."""

import json
import pathlib

import numpy as np
import pandas
import pytest
import torch
from helpers.architectures import build
from helpers.classifiers import TEXTS, batch_of, classifier, every_architecture, pad_of
from helpers.small import save_bare_gpt2
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, set_seed

from healbert import HealingTrainer, UserError, corrupt, make_arguments, run_experiment
from healbert.experiment.loading import LoadCache, load
from healbert.experiment.per_epoch import per_epoch
from healbert.experiment.stages import Experiment
from healbert.healing.head import ClassificationLayer, classification_layer

EPOCHS, STEPS = 4, 12  # steps of an epoch: 96 examples in batches of 8

METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")


@pytest.fixture(scope="module")
def models(tiny_bert, tmp_path_factory):
    return {"bert": tiny_bert, "gpt2": save_bare_gpt2(tmp_path_factory.mktemp("gpt2"))}


@pytest.fixture
def settings(models, csv_files, tmp_path):
    """A linear probe whose learning rate is high enough for the epochs to differ."""
    return {
        "model_name_or_path": models["bert"],
        **csv_files,
        "output_dir": str(tmp_path / "run"),
        "healing": "linear_probe",
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.05,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
        "disable_tqdm": True,
        "save_model": True,
    }


def logits_of(folder):
    return np.stack(pandas.read_parquet(f"{folder}/predictions.parquet")["logits"])


@pytest.mark.parametrize("classes", [3, 32], ids=["3 classes", "as many classes as features"])
@every_architecture
def test_outputs_of_the_classification_layer_are_the_logits(name, classes):
    model, outputs = build(name, num_labels=classes), []
    layer = classification_layer(model)
    layer.register_forward_hook(lambda module, given, output: outputs.append(output))
    with torch.no_grad():
        logits = model(**batch_of(TEXTS[:1], pad_of(model))).logits
    scores = outputs[0] if outputs[0].ndim == 2 else outputs[0][:, -1]
    assert isinstance(layer, nn.Linear) and len(outputs) == 1
    assert torch.equal(scores, logits) and logits.shape == (1, classes)


@every_architecture
def test_classification_layer_of_mean_pooling(name):
    model = classifier(name, "mean")
    assert classification_layer(model) is model.classifier


@pytest.mark.parametrize("labels", [2, 32], ids=["no such layer", "layers of the encoder alone"])
def test_model_without_a_classification_layer_is_refused(labels):
    # Within a head's own model, layers of the encoder never count, whatever their size.
    model = build("bert", num_labels=labels)
    model.classifier = nn.Identity()
    with pytest.raises(UserError, match="BertForSequenceClassification has no linear classification layer"):
        classification_layer(model)


def test_classification_layer_shares_its_parameters():
    model = build("bert", num_labels=3)
    layer, features, labels = ClassificationLayer(model), torch.randn(5, 32), torch.tensor([0, 1, 2, 1, 0])
    output = layer(features, labels)
    expected = features @ model.classifier.weight.T + model.classifier.bias
    assert torch.allclose(output["logits"], expected, atol=1e-6)
    by_hand = -expected.log_softmax(1)[torch.arange(5), labels].mean()
    assert output["loss"].item() == pytest.approx(by_hand.item(), abs=1e-6)
    assert list(layer(features)) == ["logits"]
    assert {id(p) for p in layer.parameters()} == {id(p) for p in model.classifier.parameters()}


# Whole runs.


def keep_in_evaluation_mode(model):
    """The model, whose `train` leaves dropout off."""
    frozen = {"train": lambda self, mode=True: nn.Module.train(self, False)}
    model.__class__ = type(f"Frozen{type(model).__name__}", (type(model),), frozen)
    return model.eval()


def step_the_whole_model(settings):
    """A linear probe that passes every batch through the whole frozen model: per-epoch metrics and logits."""
    arguments = make_arguments(**settings | {"output_dir": settings["output_dir"] + "-slow"})
    run = Experiment(arguments, *load(arguments, LoadCache(0)))
    corrupt(run.model, arguments.corruption.spec())
    run.model.requires_grad_(False)
    classification_layer(run.model).requires_grad_(True)
    splits = run.task.splits
    trainer = HealingTrainer(
        model=keep_in_evaluation_mode(run.model),
        args=arguments.training,
        train_dataset=splits["train"],
        eval_dataset=splits.get("dev", splits["evaluation"]),
        processing_class=run.tokenizer,
    )
    set_seed(arguments.training.seed)
    trainer.train()
    found = per_epoch(trainer.state.log_history, run.metric_names)
    return found, trainer.predict(splits["evaluation"]).predictions


CASES = {
    "bert": {},
    "mean pooling": {"pooling": "mean"},
    "gpt2": {"model_name_or_path": "gpt2"},
    "random order": {"train_sampling_strategy": "random", "seed": 7},
    "short batches": {"per_device_train_batch_size": 7, "max_train_samples": 90},
    "accumulation": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4, "max_train_samples": 90},
    "held-out part": {"selection": "dev", "dev_fraction": 0.3},
    "label smoothing and weight decay": {"label_smoothing_factor": 0.2, "weight_decay": 0.1},
}


@pytest.mark.slow
@pytest.mark.parametrize("more", CASES.values(), ids=CASES.keys())
def test_fixed_features_give_what_the_whole_frozen_model_gives(settings, models, more):
    settings |= {key: models.get(value, value) if isinstance(value, str) else value for key, value in more.items()}
    fast = run_experiment(make_arguments(**settings))["metrics"]["per_epoch"]
    slow, slow_logits = step_the_whole_model(settings)
    assert [(e["epoch"], e["step"]) for e in fast] == [(e["epoch"], e["step"]) for e in slow]
    for name in (*METRICS, "train_loss"):
        assert [e[name] for e in fast] == pytest.approx([e[name] for e in slow], abs=1e-5), name
    assert np.ptp([e["loss"] for e in fast]) > 1e-3, "epochs that are all alike prove nothing"
    assert np.allclose(logits_of(settings["output_dir"]), slow_logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_saved_linear_probe_gives_the_logits_of_its_run(settings, pooling):
    folder = settings["output_dir"]
    run_experiment(make_arguments(**settings, pooling=pooling))
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    predictions = pandas.read_parquet(f"{folder}/predictions.parquet")
    texts = pandas.read_csv(settings["validation_file"])["text"][predictions["id"]].tolist()
    with torch.no_grad():
        logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.numpy()
    assert np.allclose(logits, np.stack(predictions["logits"]), atol=1e-5, rtol=0)
    assert model.config.id2label == {0: "bad", 1: "good"}


def test_interrupted_linear_probe_ends_with_the_same_metrics(settings):
    settings |= {"save_total_limit": EPOCHS}
    folder = pathlib.Path(settings["output_dir"])
    whole = run_experiment(make_arguments(**settings))
    logits, weights = logits_of(folder), load_file(folder / "model.safetensors")
    # What a kill in the third epoch leaves behind:
    keep = {"settings.json", "corruption.json", f"checkpoint-{STEPS}", f"checkpoint-{2 * STEPS}"}
    state = folder / f"checkpoint-{2 * STEPS}" / "trainer_state.json"
    for path in folder.iterdir():
        if path.name not in keep:
            path.rename(folder.parent / f"gone-{path.name}")
    assert json.loads(state.read_text())["global_step"] == 2 * STEPS
    again = run_experiment(make_arguments(**settings))
    assert (whole["resumed_from"], again["resumed_from"]) == (None, f"checkpoint-{2 * STEPS}")
    assert again["metrics"] == whole["metrics"] and again["best_epoch"] == whole["best_epoch"]
    assert np.array_equal(logits_of(folder), logits)
    assert all(torch.equal(weights[key], value) for key, value in load_file(folder / "model.safetensors").items())


def test_best_epoch_is_the_one_that_is_kept(settings):
    results = run_experiment(make_arguments(**settings | {"lr_scheduler_type": "constant", "learning_rate": 3.0}))
    scores = [epoch["f1_weighted"] for epoch in results["metrics"]["per_epoch"]]
    assert scores[-1] < max(scores), "these settings should be unstable"
    assert results["metrics"]["healed"]["f1_weighted"] == max(scores)


@pytest.mark.parametrize("more", [{"gradient_checkpointing": True}, {"bf16": True}, {"max_grad_norm": 0}], ids=str)
def test_linear_probe_takes_training_arguments(settings, more):
    assert run_experiment(make_arguments(**settings | more))["status"] == "completed"


def test_runs_of_one_damage_share_one_pass_and_no_figure_changes(settings, tmp_path, monkeypatch):
    from healbert.experiment import inside

    passes, read = [], inside.read_features
    monkeypatch.setattr(inside, "read_features", lambda *given, **named: passes.append(1) or read(*given, **named))
    changed = AutoConfig.from_pretrained(settings["model_name_or_path"])
    changed.hidden_act = "relu"
    changed.save_pretrained(tmp_path / "changed")
    makes = [{}, {"learning_rate": 1e-3}, {"seed": 3}, {"corrupt_level": 0.25}]
    makes.append({"config_name": str(tmp_path / "changed")})
    cache = LoadCache()
    counts, ours, alone = [], [], []
    for index, more in enumerate(makes):
        arguments = make_arguments(**settings | more | {"output_dir": str(tmp_path / f"shared{index}")})
        ours.append(run_experiment(arguments, cache)["metrics"])
        counts.append(len(passes))
    # BERT's pooler is part of the checkpoint, so that the seed changes the classification layer alone.
    assert counts == [2, 2, 2, 4, 6], "two splits for each damage, and each configuration"
    for index, more in enumerate(makes):
        arguments = make_arguments(**settings | more | {"output_dir": str(tmp_path / f"alone{index}")})
        alone.append(run_experiment(arguments)["metrics"])
    assert ours == alone and len({json.dumps(metrics) for metrics in ours}) == 5
