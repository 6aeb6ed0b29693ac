"""Where a setting comes from, what is refused, and which settings make a different run."""

import json
import math
import shutil

import pytest
import torch
import yaml
from helpers.small import to_flags

from healbert.arguments.neutral import NOT_IDENTITY
from healbert.arguments.parser import TRAINING_DEFAULTS, make_arguments, parse_arguments
from healbert.tasks.table import EMBEDDED_TASK, TASKS
from healbert.utils.errors import UserError


def parse(*argv):
    return parse_arguments(["--use_cpu", *map(str, argv)])[0]


def parse_file(path, *argv):
    return parse_arguments([str(path), "--use_cpu", *map(str, argv)])[0]


def run(**settings):
    """Arguments of a damaged run, apart from ``settings``."""
    return make_arguments(**{"use_cpu": True, "corrupt_level": 0.5, **settings})


@pytest.fixture
def write(tmp_path):
    """Writes a configuration and returns its path: a dict as YAML or JSON, or a text as it is."""

    def write_config(settings, name="config.yaml"):
        dump = json.dumps if name.endswith(".json") else yaml.safe_dump
        path = tmp_path / name
        path.write_text(settings if isinstance(settings, str) else dump(settings), encoding="utf-8")
        return path

    return write_config


# ---------------------------------------------------------------- defaults < task recipe < YAML < flags


@pytest.mark.parametrize("name", sorted(TRAINING_DEFAULTS))
def test_defaults(name):
    assert parse("--task_name", "sst2").settings()[name] == TRAINING_DEFAULTS[name]


def test_the_task_without_a_name_is_the_embedded_one():
    settings = parse().settings()
    assert settings["task_name"] == EMBEDDED_TASK
    assert (settings["corrupt_level"], settings["selection"]) == (0, "best_eval")


@pytest.mark.parametrize("argv", [[], ["--task_name", EMBEDDED_TASK]], ids=["unnamed", "named"])
def test_the_recipe_replaces_the_defaults(argv):
    recipe = TASKS[EMBEDDED_TASK].recipe
    assert recipe["learning_rate"] != TRAINING_DEFAULTS["learning_rate"]
    assert recipe.items() <= parse(*argv).settings().items()


@pytest.mark.parametrize("name", ["config.yaml", "config.yml", "config.json"])
def test_a_file_replaces_the_recipe(write, name):
    path = write({"learning_rate": 0.125, "corrupt_level": 0.25, "save_model": True, "max_train_samples": None}, name)
    settings = parse_file(path).settings()
    assert (settings["learning_rate"], settings["corrupt_level"], settings["save_model"]) == (0.125, 0.25, True)
    assert settings["max_train_samples"] is None
    assert settings["num_train_epochs"] == TASKS[EMBEDDED_TASK].recipe["num_train_epochs"]


def test_flags_replace_the_file(write):
    path = write({"learning_rate": 0.125, "corrupt_level": 0.25})
    settings = parse_file(path, "--learning_rate", "0.5").settings()
    assert (settings["learning_rate"], settings["corrupt_level"]) == (0.5, 0.25)


def test_the_recipe_is_that_of_the_task_in_the_file(write):
    default = TRAINING_DEFAULTS["learning_rate"]
    assert parse_file(write({"task_name": "sst2"})).training.learning_rate == default
    own = parse_file(write({"task_name": "sst2"}), "--task_name", EMBEDDED_TASK).training.learning_rate
    assert own == TASKS[EMBEDDED_TASK].recipe["learning_rate"] != default


def test_files_and_datasets_of_the_user_have_no_recipe(csv_files):
    default = TRAINING_DEFAULTS["learning_rate"]
    assert make_arguments(use_cpu=True, **csv_files).training.learning_rate == default
    assert make_arguments(use_cpu=True, dataset_name="someone/texts").training.learning_rate == default


def test_numbers_that_yaml_reads_as_text(write):
    assert parse_file(write("learning_rate: 3e-5\n")).training.learning_rate == 3e-5


@pytest.mark.parametrize(
    "argv, expected",
    [
        ([], False),
        (["--save_model"], True),
        (["--save_model", "true"], True),
        (["--save_model=false"], False),
        (["--save_model", "False"], False),
    ],
)
def test_switches_with_and_without_a_value(argv, expected):
    assert parse(*argv).run.save_model is expected


def test_make_arguments_is_the_command_line(run_flags):
    from_flags = parse_arguments(to_flags(run_flags))[0]
    assert make_arguments(**run_flags).settings() == from_flags.settings()
    assert from_flags.corruption.corrupt_level == 0.5


def test_make_arguments_leaves_none_at_its_default():
    assert run(max_train_samples=None, learning_rate=None).settings() == run().settings()


def test_print_config_is_a_switch():
    assert parse_arguments(["--use_cpu", "--print_config"])[1] is True
    assert parse_arguments(["--use_cpu"])[1] is False


# Settings whose way through YAML and back is not plain: dictionaries, lists, percentages, floats with exponents.
UNUSUAL = {
    "learning_rate": 1e-7,
    "warmup_steps": 0.1,
    "lr_scheduler_type": "cosine_with_restarts",
    "lr_scheduler_kwargs": {"num_cycles": 2},
    "label_smoothing_factor": 0.1,
    "report_to": ["none"],
    "run_name": "déjà: vu",
    "train_sampling_strategy": "random",
    "model_revision": "1.0",
    "max_train_samples": 20,
    "corrupt_seed": 3,
    "disable_tqdm": True,
}


@pytest.mark.parametrize("settings", [{}, UNUSUAL, {"corrupt_level": 0}], ids=["plain", "unusual", "intact"])
def test_a_printed_config_gives_the_same_run(write, settings):
    arguments = run(**settings)
    path = write(yaml.safe_dump(arguments.settings(), sort_keys=True))
    again = parse_arguments([str(path)])[0]
    assert again.settings() == arguments.settings()
    assert again.identity() == arguments.identity()


def test_a_printed_config_gives_the_same_folder(write):
    arguments = run(task_name="sst2")
    path = write(yaml.safe_dump(arguments.settings(), sort_keys=True))
    assert parse_arguments([str(path)])[0].name() == arguments.name()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "text, message",
    [
        ("corupt_level: 0.5", r"unknown setting 'corupt_level'; did you mean 'corrupt_level'\?"),
        ("task_name: [sst2", r"config.yaml cannot be read"),
        ("- a\n- b", r"config.yaml does not hold 'flag: value' lines"),
        ("", r"config.yaml does not hold 'flag: value' lines"),
        ("corrupt_level: 50", r"level 50 .* did you mean 0.5\?"),
        ("max_seq_length: many", r"--max_seq_length.* 'many'"),
    ],
)
def test_refused_files(write, text, message):
    with pytest.raises(UserError, match=message):
        parse_file(write(text))


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(UserError, match="config.yaml does not exist or is not a file"):
        parse_file(tmp_path / "config.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="config.yaml cannot be read"):
        parse_file(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "argv, message",
    [
        (["missing.yaml"], r"configuration file missing.yaml does not exist"),
        (["sst2"], r"'sst2' is no flag and no .yaml or .json file; flags start with --"),
        (["--corupt_level", "0.5"], r"unknown argument '--corupt_level'; did you mean '--corrupt_level'\?"),
        (["--corupt_level=0.5"], r"unknown argument '--corupt_level=0.5'; did you mean '--corrupt_level'\?"),
        (["--seed", "1", "extra"], r"unknown argument 'extra'"),
        (["--learning_rate"], r"--learning_rate.* expected one argument"),
        (["--save_model", "maybe"], r"--save_model.* maybe"),
        (["--corrupt_lev", "0.5"], r"unknown argument '--corrupt_lev'"),
    ],
)
def test_refused_command_lines(argv, message):
    with pytest.raises(UserError, match=message):
        parse_arguments(argv)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("max_train_samples", 0, r"--max_train_samples 0 is too small; use 1 or more"),
        ("max_eval_samples", -3, r"--max_eval_samples -3 is too small"),
        ("max_seq_length", 0, r"--max_seq_length 0 is too small"),
        ("preprocessing_num_workers", 0, r"--preprocessing_num_workers 0 is too small"),
        ("torch_num_threads", 0, r"--torch_num_threads 0 is too small"),
        ("per_device_train_batch_size", 0, r"--per_device_train_batch_size 0 is too small"),
        ("per_device_eval_batch_size", 0, r"--per_device_eval_batch_size 0 is too small"),
        ("gradient_accumulation_steps", 0, r"--gradient_accumulation_steps 0 is too small"),
        ("learning_rate", math.nan, r"--learning_rate nan is not a number of 0 or more"),
        ("learning_rate", math.inf, r"--learning_rate inf is not a number of 0 or more"),
        ("learning_rate", -0.1, r"--learning_rate -0.1 is not a number of 0 or more"),
        ("learning_rate", -1e-5, r"--learning_rate -1e-05 is not a number of 0 or more"),
        ("num_train_epochs", 0, r"--num_train_epochs 0 is not above 0"),
        ("num_train_epochs", math.nan, r"--num_train_epochs nan"),
        ("num_train_epochs", math.inf, r"--num_train_epochs inf"),
        ("seed", -1, r"seed -1"),
        ("sample_seed", -1, r"sample_seed -1"),
        ("eval_strategy", "steps", r"--eval_strategy steps is not supported: .* leave it at epoch"),
        ("save_strategy", "no", r"--save_strategy no is not supported"),
        ("load_best_model_at_end", False, r"--load_best_model_at_end False is not supported"),
        ("metric_for_best_model", "loss", r"--metric_for_best_model loss is not supported: .* leave it at f1_weighted"),
        ("greater_is_better", False, r"--greater_is_better False is not supported"),
        ("dataloader_drop_last", True, r"--dataloader_drop_last True is not supported: .* leave it at False"),
        ("eval_do_concat_batches", False, r"--eval_do_concat_batches False is not supported: .* leave it at True"),
        ("warmup_steps", -1, r"warmup_steps"),
        ("weight_decay", -0.1, r"--weight_decay -0.1 is not a number of 0 or more"),
        ("adam_beta1", 2, r"--adam_beta1 2.0 is not from 0 to below 1"),
        ("dataloader_num_workers", -1, r"--dataloader_num_workers -1 is too small; use 0 or more"),
        ("resume_from_checkpoint", "healbert", r"--resume_from_checkpoint healbert is not the folder of a checkpoint"),
        ("accelerator_config", "missing.json", r"missing.json"),
        ("deepspeed", "missing.json", r"deepspeed"),
        ("lr_scheduler_type", "sine", r"--lr_scheduler_type.* 'sine'"),
        ("task_name", "stsb", r"task 'stsb' is a regression"),
        ("task_name", "SST2", r"task 'SST2' is not known; did you mean 'sst2'\?"),
        ("task_name", "imbd", r"task 'imbd' is not known; did you mean 'imdb'\? \(known: docstrings, sst2"),
        ("selection", "best_dev", r"selection 'best_dev' is not known; did you mean 'best_eval'\?"),
        ("dev_fraction", 1, r"--dev_fraction 1 is not between 0 and 1"),
        ("dev_fraction", math.nan, r"--dev_fraction nan is not between 0 and 1"),
        ("data_root", "missing", r"--data_root missing is not a folder"),
        ("healing", "linear-probe", r"healing 'linear-probe' is not known; did you mean 'linear_probe'\?"),
        ("pooling", "max", r"pooling 'max' is not known"),
        ("corrupt_level", 1.5, r"level 1.5 is not a fraction"),
        ("corrupt_level", math.nan, r"level nan is not a fraction"),
        ("corrupt_region", "middle", r"region 'middle' is not known"),
        ("corrupt_method", "zeros", r"method 'zeros' is not known"),
        ("corrupt_unit", "tensor", r"unit 'tensor' is not known"),
        ("corrupt_seed", -1, r"seed -1 is negative"),
        ("max_train_smaples", 5, r"unknown setting 'max_train_smaples'; did you mean 'max_train_samples'\?"),
    ],
)
def test_refused_values(name, value, message):
    with pytest.raises(UserError, match=message):
        run(**{name: value})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"task_name": "sst2", "dataset_name": "x/y"}, r"--task_name and --dataset_name exclude each other"),
        ({"task_name": "sst2", "train_file": "a.csv"}, r"--task_name and --train_file exclude each other"),
        ({"validation_file": "a.csv"}, r"--train_file is missing"),
        ({"test_file": "a.csv"}, r"--train_file is missing"),
    ],
)
def test_refused_sources(settings, message):
    with pytest.raises(UserError, match=message):
        run(**settings)


def test_a_train_file_needs_a_file_to_score(csv_files):
    with pytest.raises(UserError, match="--train_file needs a --validation_file"):
        run(train_file=csv_files["train_file"])
    assert run(train_file=csv_files["train_file"], test_file=csv_files["validation_file"]).data.test_file


@pytest.mark.parametrize("flag", ["train_file", "validation_file", "test_file"])
@pytest.mark.parametrize(
    "name, content, message",
    [
        ("missing.csv", None, "does not exist"),
        ("rows.xlsx", "x", r"ends in '\.xlsx'; use one of csv, tsv, json, jsonl, parquet"),
        ("rows", "x", "ends in ''"),
        ("empty.csv", "", "is empty"),
    ],
)
def test_refused_data_files(csv_files, tmp_path, flag, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"--{flag} .*{name} {message}"):
        run(**{**csv_files, flag: str(tmp_path / name)})


# ---------------------------------------------------------------- which settings make a different run


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
        {"logging_steps": 7},
        {"logging_strategy": "steps"},
        {"report_to": "none"},
        {"run_name": "mine"},
        {"disable_tqdm": True},
        {"save_total_limit": 3},
        pytest.param({"use_cpu": False}, marks=pytest.mark.skipif(torch.cuda.is_available(), reason="another device")),
        {"activation_checkpointing": True},
        {"eval_accumulation_steps": 4},
        {"cache_dir": "cache"},
        {"data_root": "."},
        {"token": "secret"},
        {"push_to_hub": True, "hub_token": "secret", "hub_model_id": "me/model"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_same_run(settings):
    assert run(**settings).identity() == run().identity()
    assert run(**settings).name() == run().name()


@pytest.mark.parametrize(
    "settings",
    [
        {"corrupt_level": 0.25},
        {"corrupt_level": 0},
        {"corrupt_level": 1},
        {"corrupt_region": "top"},
        {"corrupt_unit": "parameter"},
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
        {"sample_seed": 1},
        {"model_name_or_path": "google-bert/bert-base-uncased"},
        {"model_revision": "v2"},
        {"config_name": "other"},
        {"tokenizer_name": "other"},
        {"pooling": "mean"},
        {"healing": "linear_probe"},
        {"selection": "dev"},
        {"dev_fraction": 0.2},
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


@pytest.mark.parametrize("name", DAMAGE)
def test_level_0_ignores_the_rest_of_the_damage(name):
    intact, plain = run(corrupt_level=0, **{name: DAMAGE[name]}), run(corrupt_level=0)
    assert (intact.identity(), intact.name()) == (plain.identity(), plain.name())


def test_level_1_ignores_the_region_alone():
    top, plain = run(corrupt_level=1, corrupt_region="top"), run(corrupt_level=1)
    assert (top.identity(), top.name()) == (plain.identity(), plain.name())
    assert run(corrupt_level=1, corrupt_seed=5).name() != plain.name()


def test_settings_hold_no_token():
    arguments = run(token="hf_mine", hub_token="hf_other")
    assert not {"token", "hub_token"} & set(arguments.settings())
    assert "hf_" not in json.dumps(arguments.settings())
    assert (arguments.model.token, arguments.training.hub_token) == ("hf_mine", "hf_other")


def test_settings_are_plain_values():
    settings = run(**UNUSUAL).settings()
    assert yaml.safe_load(yaml.safe_dump(settings)) == settings == json.loads(json.dumps(settings))


def test_names_left_out_of_the_identity_are_settings():
    assert NOT_IDENTITY - {"token", "hub_token"} <= set(run().settings())


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
