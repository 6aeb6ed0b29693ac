"""What a run's name leaves out changes nothing: each such setting is run both ways and gives the same bits."""

import pathlib
import shutil

import pandas
import pytest

from healbert import make_arguments, run_experiment
from healbert.arguments.neutral import BY_CONTENT, IDLE, WITHOUT_EFFECT

# What is set in a second run, a few settings at a time.
OTHER = {
    "activation checkpointing": {
        "activation_checkpointing": True,
        "activation_checkpointing_kwargs": {"use_reentrant": True},
    },
    "gradient checkpointing": {
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
    },
    "workers that prepare data": {
        "dataloader_num_workers": 2,
        "dataloader_prefetch_factor": 4,
        "dataloader_pin_memory": False,
        "preprocessing_num_workers": 2,
        "overwrite_cache": True,
        "cache_dir": "cache",
    },
    "memory": {"eval_accumulation_steps": 2, "torch_empty_cache_steps": 1, "skip_memory_metrics": False},
    "what is logged": {
        "disable_tqdm": True,
        "include_num_input_tokens_seen": True,
        "log_level": "error",
        "log_level_replica": "error",
        "log_on_each_node": False,
        "logging_nan_inf_filter": True,
        "project": "mine",
        "report_to": "tensorboard",
        "run_name": "mine",
        "trackio_space_id": "me/space",
    },
    "what is kept": {
        "output_dir": "another",
        "overwrite_output_dir": True,
        "save_model": True,
        "save_on_each_node": True,
        "save_steps": 3,
        "save_total_limit": 3,
        "restore_callback_states_from_checkpoint": True,
    },
    "checkpoints of the model alone": {"save_only_model": True, "eval_steps": 3},
    "what nothing here does": {
        "ddp_timeout": 600,
        "do_eval": False,
        "do_predict": True,
        "do_train": True,
        "hub_always_push": True,
        "hub_model_id": "me/model",
        "hub_private_repo": True,
        "hub_revision": "branch",
        "token": "secret",
    },
    "what is idle": {
        "dev_fraction": 0.4,
        "sample_seed": 3,
        "tsne_perplexity": 5,
        "tsne_samples": 10,
        "trace_samples": 9,
    },
}

# Settings that cannot be run both ways here, and why their other value makes no difference.
WHY_NOT = {
    "dataloader_in_order": "one value is allowed (arguments/training.py, FIXED)",
    "dataloader_multiprocessing_context": "how workers start, which takes minutes; what they do is run with "
    "dataloader_num_workers",
    "ddp_backend": "needs two devices or two machines; which library adds up gradients is part of the device",
    "ddp_broadcast_buffers": "needs several processes, whose number counts; text encoders train no buffers",
    "ddp_bucket_cap_mb": "needs several processes; how many gradients travel at a time, not what they are",
    "ddp_find_unused_parameters": "needs several processes; whether idle parameters are looked for",
    "ddp_static_graph": "needs several processes; an optimisation of the same sums",
    "debug": "raises at overflow, or needs a TPU; computes nothing else",
    "fast_paths": "idle at none alone, and under a linear probe, which trains without: tests/experiment/test_fast.py",
    "enable_jit_checkpoint": "takes a checkpoint when a signal comes; what a resumed run computes is tested elsewhere",
    "hub_strategy": "one push, at the end: 'end' and 'every_save' are the same here",
    "hub_token": "says who pushes; pushing comes after the results",
    "intact_results": "for the card of a push, which comes after the results",
    "local_rank": "set by the launcher; the number of processes counts",
    "measure_damage": "idle at level 0 alone, where tests/experiment/test_severity.py runs it both ways",
    "push_to_hub": "comes after the results",
    "resume_from_checkpoint": "goes on with the same run: tests/experiment runs both ways",
    "torch_num_threads": "not neutral: the docs promise the same bits for the same number, which results record",
    "trackio_bucket_id": "needs the Hub; where a tracker keeps its figures",
    "trackio_static_space_id": "needs the Hub; where a tracker keeps its figures",
}

# Settings that count by what they stand for, and where in the identity.
STAND_FOR = {
    "bf16": "precision",
    "precision": "precision",
    "config_name": "sources: the fingerprint of the configuration",
    "data_root": "sources: the fingerprint of the data",
    "data_revision": "sources: the fingerprint of the data",
    "fp16": "precision",
    "greater_is_better": "the task, whose type has its metric",
    "metric_for_best_model": "the task, whose type has its metric",
    "healing_options": "healing_options, as resolved",
    "model_name_or_path": "sources: the fingerprint of the model",
    "model_revision": "sources: the fingerprint of the model",
    "plugin": "plugins: the hashes of their content",
    "tokenizer_name": "sources: the fingerprint of the tokenizer",
    "trace_reference": "sources: the fingerprint of the model",
    "use_cpu": "device",
}


def test_each_setting_that_is_left_out_is_run_or_has_a_reason():
    run = {name for settings in OTHER.values() for name in settings}
    assert run | set(WHY_NOT) == WITHOUT_EFFECT | set(IDLE)
    assert not run & set(WHY_NOT)
    assert set(STAND_FOR) == BY_CONTENT


def figures(settings):
    """All that a run measured: metrics of every epoch, the chosen epoch, and the logits of every example."""
    results = run_experiment(make_arguments(**settings))
    predictions = pandas.read_parquet(pathlib.Path(settings["output_dir"], "predictions.parquet"))
    return {
        "status": results["status"],
        "best_epoch": results["best_epoch"],
        "metrics": results["metrics"],
        "predictions": predictions.to_dict("list") | {"logits": [row.tolist() for row in predictions["logits"]]},
    }


@pytest.fixture(scope="module")
def base(tiny_bert, csv_files):
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
        "report_to": "none",
    }


@pytest.fixture(scope="module")
def plain(base, tmp_path_factory):
    return figures(base | {"output_dir": str(tmp_path_factory.mktemp("plain") / "run")})


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER.keys())
def test_settings_that_are_left_out_change_nothing(other, base, plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert figures({**base, "output_dir": str(tmp_path / "run"), **other}) == plain


@pytest.mark.slow
def test_a_model_of_another_name_is_the_same_run(base, plain, tmp_path):
    copy = shutil.copytree(base["model_name_or_path"], tmp_path / "copy")
    named = {"model_name_or_path": str(copy), "tokenizer_name": base["model_name_or_path"], "model_revision": "v2"}
    assert figures({**base, **named, "output_dir": str(tmp_path / "run")}) == plain


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"logging_strategy": "steps", "logging_steps": 5}, {"seed": 7}], ids=str)
def test_a_setting_that_counts_is_seen_here(more, base, plain, tmp_path):
    assert figures({**base, **more, "output_dir": str(tmp_path / "run")}) != plain
