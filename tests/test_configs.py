"""Every shipped configuration runs, on a tiny model and a few of our own sentences."""

import pathlib

import pytest
import yaml
from helpers.small import ROOT, run_script, to_flags

from healbert.analysis.paper import read_paper
from healbert.arguments.parser import make_arguments, parse_arguments
from healbert.experiment.run import run_experiment
from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep

RUNS = [path for folder in (".", "lenses") for path in sorted((ROOT / "configs" / folder).glob("*.yaml"))]
PUBLISHED = ROOT / "configs" / "paper" / "published.yaml"  # of the paper's figures: no sweep
SWEEPS = sorted(set((ROOT / "configs" / "paper").glob("*.yaml")) - {PUBLISHED})
DAMAGES = sorted((ROOT / "configs" / "beyond_damage").glob("*.yaml"))
LAUNCHES = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))


def name(path):
    return str(path.relative_to(ROOT / "configs"))


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_configuration_runs_on_a_tiny_model(path, run_flags):
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings.pop("task_name")
    results = run_experiment(make_arguments(**(settings | run_flags | {"num_train_epochs": 1})))
    assert results["status"] == "completed"
    assert results["corruption"]["layers_hit"] == [0, 1]


@pytest.mark.parametrize("path", RUNS, ids=name)
def test_run_configuration_says_what_it_names(path):
    arguments, _ = parse_arguments([str(path), "--use_cpu"])
    for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        assert arguments.settings()[key] == value


def plan(path, output_dir, **base):
    sweep = yaml.safe_load(path.read_text(encoding="utf-8"))
    return make_plan(read_sweep(sweep | {"base": sweep["base"] | base}), output_dir)


@pytest.mark.parametrize("path", SWEEPS, ids=name)
def test_paper_sweep_has_the_papers_runs(path, tmp_path):
    runs = plan(path, tmp_path, use_cpu=True).runs
    settings = [run.arguments.settings() for run in runs]
    tasks = {"sst2", "imdb", "ag_news", "emotion", "dbpedia_14", "twitter_financial_news_topic"}
    partial = {(level, region) for level in (0.25, 0.5, 0.75) for region in ("bottom", "top")}
    damages = {(s["corrupt_level"], s["corrupt_region"]) for s in settings if s["corrupt_level"] not in (0, 1)}
    assert len(runs) == 144 * 5 * 2 and damages == partial
    assert {(s["seed"], s["corrupt_seed"]) for s in settings} == {(seed, seed) for seed in range(5)}
    assert {s["selection"] for s in settings} == {"best_eval", "dev"}
    assert {s["corrupt_level"] for s in settings} == {0, 0.25, 0.5, 0.75, 1}
    assert {s["task_name"] for s in settings} == tasks
    assert {s["learning_rate"] for s in settings} == {1e-5, 2e-5, 5e-5}
    for s in settings:
        assert (s["num_train_epochs"], s["weight_decay"]) == (10, 0)
        assert s["optim"].startswith("adamw") and s["corrupt_method"] == "kaiming_uniform"


@pytest.mark.parametrize("path", SWEEPS, ids=name)
def test_run_of_a_paper_sweep_runs_on_a_tiny_model(path, run_flags):
    sweep = read_sweep(yaml.safe_load(path.read_text(encoding="utf-8")))
    settings = next(s for s, _ in sweep.settings() if s["corrupt_level"] == 0.5)
    del settings["task_name"]
    results = run_experiment(make_arguments(**(settings | run_flags | {"num_train_epochs": 1})))
    assert (results["status"], results["corruption"]["layers_hit"]) == ("completed", [0, 1])


def test_study_has_another_draw_of_the_damage_with_every_seed(tmp_path):
    runs = plan(ROOT / "configs" / "three_tasks" / "sweep.yaml", tmp_path).runs
    settings = [run.arguments.settings() for run in runs]
    assert len(runs) == 3 * 8 * 3 and all(s["seed"] == s["corrupt_seed"] for s in settings)


@pytest.mark.parametrize("path", DAMAGES, ids=name)
def test_study_of_damage_has_methods_and_places_at_one_severity(path, tmp_path, tiny_bert):
    runs = plan(path, tmp_path, model_name_or_path=tiny_bert).runs
    settings = [run.arguments.settings() for run in runs]
    damaged = [s for s in settings if s["corrupt_level"]]
    assert len(runs) == 66 and len(runs) - len(damaged) == 3
    assert all(s["seed"] == s["corrupt_seed"] for s in damaged)
    assert {s["match_severity"] for s in settings} == {"kl=0.25,within=0.15"}
    halves = {s["corrupt_method"] for s in damaged if s["corrupt_region"] == "bottom" and not s["corrupt_components"]}
    assert len(halves) == 11
    for method in ("gaussian_noise", "interpolate"):
        places = {s["corrupt_components"] or s["corrupt_region"] for s in damaged if s["corrupt_method"] == method}
        assert places == {"bottom", "middle", "top", "attention", "ffn", "norm"}


STUDIES = {  # sweep -> how many runs
    "base_size/sst2": 24,
    "base_size/ag_news": 24,
    "three_tasks/converged": 120,
    "initialisations/sweep": 27,
    "catching_up/sweep": 36,
    "beyond_classification/sweep": 36,
    "same_scores/sweep": 80,
}


@pytest.mark.parametrize("study", STUDIES)
def test_study_has_its_runs(study, tmp_path, tiny_bert):
    path = ROOT / "configs" / f"{study}.yaml"
    sweep = yaml.safe_load(path.read_text(encoding="utf-8"))
    model = {"model_name_or_path": tiny_bert} if "model_name_or_path" in sweep["base"] else {}
    for entry in sweep.get("include", []):
        assert f"--output_dir {entry['corrupt_donor']}\n" in path.read_text(encoding="utf-8")
        entry["corrupt_donor"] = str(tiny_bert)
        model = {"model_name_or_path": tiny_bert}
    runs = make_plan(read_sweep(sweep | {"base": sweep["base"] | model}), tmp_path).runs
    assert len(runs) == STUDIES[study]
    damaged = [s for run in runs if (s := run.arguments.settings())["corrupt_level"]]
    assert all(s["seed"] == s["corrupt_seed"] and s["selection"] == "dev" for s in damaged)


def test_the_papers_own_figures_are_empty_and_can_be_filled_in(tmp_path):
    letters = ["a", "b, bottom", "b, top", "c"]
    assert read_paper(PUBLISHED, letters) == {}
    filled = tmp_path / "published.yaml"
    filled.write_text(PUBLISHED.read_text(encoding="utf-8").replace("all datasets: ,", "all datasets: 0.5,"))
    assert read_paper(filled, letters) == {(letter, "all datasets"): "0.5" for letter in letters}


@pytest.mark.parametrize("path", LAUNCHES, ids=name)
def test_accelerate_reads_the_launch_configuration(path):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    kinds = {"one_gpu": "NO", "multi_gpu": "MULTI_GPU", "multi_node": "MULTI_GPU", "fsdp2": "FSDP"}
    assert config.distributed_type.value == kinds[path.stem]
    assert config.num_processes % config.num_machines == 0
    if path.stem == "fsdp2":
        assert config.fsdp_config["fsdp_version"] == 2


def test_configuration_file_is_the_first_argument(run_flags, tmp_path):
    path = pathlib.Path(tmp_path) / "run.yaml"
    path.write_text(yaml.safe_dump(run_flags | {"num_train_epochs": 1, "corrupt_level": 0.25}), encoding="utf-8")
    done = run_script(path, *to_flags({"corrupt_region": "top"}))
    assert done.returncode == 0, done.stderr
    assert "top 25%" in done.stdout
