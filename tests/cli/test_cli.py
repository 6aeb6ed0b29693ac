"""The script as a user runs it: its closing table, its help, and one clear line for every mistake."""

import re
import subprocess
import sys

import pytest
import yaml
from helpers.small import ROOT, run_script, save_tiny_bert, to_flags

from healbert.arguments.parser import GROUPS
from healbert.utils.errors import exit_codes
from run_corrupt_glue import main

OUR_FLAGS = sorted(name for group in GROUPS[:-1] for name in group.__dataclass_fields__)
ACCELERATE_CONFIGS = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))


def table_of(output):
    """The closing table as a dict."""
    rows = (re.split(r"\s{2,}", line, maxsplit=1) for line in output.strip().splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the script's main() in this process: returns (status, output, error output)."""

    def call(*flags):
        monkeypatch.setattr(sys, "argv", ["run_corrupt_glue.py", *map(str, flags)])
        status = 0
        try:
            exit_codes(main)
        except SystemExit as leaving:
            status = leaving.code
        return status, *capsys.readouterr()

    return call


def assert_one_error_line(status, errors, *named):
    lines = errors.strip().splitlines()
    assert status == 2 and "Traceback" not in errors
    assert [line for line in lines if line.startswith("error:")] == lines[-1:]
    for part in named:
        assert part in lines[-1]


def test_script_ends_with_its_table(run_flags):
    done = run_script(*to_flags(run_flags))
    assert done.returncode == 0, done.stderr
    table = table_of(done.stdout)
    assert table["task"] == "train (42 evaluation examples)"
    assert table["hit"].startswith("2 of 4 layers, ")
    assert table["damage"].startswith("bottom 50%")
    assert 0 < float(table["damaged weighted F1"]) < 1 and 0 < float(table["healed weighted F1"]) <= 1
    assert table["best epoch"] in ("1", "2")
    assert (table["status"], table["results"]) == ("completed", run_flags["output_dir"])
    assert re.match(r"[\d.]+ s", table["time"])
    assert "%|" in done.stderr, "no progress bar"


def test_accelerate_launch(run_flags):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1"]
    command = [*launch, str(ROOT / "run_corrupt_glue.py"), *to_flags(run_flags)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    assert table_of(done.stdout)["status"] == "completed"


def test_finished_run_prints_the_same_table_again(command, run_flags):
    first, second = command(*to_flags(run_flags)), command(*to_flags(run_flags))
    assert first[0] == second[0] == 0
    assert table_of(first[1]).items() >= table_of(second[1]).items() and len(table_of(second[1])) > 8


def test_diverged_run_exits_with_0(command, run_flags):
    status, output, _ = command(*to_flags(run_flags | {"learning_rate": 1e30}))
    table = table_of(output)
    assert (status, table["status"], table["healed weighted F1"], table["best epoch"]) == (
        0,
        "diverged",
        "none",
        "none",
    )


def test_results_go_under_runs_by_default(command, run_flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    del run_flags["output_dir"]
    status, output, _ = command(*to_flags(run_flags | {"num_train_epochs": 1}))
    (folder,) = (tmp_path / "runs").iterdir()
    assert status == 0 and table_of(output)["results"] == f"runs/{folder.name}"
    assert re.match(r"tiny-bert-train-0\.5-bottom-lr0\.001-seed42-", folder.name)
    assert (folder / "results.json").exists()


def test_yaml_gives_defaults_that_flags_override(command, run_flags, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(run_flags | {"corrupt_region": "top"}))
    status, output, _ = command(config, "--corrupt_level", 0.25, "--print_config")
    printed = yaml.safe_load(output)
    assert (status, printed["corrupt_region"], printed["corrupt_level"]) == (0, "top", 0.25)
    assert not (tmp_path / "run").exists()


def test_printed_configuration_can_be_run(command, run_flags, tmp_path):
    printed = command(*to_flags(run_flags), "--print_config")[1]
    (tmp_path / "again.yaml").write_text(printed)
    assert yaml.safe_load(command(tmp_path / "again.yaml", "--print_config")[1]) == yaml.safe_load(printed)
    assert set(OUR_FLAGS) - set(yaml.safe_load(printed)) <= {"token"}


def test_help_explains_every_flag_once_in_groups():
    done = run_script("--help", COLUMNS="400")
    assert done.returncode == 0
    assert "code_tokens: learning_rate 0.0002, num_train_epochs 4" in " ".join(
        done.stdout.split()
    )  # not what stands at these flags
    options = re.findall(r"^  (?:-\w, )?--(\w+)", done.stdout, flags=re.MULTILINE)
    assert {name: options.count(name) for name in OUR_FLAGS} == dict.fromkeys(OUR_FLAGS, 1)
    headings = re.findall(r"^(\S.*):$", done.stdout, flags=re.MULTILINE)
    assert [h for h in headings if h in ("model", "data", "corruption", "run")] == [
        "model",
        "data",
        "corruption",
        "run",
    ]
    for name in OUR_FLAGS:
        assert re.search(rf"^  --{name}\b.* {{2,}}\S|^  --{name}\b.*\n {{8,}}\S", done.stdout, flags=re.MULTILINE), name


BAD_FLAGS = {
    "level 1.5": (["--corrupt_level", "1.5"], ["1.5", "0 to 1"]),
    "level -0.1": (["--corrupt_level", "-0.1"], ["-0.1", "0 to 1"]),
    "level nan": (["--corrupt_level", "nan"], ["nan", "0 to 1"]),
    "level 50": (["--corrupt_level", "50"], ["did you mean 0.5?"]),
    "region": (["--corrupt_region", "botom"], ["'botom'", "did you mean 'bottom'?"]),
    "task": (["--task_name", "sst-2"], ["'sst-2'", "did you mean 'sst2'?"]),
    "task type": (["--task_type", "regresion"], ["'regresion'", "did you mean 'regression'?"]),
    "flag": (["--corupt_level", "0.5"], ["--corupt_level", "did you mean '--corrupt_level'?"]),
    "no examples": (["--max_train_samples", "0"], ["--max_train_samples 0"]),
    "missing YAML": (["nowhere.yaml"], ["nowhere.yaml", "does not exist"]),
    "model path": (["--model_name_or_path", "./nowhere"], ["./nowhere", "does not exist"]),
    "train file": (["--train_file", "no.csv", "--validation_file", "no.csv"], ["no.csv", "does not exist"]),
    "data root": (["--task_name", "sst2", "--data_root", "nowhere"], ["nowhere"]),
}


@pytest.mark.parametrize("flags, named", BAD_FLAGS.values(), ids=BAD_FLAGS.keys())
def test_bad_flag_is_one_line(command, tmp_path, flags, named):
    status, output, errors = command(*flags, "--use_cpu", "--output_dir", tmp_path / "run")
    assert_one_error_line(status, errors, *named)
    assert output == "" and not (tmp_path / "run").exists()


BAD_YAML = {
    "unknown key": ("corrupt_levle: 0.5", ["corrupt_levle", "did you mean 'corrupt_level'?"]),
    "malformed": ("corrupt_level: [0.5", ["bad.yaml"]),
    "a list": ("- 1\n- 2", ["bad.yaml"]),
}


@pytest.mark.parametrize("content, named", BAD_YAML.values(), ids=BAD_YAML.keys())
def test_bad_yaml_is_one_line(command, tmp_path, content, named):
    (tmp_path / "bad.yaml").write_text(content)
    status, _, errors = command(tmp_path / "bad.yaml")
    assert_one_error_line(status, errors, *named)


BAD_DATA = {
    "unknown extension": ("bad.txt", "text,label\na,x\n", [".txt", "csv"]),
    "empty": ("bad.csv", "", ["bad.csv", "empty"]),
    "header only": ("bad.csv", "text,label\n", ["bad.csv", "no examples"]),
    "malformed": ("bad.csv", "text,label\na,x\nb,y,z\n", ["bad.csv", "line 3"]),
    "one column": ("bad.csv", "text;label\na;x\n", ["delimiter"]),
    "no label column": ("bad.csv", "text,kind\na,x\n", ["'label'", "'text', 'kind'"]),
    "empty text": ("bad.csv", 'text,label\n"",x\na,y\n', ["1 text of --validation_file is empty", "line 2"]),
    "unknown label": ("bad.csv", "text,label\na,ugly\n", ["ugly", "--train_file lacks"]),
    "float labels": ("bad.csv", "text,label\na,0.5\n", ["0.5", "--train_file lacks"]),
}


@pytest.mark.parametrize("name, content, named", BAD_DATA.values(), ids=BAD_DATA.keys())
def test_bad_data_is_one_line(command, run_flags, tmp_path, name, content, named):
    (tmp_path / name).write_text(content)
    status, output, errors = command(*to_flags(run_flags | {"validation_file": tmp_path / name}))
    assert_one_error_line(status, errors, *named)
    assert output == "" and not (tmp_path / "run").exists()


def test_folder_that_is_no_model_is_one_line(command, run_flags, tmp_path):
    status, _, errors = command(*to_flags(run_flags | {"model_name_or_path": tmp_path}))
    assert_one_error_line(status, errors, str(tmp_path))


def test_model_without_layers_is_one_line(command, run_flags, tmp_path):
    model = save_tiny_bert(tmp_path / "flat", num_hidden_layers=0)
    status, _, errors = command(*to_flags(run_flags | {"model_name_or_path": model}))
    assert_one_error_line(status, errors, "num_hidden_layers 0, which is no size")


def test_run_of_other_settings_is_one_line(command, run_flags):
    assert command(*to_flags(run_flags | {"num_train_epochs": 1}))[0] == 0
    status, _, errors = command(*to_flags(run_flags | {"num_train_epochs": 1, "seed": 7}))
    assert_one_error_line(status, errors, "seed (42 there, 7 now)")


def test_error_of_a_real_process():
    done = run_script("--corrupt_level", "50")
    assert_one_error_line(done.returncode, done.stderr, "did you mean 0.5?")
    assert done.stdout == ""


LOADED = """
import atexit, runpy, sys
heavy = "datasets evaluate matplotlib pandas sklearn transformers.trainer".split()
atexit.register(lambda: print("loaded:", *[name for name in heavy if name in sys.modules]))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--help"], ["--corrupt_level", "50"], ["nowhere.yaml"], ["--print_config"]])
def test_quick_answers_load_nothing_heavy(flags):
    command = [sys.executable, "-c", LOADED, str(ROOT / "run_corrupt_glue.py"), *flags, "--use_cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "loaded:", done.stderr


def test_debugging_shows_the_traceback():
    done = run_script("--corrupt_level", "50", HEALBERT_DEBUG="1")
    assert done.returncode != 0 and "Traceback" in done.stderr and "did you mean 0.5?" in done.stderr


@pytest.mark.parametrize("path", ACCELERATE_CONFIGS, ids=lambda path: path.stem)
def test_accelerate_configuration_is_understood(path):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    assert config.num_processes >= 1 and config.distributed_type is not None
