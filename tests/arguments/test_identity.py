"""Which settings make a different run, and which do not."""

import json
import shutil

import pytest
import torch
import yaml
from helpers.arguments import UNUSUAL, run
from transformers import TrainingArguments

from healbert.arguments.baseline import BASELINE
from healbert.arguments.neutral import BY_CONTENT, IDLE, WITHOUT_EFFECT
from healbert.tasks.table import EMBEDDED_TASK


@pytest.mark.parametrize(
    "settings",
    [
        {"output_dir": "elsewhere"},
        {"save_model": True},
        {"overwrite_output_dir": True},
        {"overwrite_cache": True},
        {"torch_num_threads": 1},
        {"preprocessing_num_workers": 2},
        {"dataloader_num_workers": 2},
        {"report_to": "none"},
        {"run_name": "mine"},
        {"disable_tqdm": True},
        {"save_total_limit": 3},
        pytest.param({"use_cpu": False}, marks=pytest.mark.skipif(torch.cuda.is_available(), reason="another device")),
        {"activation_checkpointing": True},
        {"eval_accumulation_steps": 4},
        {"cache_dir": "cache"},
        {"data_root": "."},
        {"model_revision": "v2"},
        {"dev_fraction": 0.2},
        {"sample_seed": 1},
        {"tsne_perplexity": 5},
        {"tsne_samples": 5},
        {"token": "secret"},
        {"push_to_hub": True, "hub_token": "secret", "hub_model_id": "me/model"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_same_run(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a cache named by a relative path is built there
    assert run(**settings).identity() == run().identity()
    assert run(**settings).name() == run().name()


@pytest.mark.parametrize(
    "settings",
    [
        {"corrupt_level": 0.25},
        {"corrupt_level": 0},
        {"corrupt_level": 1},
        {"corrupt_region": "top"},
        {"corrupt_unit": "parameter", "corrupt_level": 0.4},
        {"corrupt_seed": 1},
        {"corrupt_embeddings": True},
        {"corrupt_pooler": True},
        {"task_name": "sst2"},
        {"dataset_name": "someone/texts"},
        {"dataset_config_name": "split"},
        {"text_column_names": "sentence"},
        {"label_column_name": "topic"},
        {"max_seq_length": 64},
        {"pad_to_max_length": True},
        {"max_train_samples": 50},
        {"max_eval_samples": 50},
        {"max_eval_samples": 50, "sample_seed": 1},
        {"model_name_or_path": "google-bert/bert-base-uncased"},
        {"model_name_or_path": "google-bert/bert-base-uncased", "model_revision": "v2"},
        {"config_name": "other"},
        {"tokenizer_name": "other"},
        {"pooling": "mean"},
        {"healing": "linear_probe"},
        {"selection": "dev"},
        {"selection": "dev", "dev_fraction": 0.2},
        {"tsne": True, "tsne_samples": 20},
        {"logging_steps": 7},  # the training loss of each epoch is what was logged
        {"dataloader_persistent_workers": True, "dataloader_num_workers": 1},
        {"seed": 1},
        {"data_seed": 1},
        {"learning_rate": 1e-3},
        {"learning_rate": 2.0000001e-4},  # the readable part of the name shows fewer digits
        {"num_train_epochs": 3},
        {"max_steps": 10},
        {"per_device_train_batch_size": 16},
        {"gradient_accumulation_steps": 2},
        {"train_sampling_strategy": "random"},
        {"weight_decay": 0.01},
        {"warmup_steps": 10},
        {"lr_scheduler_type": "constant"},
        {"lr_scheduler_kwargs": {"num_cycles": 2}},
        {"label_smoothing_factor": 0.1},
        {"max_grad_norm": 0.5},
        {"optim": "sgd"},
        {"adam_beta2": 0.98},
        {"adam_epsilon": 1e-6},
        {"bf16": True},
        {"neftune_noise_alpha": 5},
        {"full_determinism": True},
    ],
    ids=str,
)
def test_a_different_run(settings):
    base = {"task_name": EMBEDDED_TASK} if "dataset_name" not in settings else {}
    changed, plain = run(**{**base, **settings}), run()
    assert changed.identity() != plain.identity()
    assert changed.name() != plain.name()


@pytest.mark.parametrize(
    "name", ["num_train_epochs", "warmup_steps", "learning_rate", "max_seq_length", "corrupt_seed"]
)
def test_a_default_that_is_written_out_is_the_same_run(name):
    plain = run(task_name="sst2")
    written = run(task_name="sst2", **{name: plain.settings()[name]})
    assert (written.identity(), written.name()) == (plain.identity(), plain.name())


def test_files_make_a_different_run(csv_files):
    swapped = dict(zip(csv_files, reversed(csv_files.values()), strict=True))
    further = {**csv_files, "test_file": csv_files["validation_file"]}
    assert len({run(**files).name() for files in (csv_files, swapped, further)}) == 3


def test_content_of_the_files_makes_the_run_and_not_where_they_lie(csv_files, tmp_path):
    plain = run(**csv_files).name()
    elsewhere = {flag: shutil.copy(path, tmp_path) for flag, path in csv_files.items()}
    assert run(**elsewhere).name() == plain
    with open(elsewhere["validation_file"], "a", encoding="utf-8") as file:
        file.write("one more,good\n")
    assert run(**elsewhere).name() != plain


DAMAGE = {
    "corrupt_region": "top",
    "corrupt_seed": 5,
    "corrupt_unit": "parameter",
    "corrupt_embeddings": True,
    "corrupt_pooler": True,
}


def same(first, second):
    """Whether two runs are one, by identity and by the hash in their names."""
    alike = first.identity() == second.identity()
    assert alike == (first.name().rpartition("-")[2] == second.name().rpartition("-")[2])
    return alike


@pytest.mark.parametrize("name", DAMAGE)
def test_level_0_ignores_the_rest_of_the_damage(name):
    assert same(run(corrupt_level=0, **{name: DAMAGE[name]}), run(corrupt_level=0))


@pytest.mark.parametrize(
    "asked, hit",
    [
        ({"corrupt_level": 1, "corrupt_region": "top"}, {"corrupt_level": 1}),
        ({"corrupt_level": 0.45}, {"corrupt_level": 0.5}),  # both round to 3 of 6 layers
        ({"corrupt_unit": "parameter"}, {}),  # layers of one size: half of the scalars are half of the layers
        ({"corrupt_level": 0.01}, {"corrupt_level": 0}),  # none of 6
    ],
    ids=["all", "rounded", "unit", "none"],
)
def test_what_hits_the_same_is_the_same_run(asked, hit):
    assert same(run(**asked), run(**hit))


def test_all_of_the_encoder_still_counts_its_seed():
    assert not same(run(corrupt_level=1, corrupt_seed=5), run(corrupt_level=1))


def test_a_model_that_cannot_be_looked_at_counts_as_it_was_asked_for():
    elsewhere = {"model_name_or_path": "someone/bert"}
    assert "asked" in run(**elsewhere).identity()["damage"]
    assert not same(run(**elsewhere), run(**elsewhere, corrupt_region="top"))
    assert not same(run(**elsewhere), run(model_name_or_path="someone/bert2"))
    assert same(run(**elsewhere, corrupt_level=1), run(**elsewhere, corrupt_level=1, corrupt_region="top"))


def test_models_count_by_content_and_not_by_name(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "another name")
    assert same(run(model_name_or_path=str(copy)), run(model_name_or_path=tiny_bert))
    assert same(run(model_name_or_path=tiny_bert, tokenizer_name=str(copy)), run(model_name_or_path=tiny_bert))
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text + " ")
    assert not same(run(model_name_or_path=tiny_bert, config_name=str(copy)), run(model_name_or_path=tiny_bert))


def test_a_trace_against_the_model_itself_is_another_run_than_one_against_none(tiny_bert):
    settings = {"model_name_or_path": tiny_bert, "trace_healing": True}
    assert not same(run(**settings), run(**settings, trace_reference=tiny_bert))
    assert same(run(**settings), run(**settings, config_name=tiny_bert))  # the model's own, named or not


def test_precision_counts_as_it_is_used(monkeypatch):
    asked = run(bf16=True)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    launched = run()
    assert same(asked, launched) and launched.identity()["precision"] == "bf16"


def test_the_run_that_lies_there_under_another_name_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = run()
    (tmp_path / first.training.output_dir).mkdir(parents=True)
    assert run(corrupt_level=0.45).training.output_dir == first.training.output_dir
    assert run(corrupt_level=0.25).training.output_dir != first.training.output_dir


def test_settings_hold_no_token():
    arguments = run(token="hf_mine", hub_token="hf_other")
    assert not {"token", "hub_token"} & set(arguments.settings())
    assert "hf_" not in json.dumps(arguments.settings())
    assert (arguments.model.token, arguments.training.hub_token) == ("hf_mine", "hf_other")


def test_settings_are_plain_values():
    settings = run(**UNUSUAL).settings()
    assert yaml.safe_load(yaml.safe_dump(settings)) == settings == json.loads(json.dumps(settings))


def test_names_left_out_of_the_identity_are_settings():
    known = set(run().settings())
    assert WITHOUT_EFFECT - {"token", "hub_token"} <= known
    assert BY_CONTENT | set(IDLE) <= known
    assert not WITHOUT_EFFECT & (BY_CONTENT | set(IDLE))
    assert not (WITHOUT_EFFECT | BY_CONTENT) & set(BASELINE)


@pytest.mark.parametrize(
    "settings, start",
    [
        ({}, "embedded-docstrings-0.5-bottom-lr0.0002-seed42-"),
        ({"corrupt_level": 0}, "embedded-docstrings-0-lr0.0002-seed42-"),
        ({"corrupt_level": 1}, "embedded-docstrings-1-lr0.0002-seed42-"),
        ({"corrupt_region": "top", "seed": 7}, "embedded-docstrings-0.5-top-lr0.0002-seed7-"),
        ({"model_name_or_path": "./my bert/", "task_name": "sst2"}, "my_bert-sst2-0.5-bottom-lr2e-05-seed42-"),
    ],
)
def test_the_name_can_be_read_and_is_the_default_folder(settings, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my bert").mkdir()
    arguments = run(**settings)
    assert arguments.name().startswith(start)
    assert arguments.training.output_dir == f"runs/{arguments.name()}"


def test_the_folder_that_is_asked_for_is_kept(tmp_path):
    assert run(output_dir=str(tmp_path)).training.output_dir == str(tmp_path)


def test_one_process_takes_one_gpu_of_several(monkeypatch):
    """On several, as DataParallel does, its batches would be larger than its name says."""
    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: vars(self).get("_n_gpu") or 4))
    training = run().training
    assert (training.n_gpu, training.train_batch_size) == (1, training.per_device_train_batch_size)
