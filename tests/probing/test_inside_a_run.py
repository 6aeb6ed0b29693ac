"""Runs that look inside: probes, features and their separation in results.json."""

import json
import pathlib
import types

import numpy as np
import pandas
import pytest
import torch
from helpers.probing import brute_separation, by_hand_probe, one_by_one
from huggingface_hub import HfApi
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import make_arguments, run_experiment
from healbert.experiment.inside import Inside
from healbert.probing.feature_file import FeatureFile


@pytest.fixture(scope="module")
def inside(tiny_bert, csv_files, tmp_path_factory):
    """A run of each healing with probes and features: a dict from healing to (folder, results)."""
    flags = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "disable_tqdm": True}
    flags |= {"num_train_epochs": 3, "learning_rate": 2e-3, "corrupt_level": 0.5, "torch_num_threads": 1}
    flags |= {"probe_layers": "0,3", "tsne": True, "tsne_perplexity": 5, "save_model": True, "pooling": "mean"}
    runs = {}
    for healing in ("full", "linear_probe"):
        folder = str(tmp_path_factory.mktemp("runs") / healing)
        run_experiment(make_arguments(**flags, output_dir=folder, healing=healing))
        runs[healing] = (folder, json.loads(pathlib.Path(folder, "results.json").read_text()))
    return runs


def test_results_have_probes_of_the_damaged_and_the_healed_model(inside):
    probes = inside["full"][1]["probes"]
    assert list(probes) == ["damaged", "healed"]
    for entries in probes.values():
        assert [entry["layer"] for entry in entries] == [0, 3]
        assert all(0 <= entry["f1_weighted"] <= 1 for entry in entries)
    assert probes["damaged"] != probes["healed"]
    assert list(inside["linear_probe"][1]["probes"]) == ["damaged"], "the encoder is the same after a linear probe"
    assert inside["linear_probe"][1]["probes"]["damaged"] == probes["damaged"]


def test_reading_features_reaches_nothing_outside(tiny_bert, csv_files, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(HfApi, "create_repo", lambda *given, **named: asked.append(given))
    flags = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "num_train_epochs": 1, "probe_layers": "0"}
    arguments = make_arguments(**flags, output_dir=str(tmp_path / "run"), push_to_hub=True, token="hf_x")
    run_experiment(arguments)
    assert asked == [] and arguments.training.push_to_hub


def test_probes_of_the_healed_model_are_those_of_the_saved_one(inside, arguments, csv_files):
    folder, results = inside["full"]
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    features, labels = {}, {}
    for split in ("train", "validation"):
        rows = pandas.read_csv(csv_files[f"{split}_file"])
        labels[split] = (rows["label"] == "good").to_numpy().astype(int)
        ids = [tokenizer(text)["input_ids"] for text in rows["text"]]
        outputs = one_by_one(model, {"input_ids": ids}, output_hidden_states=True)
        features[split] = np.stack([output.hidden_states[3][0].mean(0).numpy() for output in outputs])
    score = by_hand_probe(features["train"], labels["train"], features["validation"], labels["validation"])
    assert results["probes"]["healed"][1]["f1_weighted"] == pytest.approx(score, abs=0.03)


def test_feature_file_of_a_run_has_the_examples_that_it_names(inside, csv_files):
    folder, results = inside["full"]
    file = FeatureFile.read(f"{folder}/features.npz")
    rows = pandas.read_csv(csv_files["validation_file"])
    assert [file.label_names[i] for i in file.labels] == rows["label"][file.ids].tolist()
    assert (file.task, file.level, file.region, file.label_names) == ("train", 0.5, "bottom", ["bad", "good"])
    assert file.metric == "weighted F1"
    assert file.scores == {stage: results["metrics"][stage]["f1_weighted"] for stage in ("damaged", "healed")}
    predictions = pandas.read_parquet(f"{folder}/predictions.parquet").set_index("id")
    layer = AutoModelForSequenceClassification.from_pretrained(folder).classifier
    with torch.no_grad():
        logits = layer(torch.from_numpy(file.stages["healed"])).numpy()
    assert np.allclose(logits, np.stack(predictions["logits"][file.ids]), atol=1e-5)
    assert not np.allclose(file.stages["damaged"], file.stages["healed"], atol=1e-3)


@pytest.mark.parametrize("healing", ["full", "linear_probe"])
def test_results_have_the_separation_of_the_features(inside, healing):
    folder, results = inside[healing]
    file = FeatureFile.read(f"{folder}/features.npz")
    found = results["features"]
    assert (found["examples"], found["dimensions"]) == (42, 32)
    for stage in ("damaged", "healed"):
        assert found[stage] == pytest.approx(brute_separation(file.stages[stage], file.labels, 10), abs=1e-4)
    assert (found["damaged"] == found["healed"]) == (healing == "linear_probe")


def test_looking_inside_does_not_change_what_is_measured(inside, run_flags):
    more = {"num_train_epochs": 3, "learning_rate": 2e-3, "per_device_train_batch_size": 32, "pooling": "mean"}
    plain = run_experiment(make_arguments(**run_flags | more, disable_tqdm=True))
    assert plain["metrics"] == inside["full"][1]["metrics"]
    assert not {"probes", "features"} & set(plain)


@pytest.mark.parametrize(
    "damage, place",
    [
        ({"corrupt_layers": "0,1", "corrupt_invert": True}, (0.5, "all but layers 0-1")),
        ({"corrupt_level": 0.25, "corrupt_region": "top", "corrupt_invert": True}, (0.75, "all but top 25%")),
        ({"corrupt_layers": "0"}, (0.25, "layers 0")),
        ({"corrupt_level": 0.25, "corrupt_region": "top"}, (0.25, "top")),
        ({"corrupt_level": 0.0}, (0.0, "")),
    ],
)
def test_a_picture_names_what_was_hit(tiny_bert, damage, place):
    arguments = make_arguments(output_dir="x", **damage)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    assert Inside._place(types.SimpleNamespace(arguments=arguments, model=model)) == place
