"""Every shipped configuration runs, on a tiny model and a few of our own sentences."""

import pathlib
import re

import pytest
import yaml
from conftest import ROOT, run_script, to_flags

from healbert.arguments import make_arguments, parse_arguments
from healbert.experiment import run_experiment

CELLS = [path for folder in (".", "paper", "lenses") for path in sorted((ROOT / "configs" / folder).glob("*.yaml"))]
LAUNCHES = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))


def name(path):
    return str(path.relative_to(ROOT / "configs"))


@pytest.mark.parametrize("path", CELLS, ids=name)
def test_cell_configuration_runs_on_a_tiny_model(path, cell_flags):
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings.pop("task_name")
    results = run_experiment(make_arguments(**(settings | cell_flags | {"num_train_epochs": 1})))
    assert results["status"] == "completed"
    assert results["corruption"]["layers_hit"] == [0, 1]


@pytest.mark.parametrize("path", CELLS, ids=name)
def test_cell_configuration_says_what_it_names(path):
    arguments, _ = parse_arguments([str(path), "--use_cpu"])
    for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        assert arguments.settings()[key] == value


@pytest.mark.parametrize("stem", ["bert-base", "bert-large", "distilbert"])
def test_paper_configuration_has_the_papers_settings(stem):
    arguments, _ = parse_arguments([str(ROOT / "configs" / "paper" / f"{stem}.yaml"), "--use_cpu"])
    settings = arguments.settings()
    assert settings["num_train_epochs"] == 10
    assert settings["optim"].startswith("adamw") and settings["weight_decay"] == 0
    assert settings["selection"] == "best_eval"
    assert settings["corrupt_method"] == "kaiming_uniform"
    assert settings["learning_rate"] in (1e-5, 2e-5, 5e-5)


def test_paper_loop_covers_every_cell():
    text = (ROOT / "configs" / "paper" / "README.md").read_text(encoding="utf-8")
    tasks = re.search(r"for task in (.*); do", text).group(1).split()
    rates = [float(rate) for rate in re.search(r"for lr in (.*); do", text).group(1).split()]
    damages = re.findall(r'"([\d.]+) (bottom|top)"', text)
    assert set(tasks) == {"sst2", "imdb", "ag_news", "emotion", "dbpedia_14", "twitter_financial_news_topic"}
    assert rates == [1e-5, 2e-5, 5e-5]
    partial = {(level, region) for level in ("0.25", "0.5", "0.75") for region in ("bottom", "top")}
    assert set(damages) == partial | {("0", "bottom"), ("1", "top")}


@pytest.mark.parametrize("path", LAUNCHES, ids=name)
def test_accelerate_reads_the_launch_configuration(path):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    kinds = {"one_gpu": "NO", "multi_gpu": "MULTI_GPU", "multi_node": "MULTI_GPU", "fsdp2": "FSDP"}
    assert config.distributed_type.value == kinds[path.stem]
    assert config.num_processes % config.num_machines == 0
    if path.stem == "fsdp2":
        assert config.fsdp_config["fsdp_version"] == 2


def test_configuration_file_is_the_first_argument(cell_flags, tmp_path):
    path = pathlib.Path(tmp_path) / "cell.yaml"
    path.write_text(yaml.safe_dump(cell_flags | {"num_train_epochs": 1, "corrupt_level": 0.25}), encoding="utf-8")
    done = run_script(path, *to_flags({"corrupt_region": "top"}))
    assert done.returncode == 0, done.stderr
    assert "top 25%" in done.stdout
