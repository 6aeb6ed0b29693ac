"""LoRA and DoRA: what is adapted, where it begins, what is saved and that it loads, what is refused."""

import copy
import json
import pathlib
import shutil

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.classifiers import TEXTS, batch_of, classifier, every_architecture, pad_of
from helpers.healing import damaged_state, parameters_of
from helpers.runs import logits, run_with
from helpers.small import save_bare_gpt2
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import CorruptionSpec, UserError, corrupt, make_arguments
from healbert.healing.places import is_adapter, own_name
from healbert.healing.strategies import make_strategy

both = pytest.mark.parametrize("healing", ["lora", "dora"])
both_ways = pytest.mark.parametrize("keep", ["merged", "adapter"])


@pytest.fixture(scope="module")
def models(tiny_bert, tmp_path_factory):
    return {"bert": tiny_bert, "gpt2": save_bare_gpt2(tmp_path_factory.mktemp("gpt2"))}


@pytest.fixture
def settings(run_flags):
    return run_flags | {"save_model": True, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 0.02}


def prepared(model, healing, options=None, seed=0):
    strategy = make_strategy(healing, options)
    strategy.seed = seed
    strategy.prepare(model, corrupt(model, CorruptionSpec(level=0.5)))
    return strategy


def logits_now(model):
    with torch.no_grad():
        return model.eval()(**batch_of(TEXTS[:1], pad_of(model))).logits


def move_adapters(model):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_adapter(name):
                parameter += torch.empty_like(parameter).normal_(std=0.3, generator=generator)


@both
@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "modernbert", "gpt2"])
def test_an_adapter_starts_from_the_damaged_model_and_merging_keeps_what_it_computes(name, healing):
    plain = classifier(name, "cls")
    model = copy.deepcopy(plain)
    corrupt(plain, CorruptionSpec(level=0.5))
    strategy = prepared(model, healing, "rank=2")
    assert torch.allclose(logits_now(model), logits_now(plain), atol=1e-5)
    move_adapters(model)
    moved = logits_now(model)
    assert (moved - logits_now(plain)).abs().max() > 1e-3
    strategy.finish(model)
    assert torch.allclose(logits_now(model), moved, atol=1e-5)
    assert list(model.state_dict()) == list(plain.state_dict()) and type(model) is type(plain)


def test_merged_weight_is_that_of_the_formula():
    model = build("bert")
    strategy = prepared(model, "lora", "rank=3,alpha=12")
    move_adapters(model)
    before, path = parameters_of(model), "bert.encoder.layer.2.output.dense"
    strategy.finish(model)
    down, up = (before[f"{path}.lora_{part}.default.weight"] for part in "AB")
    assert down.shape[0] == up.shape[1] == 3
    expected = before[f"{path}.base_layer.weight"] + 12 / 3 * up @ down
    assert torch.allclose(dict(model.named_parameters())[f"{path}.weight"], expected, atol=1e-6)


def test_start_of_an_adapter_depends_on_the_seed_and_its_path_alone():
    draws = {}
    for case, (healing, options, seed) in {
        "all": ("lora", "rank=2", 0),
        "damaged": ("lora,damaged_only", "lora.rank=2", 0),
        "other seed": ("lora", "rank=2", 1),
    }.items():
        model = build("bert")
        torch.manual_seed(len(draws))  # must not matter
        state = torch.get_rng_state()
        prepared(model, healing, options, seed)
        assert torch.equal(torch.get_rng_state(), state), "adapters drew from the global generator"
        draws[case] = {n: p for n, p in parameters_of(model).items() if ".lora_A." in n}
    assert set(draws["damaged"]) < set(draws["all"])
    assert all(torch.equal(draws["damaged"][name], draws["all"][name]) for name in draws["damaged"])
    assert not any(torch.equal(draws["other seed"][name], draws["all"][name]) for name in draws["all"])
    bound = 1 / 32**0.5  # of kaiming_uniform with a = sqrt(5): 1 / sqrt(inputs)
    drawn = draws["all"]["bert.encoder.layer.0.attention.self.query.lora_A.default.weight"]
    assert 0.8 * bound < drawn.abs().max() <= bound


@every_architecture
def test_adapters_lie_in_the_layers_and_own_names_are_those_of_before(name):
    model = classifier(name, "mean")
    names = {parameter for parameter, _ in model.named_parameters()}
    strategy = make_strategy("lora", "rank=2")
    strategy.prepare(model, None)
    adapters = {parameter for parameter, _ in model.named_parameters() if is_adapter(parameter)}
    assert adapters and {own_name(parameter) for parameter in adapters} <= names
    assert {own_name(parameter) for parameter, _ in model.named_parameters()} == names


# Whole runs, saved and opened again.


def predicted(folder, data, tokenizer):
    """The logits of a saved model that `from_pretrained` opens, for the evaluation file."""
    import csv

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with open(data, newline="") as file, torch.no_grad():
        texts = [row["text"] for row in csv.DictReader(file)]
        return np.concatenate([model(**tokenizer([text], return_tensors="pt")).logits.numpy() for text in texts]), model


@both_ways
@both
@pytest.mark.parametrize("model", ["bert", "gpt2"])
def test_what_is_saved_opens_and_predicts_the_same_wherever_it_lies(settings, models, tmp_path, model, healing, keep):
    settings |= {"model_name_or_path": models[model], "healing": healing, "healing_options": f"rank=4,keep={keep}"}
    settings["max_seq_length"] = 64
    results = run_with(settings)
    moved = pathlib.Path(shutil.move(settings["output_dir"], tmp_path / "elsewhere"))
    tokenizer = AutoTokenizer.from_pretrained(moved)
    found, opened = predicted(moved, settings["validation_file"], tokenizer)
    assert results["status"] == "completed" and np.allclose(found, logits(moved), atol=1e-4)
    assert any(is_adapter(name) for name in opened.state_dict()) == (keep == "adapter")
    assert (moved / "adapter_config.json").exists() == (keep == "adapter")


def test_base_beside_an_adapter_is_the_damaged_model_with_its_trained_head(settings):
    settings |= {"healing": "lora", "healing_options": "keep=adapter"}
    run_with(settings)
    before, after = damaged_state(make_arguments(**settings)), load_file(f"{settings['output_dir']}/model.safetensors")
    assert {n for n, value in after.items() if not torch.equal(value, before[n])} == {
        "classifier.weight",
        "classifier.bias",
    }


@both
def test_adapter_is_one_of_peft(settings, healing):
    from peft import PeftModel

    settings |= {"healing": healing, "healing_options": "keep=adapter,rank=4"}
    run_with(settings)
    folder = pathlib.Path(settings["output_dir"])
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (4, 16, None)
    adapter = folder / "alone"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.move(folder / name, adapter / name)
    base = AutoModelForSequenceClassification.from_pretrained(folder)
    peft, tokenizer = PeftModel.from_pretrained(base, adapter).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        lines = pathlib.Path(settings["validation_file"]).read_text().splitlines()[1:]
        texts = [line.rpartition(",")[0] for line in lines]
        found = np.concatenate([peft(**tokenizer([text], return_tensors="pt")).logits.numpy() for text in texts])
    assert np.allclose(found, logits(folder), atol=1e-4)


def test_a_second_run_into_the_folder_leaves_no_adapter_behind(settings):
    folder = pathlib.Path(settings["output_dir"])
    run_with(settings, healing="lora", healing_options="keep=adapter")
    run_with(settings, healing="lora", overwrite_output_dir=True)
    assert not list(folder.glob("adapter*")) and (folder / "model.safetensors").exists()


# What is refused.


WRONG = {
    "no such map": (
        "targets=qery",
        r"no linear map 'qery'; did you mean 'query'\? \(there are: dense, key, que",
    ),
    "none of several": ("targets=query+classifier", "no linear map 'classifier'"),
    "rank above a map's": ("rank=33", r"rank 33 of --healing lora is above what bert\.encoder.*\(32 x 32\); use 32 or"),
}


@pytest.mark.parametrize("options, message", WRONG.values(), ids=WRONG.keys())
def test_targets_and_ranks_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        prepared(build("bert"), "lora", options)


def test_refused_before_anything_is_written(settings, tmp_path):
    with pytest.raises(UserError, match="no linear map 'qery'"):
        run_with(settings, healing="lora", healing_options="targets=qery")
    assert not (tmp_path / "run" / "results.json").exists()


RANGES = ["rank=0", "rank=1.5", "dropout=1", "alpha=-1", "keep=both"]


@pytest.mark.parametrize("options", RANGES)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UserError, match=f"--healing_options {options.partition('=')[0]}"):
        make_arguments(healing="lora", healing_options=options)


def test_library_that_is_not_installed_is_named(monkeypatch):
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "peft" else find(name, *rest))
    with pytest.raises(UserError, match="--healing dora needs a library that is not installed; run: pip install peft"):
        make_arguments(healing="dora")
