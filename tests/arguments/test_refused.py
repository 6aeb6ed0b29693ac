"""What the command line refuses, and how it says so."""

import math

import pytest
from helpers.arguments import parse_file, run
from helpers.small import to_flags

from healbert.arguments.parser import make_arguments, parse_arguments
from healbert.utils.errors import UserError


@pytest.mark.parametrize(
    "text, message",
    [
        ("corupt_level: 0.5", r"unknown setting 'corupt_level'; did you mean 'corrupt_level'\?"),
        ("task_name: [sst2", r"config.yaml cannot be read"),
        ("- a\n- b", r"config.yaml does not hold 'flag: value' lines"),
        ("", r"config.yaml does not hold 'flag: value' lines"),
        ("corrupt_level: 50", r"level 50 .* did you mean 0.5\?"),
        ("max_seq_length: many", r"--max_seq_length.* 'many'"),
        ("seed: 1\nseed: 2", r"config.yaml cannot be read: 'seed' stands there twice; leave one out"),
        ("tsne: {a: 1, a: 2}", r"'a' stands there twice"),
    ],
)
def test_refused_files(write, text, message):
    with pytest.raises(UserError, match=message):
        parse_file(write(text))


def test_json_is_json(tmp_path):
    path = tmp_path / "config.json"
    for text, message in {
        '{"seed": 1,}': "cannot be read: Expecting property|cannot be read: Illegal trailing comma",
        '{"seed": 1, "seed": 2}': "'seed' stands there twice",
        "seed: 1": "cannot be read: Expecting value",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            parse_file(path)
    path.write_text('{"seed": 3, "learning_rate": 1e-5}')
    found = parse_file(path).training
    assert (found.seed, found.learning_rate) == (3, 1e-5)


@pytest.mark.parametrize("argv", [["--do_train", "--do_eval"], ["--do_train", "--do_predict", "--test_file", "t.csv"]])
def test_steps_that_a_run_takes_anyway_may_be_named(argv, tmp_path, csv_files):
    files = to_flags(csv_files) if "--test_file" in argv else []
    argv = [csv_files["validation_file"] if flag == "t.csv" else flag for flag in argv]
    assert parse_arguments([*argv, *files])[0].name()


def test_a_file_of_settings_counts_for_what_flags_mean(write, csv_files):
    file = write(f"test_file: {csv_files['validation_file']}\ntrain_file: {csv_files['train_file']}")
    assert parse_file(file, "--do_train", "--do_predict").name()
    assert parse_file(write("do_train: true"), "--do_eval").name()
    assert parse_file(write(f"data_root: {write('seed: 1').parent}")).name(), "of a study's base, for other tasks"


def test_settings_that_were_printed_hold_those_of_other_scripts_and_are_read_again(write):
    assert parse_file(write("do_train: false\ndo_eval: true\ndo_predict: false")).name()


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
        (["--lr", "1e-5"], r"unknown argument '--lr'; give --learning_rate \("),
        (["--epochs=3"], r"give --num_train_epochs"),
        (["--batch-size", "8"], r"give --per_device_train_batch_size"),
        (["--group_by_length"], r"give --train_sampling_strategy group_by_length, which is the default"),
        (["--evaluation_strategy", "epoch"], r"evaluated after each epoch"),
        (["--warmup_ratio", "0.1"], r"give --warmup_steps"),
        (["--do_lower_case"], r"the tokenizer's own files"),
        (["--class_weights"], r"weighs every example alike"),
        (["--lx", "1"], r"unknown argument '--lx' \(see"),
        (["--corupt_level=0.5"], r"unknown argument '--corupt_level'; did you mean '--corrupt_level'\?"),
        (["--seed", "1", "extra"], r"unknown argument 'extra'"),
        (["--learning_rate"], r"--learning_rate.* expected one argument"),
        (["--save_model", "maybe"], r"--save_model.* maybe"),
        (["--corrupt_lev", "0.5"], r"unknown argument '--corrupt_lev'"),
        (["--do_eval"], r"--do_eval asks for a part of a run"),
        (["--do_predict"], r"--do_predict asks for a part of a run"),
        (["--do_train", "false"], r"--do_train False asks for a part of a run"),
        (["--do_train", "--do_predict"], r"--do_predict goes with --test_file"),
        (["--seed", "1", "run.yaml"], r"unknown argument 'run.yaml'; a file of settings comes first"),
        (["--config", "run.yaml"], r"unknown argument '--config'; a file of settings comes first"),
        (["--data_root", "."], r"--data_root goes with a --task_name of the Hub, .* an embedded task"),
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
        ("eval_strategy", "no", r"--eval_strategy no is not supported: .* leave it at epoch"),
        ("eval_strategy", "steps", r"--eval_strategy steps needs --eval_steps: every how many steps"),
        ("save_strategy", "no", r"--save_strategy no is not supported"),
        ("load_best_model_at_end", False, r"--load_best_model_at_end False is not supported"),
        ("metric_for_best_model", "loss", r"--metric_for_best_model loss is not supported: .* leave it out"),
        ("greater_is_better", False, r"--greater_is_better False is not supported"),
        ("dataloader_drop_last", True, r"--dataloader_drop_last True is not supported: .* leave it at False"),
        ("bf16_full_eval", True, r"--bf16_full_eval True is not supported: .* as it trains; leave it at False"),
        ("fp16_full_eval", True, r"--fp16_full_eval True is not supported"),
        ("eval_on_start", True, r"--eval_on_start True is not supported: .* leave it at False"),
        ("eval_delay", 2, r"--eval_delay 2.* is not supported: .* leave it at 0"),
        ("eval_do_concat_batches", False, r"--eval_do_concat_batches False is not supported: .* leave it at True"),
        ("warmup_steps", -1, r"warmup_steps"),
        ("weight_decay", -0.1, r"--weight_decay -0.1 is not a number of 0 or more"),
        ("adam_beta1", 2, r"--adam_beta1 2.0 is not from 0 to below 1"),
        ("dataloader_num_workers", -1, r"--dataloader_num_workers -1 is too small; use 0 or more"),
        ("resume_from_checkpoint", "healbert", r"--resume_from_checkpoint healbert is not the folder of a checkpoint"),
        ("accelerator_config", "missing.json", r"missing.json"),
        ("accelerator_config", {"splits": 1}, r"AcceleratorConfig.*'splits'"),
        ("lr_scheduler_kwargs", "{cycles", r"--lr_scheduler_kwargs {cycles is not JSON"),
        ("deepspeed", "missing.json", r"deepspeed"),
        ("lr_scheduler_type", "sine", r"--lr_scheduler_type.* 'sine'"),
        ("task_type", "regresion", r"task type 'regresion' is not known; did you mean 'regression'"),
        ("task_name", "SST2", r"task 'SST2' is not known; did you mean 'sst2'\?"),
        ("task_name", "imbd", r"task 'imbd' is not known; did you mean 'imdb'\? \(known: docstrings, .*sst2, imdb"),
        ("selection", "best_dev", r"selection 'best_dev' is not known; did you mean 'best_eval'\?"),
        ("dev_fraction", 1, r"--dev_fraction 1 is not between 0 and 1"),
        ("dev_fraction", math.nan, r"--dev_fraction nan is not between 0 and 1"),
        ("data_root", "missing", r"--data_root missing is not a folder"),
        ("healing", "linear-probe", r"healing 'linear-probe' is not known; did you mean 'linear_probe'\?"),
        ("trace_reference", "", r"--trace_reference is empty; give a value, or leave it out"),
        ("heal_text", "", r"--heal_text is empty"),
        ("cache_dir", "", r"--cache_dir is empty"),
        ("teacher", "", r"--teacher is empty"),
        ("pooling", "max", r"pooling 'max' is not known"),
        ("corrupt_level", 1.5, r"level 1.5 is not a fraction"),
        ("corrupt_level", math.nan, r"level nan is not a fraction"),
        ("corrupt_region", "centre", r"region 'centre' is not known"),
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
        ("rows.xlsx", "x", r"ends in '\.xlsx'; use one of .csv, .tsv, .jsonl"),
        ("rows", "x", "ends in ''"),
        ("empty.csv", "", "is empty"),
    ],
)
def test_refused_data_files(csv_files, tmp_path, flag, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"--{flag} .*{name} {message}"):
        run(**{**csv_files, flag: str(tmp_path / name)})


@pytest.mark.parametrize("argv", [["--tokn=hf_secret"], ["--tokn", "hf_secret"]])
def test_the_value_of_a_mistyped_flag_is_not_repeated(argv):
    with pytest.raises(UserError, match="unknown argument '--tokn'; did you mean '--token'") as caught:
        parse_arguments(argv)
    assert "secret" not in str(caught.value)


def test_folder_of_a_run_is_no_checkpoint(tmp_path):
    for name in ("trainer_state.json", "results.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match="is the folder of a run; name a checkpoint-N in it"):
        make_arguments(resume_from_checkpoint=str(tmp_path), output_dir="x")


@pytest.mark.parametrize(
    "settings, flag",
    [
        ({"healing": "damaged_only", "reuse_frozen": True}, "--reuse_frozen"),
        ({"healing": "distill", "healing_options": "of=hidden"}, "--healing distill"),
    ],
)
def test_what_takes_texts_as_they_are_is_refused_where_tokens_are_hidden(settings, flag):
    with pytest.raises(UserError, match=f"{flag} takes texts as they are, .* masked_lm hides other tokens"):
        make_arguments(task_name="docstring_lm", corrupt_level=0.5, output_dir="x", **settings)
