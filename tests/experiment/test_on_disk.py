"""What a run leaves on disk."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pandas
import pytest
import torch
from helpers.runs import (
    logits,
    read,
    run_with,
)
from helpers.small import ROOT
from safetensors.numpy import load_file

from healbert import UserError, make_arguments
from healbert.experiment.run import set_threads


def test_run_holds_the_files_of_the_design_and_no_checkpoints(run):
    names = {path.name for path in run.iterdir()}
    expected = {"results.json", "corruption.json", "predictions.parquet", "trainer_state.json", "settings.json"}
    expected |= {".settings"}  # its copy
    assert names == expected


def test_results_describe_the_run(run, settings, csv_files):
    results = read(run)
    assert (results["schema_version"], results["status"]) == (2, "completed")
    for name, value in settings.items():
        assert results["config"][name] == value, name
    assert results["config"]["weight_decay"] == 0
    assert not {"token", "hub_token"} & set(results["config"])
    assert results["task"]["examples"] == {"train": 96, "evaluation": 42}
    assert results["task"]["label_names"] == ["bad", "good"]
    assert results["model"]["architecture"] == "BertForSequenceClassification"
    assert results["corruption"]["layers_hit"] == [0, 1]
    assert (results["corruption"]["level"], results["corruption"]["region"]) == (0.5, "bottom")
    assert set(results["metrics"]) == {"damaged", "healed", "last", "per_epoch"}
    assert results["collapsed"] is False
    task = results["task"]
    assert (task["type"], task["primary_metric"]) == ("classification", "f1_weighted")
    assert list(task["metrics"]) == ["f1_weighted", "accuracy", "f1_macro", "loss"]
    assert all(seconds >= 0 for seconds in results["timing"].values()) and results["timing"]["heal"] > 0


def test_results_name_the_environment(run):
    found = read(run)["environment"]
    assert (found["device"], found["processes"], found["threads"]) == ("cpu", 1, 1)
    assert {"torch", "transformers", "datasets", "healbert"} <= set(found["versions"])
    assert None not in found["versions"].values()
    git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode == 0:
        assert found["git_commit"].rstrip("+") == git.stdout.strip()


def test_receipt_is_of_the_pretrained_weights(run, tiny_bert):
    receipt, weights = read(run, "corruption.json"), load_file(f"{tiny_bert}/model.safetensors")
    assert receipt["summary"]["untouched_bit_identical"] is True
    hit = {name for name in weights if name.startswith(("encoder.layer.0.", "encoder.layer.1."))}
    assert {tensor["name"] for tensor in receipt["tensors"]} == hit
    for tensor in receipt["tensors"]:
        assert tensor["sha256_before"] == hashlib.sha256(weights[tensor["name"]].tobytes()).hexdigest()
    changed = [t for t in receipt["tensors"] if t["sha256_before"] != t["sha256_after"]]
    assert sum("dense.weight" in t["name"] for t in changed) == 6
    assert read(run)["corruption"] == receipt["spec"] | receipt["summary"]


@pytest.mark.parametrize("processes", [1, 2])
def test_cores_are_shared_out(settings, monkeypatch, processes):
    arguments, before = make_arguments(**settings | {"torch_num_threads": None}), torch.get_num_threads()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    try:
        torch.set_num_threads(7)
        set_threads(arguments)
        assert torch.get_num_threads() == max(1, len(os.sched_getaffinity(0)) // processes)
    finally:
        torch.set_num_threads(before)


LOGITS_OF_A_FRESH_PROCESS = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, texts = sys.argv[1], json.load(sys.stdin)
model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
with torch.no_grad():
    rows = [model.eval()(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in texts]
print(json.dumps({"logits": rows, "names": model.config.id2label}))
"""


def test_saved_model_gives_the_same_logits_elsewhere(run, settings, csv_files, tmp_path):
    folder = tmp_path / "run"
    run_with(settings, output_dir=str(folder), save_model=True)
    assert (logits(folder) == logits(run)).all()
    texts = pandas.read_csv(csv_files["validation_file"])["text"].tolist()
    command = [sys.executable, "-c", LOGITS_OF_A_FRESH_PROCESS, str(folder)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=120)
    answer = json.loads(done.stdout)
    assert np.allclose(answer["logits"], logits(folder), atol=1e-5)
    assert answer["names"] == {"0": "bad", "1": "good"}


def test_finished_run_without_a_model_cannot_give_one(run, settings):
    with pytest.raises(UserError, match="without --save_model"):
        run_with(settings, output_dir=str(run), save_model=True)
