"""From a sweep file to runs: what is expanded, what is the same experiment, what is refused."""

import json

import pytest
import yaml
from helpers.small import save_tiny_bert
from helpers.sweeps import plan, varying

from healbert.arguments.marker import marker
from healbert.arguments.parser import make_arguments
from healbert.results.schema import primary_of, primary_score
from healbert.sweep.check import check_options, check_runs
from healbert.sweep.plan import make_plan
from healbert.sweep.run import prepare
from healbert.sweep.sweep_file import read_sweep
from healbert.utils.errors import UserError
from healbert.utils.files import write_json

# ---------------------------------------------------------------- expansion


def test_grid_is_a_product_over_base(base, tmp_path):
    grid = {"corrupt_seed": [0, 1], "learning_rate": [1e-4, "1e-3"]}  # YAML reads 1e-3 as a text
    found = plan({"base": base | {"corrupt_level": 0.5, "seed": 7}, "grid": grid}, tmp_path)
    expected = [(0, 1e-4, 7), (0, 1e-3, 7), (1, 1e-4, 7), (1, 1e-3, 7)]
    assert varying(found, "corrupt_seed", "learning_rate", "seed") == expected
    assert {run.folder.parent for run in found.runs} == {tmp_path}


def test_same_experiment_is_run_once(base, tmp_path):
    grid = {"corrupt_level": [0, 0.5, 1], "corrupt_region": ["bottom", "top"], "seed": [0, 1]}
    found = plan({"base": base, "grid": grid}, tmp_path)
    assert len(found.runs) == 8 and found.duplicates == 4
    assert len({run.name for run in found.runs}) == 8


def test_longest_runs_come_first_and_those_of_one_task_together(tmp_path):
    grid = {"task_name": ["cola", "sst2", "emotion"], "num_train_epochs": [1, 5], "max_train_samples": [None, 2000]}
    found = plan({"base": {"use_cpu": True}, "grid": grid}, tmp_path)
    whole = [("sst2", 5, None), ("sst2", 1, None), ("sst2", 5, 2000), ("sst2", 1, 2000)]
    assert varying(found, "task_name", "num_train_epochs", "max_train_samples")[:4] == whole
    assert list(dict.fromkeys(run.settings["task_name"] for run in found.runs)) == ["sst2", "emotion", "cola"]


def test_include_adds_and_exclude_takes_from_the_grid(base, tmp_path):
    sweep = {
        "base": base,
        "grid": {"corrupt_level": [0, 0.5, 1], "learning_rate": ["1e-4", 1e-3]},
        "exclude": [{"corrupt_level": 1}, {"corrupt_level": [0.5], "learning_rate": 0.001}],
        "include": [{"corrupt_level": 1, "learning_rate": 3e-3}, {"corrupt_level": 0.25, "seed": [1, 2]}],
    }
    found = varying(plan(sweep, tmp_path), "corrupt_level", "learning_rate", "seed")
    assert sorted(found) == [
        (0, 1e-4, 42),
        (0, 1e-3, 42),
        (0.25, 2e-5, 1),
        (0.25, 2e-5, 2),
        (0.5, 1e-4, 42),
        (1, 3e-3, 42),
    ]


def test_exclude_knows_values_as_the_grid_says_them_and_as_they_are_understood(base, tmp_path):
    grid = {"corrupt_layers": ["0,1", "1"], "healing": ["intact_only,layerwise_decay", "full"]}
    sweep = {"base": base, "grid": grid}
    for layers in ("0,1", "0-1"):
        found = plan(
            sweep | {"exclude": [{"corrupt_layers": layers, "healing": "intact_only,layerwise_decay"}]}, tmp_path
        )
        assert len(found.runs) == 3


def test_set_reaches_what_is_included(base, tmp_path):
    sweep = {
        "base": base,
        "grid": {"seed": [0, 1]},
        "include": [{"corrupt_level": 1, "seed": [0, 1, 2]}, {"corrupt_level": 0.25}],
    }
    found = plan(sweep, tmp_path, "seed=[5]")
    assert sorted(varying(found, "corrupt_level", "seed")) == [(0, 5), (0.25, 42), (1, 5)]
    found = plan(sweep, tmp_path, "seed=5", "corrupt_level=0")
    assert varying(found, "corrupt_level", "seed") == [(0, 5)] and found.duplicates == 1


def test_a_run_that_is_named_twice_keeps_its_model_if_either_says_so(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0, 0.5]}, "include": [{"corrupt_level": 0, "save_model": True}]}
    runs = plan(sweep, tmp_path).runs
    assert {run.settings["corrupt_level"]: run.settings.get("save_model") for run in runs} == {0: True, 0.5: None}


def test_exclude_takes_runs_that_could_not_run(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0.5, "7"], "seed": [1, 2]}, "exclude": [{"corrupt_level": 7}]}
    assert varying(plan(sweep, tmp_path), "corrupt_level") == [(0.5,), (0.5,)]
    with pytest.raises(UserError, match="1 run cannot run"):
        plan(sweep | {"exclude": [{"corrupt_level": 7, "seed": 1}]}, tmp_path)


def test_exclude_that_takes_nothing_is_warned_of(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0, 0.5]}}
    with pytest.warns(UserWarning, match="exclude leaves out no run: the grid has none of corrupt_level 0.75"):
        found = plan(sweep | {"exclude": [{"corrupt_level": 0.5}, {"corrupt_level": 0.75}]}, tmp_path)
    assert len(found.runs) == 1


def test_the_folder_of_a_run_is_none_of_a_sweep(base, tmp_path):
    (run,) = plan({"base": base, "grid": {"seed": [1]}}, tmp_path).runs
    write_json(tmp_path / "settings.json", marker(run.arguments))
    with pytest.raises(UserError, match="is the folder of a run, and a sweep's holds runs"):
        prepare({"base": base, "grid": {"seed": [1]}}, tmp_path)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"engine": "slrum"}, "engine 'slrum' is not known; did you mean 'slurm'"),
        ({"run_launcher": "accelerat"}, "run launcher 'accelerat' is not known"),
        ({"until_width": 0.1}, "--until_width needs another draw of the damage with each seed"),
    ],
)
def test_a_dry_run_refuses_what_the_sweep_would(base, tmp_path, options, message):
    found = plan({"base": base | {"corrupt_level": 0.5}, "grid": {"seed": [1, 2]}}, tmp_path)
    with pytest.raises(UserError, match=message):
        check_options(found, **options)


def test_include_alone_is_no_grid(base, tmp_path):
    found = plan({"base": base, "include": [{"seed": 1}, {"seed": 2}]}, tmp_path)
    assert varying(found, "seed") == [(1,), (2,)]


@pytest.mark.parametrize(
    "assignment, seeds, levels",
    [
        ("seed=5", [5, 5], [0.25, 0.5]),
        ("seed=[5, 6]", [5, 6, 5, 6], [0.25, 0.25, 0.5, 0.5]),
        ("corrupt_level=0.75", [1, 2], [0.75, 0.75]),
    ],
)
def test_set_replaces_what_the_file_says(base, tmp_path, assignment, seeds, levels):
    sweep = {"base": base, "grid": {"corrupt_level": [0.25, 0.5], "seed": [1, 2]}}
    found = varying(plan(sweep, tmp_path, assignment), "seed", "corrupt_level")
    assert sorted(found) == sorted(zip(seeds, levels, strict=True))


def test_runs_of_one_task_follow_each_other(base, tmp_path, csv_files):
    swapped = dict(zip(csv_files, reversed(csv_files.values()), strict=True))
    for name in csv_files:
        del base[name]
    sweep = {"base": base, "include": [{**files, "seed": seed} for seed in (1, 2) for files in (csv_files, swapped)]}
    found = varying(plan(sweep, tmp_path), "train_file", "seed")
    first, second = csv_files["train_file"], csv_files["validation_file"]
    assert found == [(first, 1), (first, 2), (second, 1), (second, 2)]


def test_every_donor_makes_a_run_of_its_own(base, tmp_path):
    donors = [save_tiny_bert(tmp_path / f"donor{size}", initializer_range=size) for size in (0.1, 0.2)]
    include = [
        {"corrupt_level": 0.5},
        *({"corrupt_level": 0.5, "corrupt_method": "donor", "corrupt_donor": donor} for donor in donors),
    ]
    found = plan({"base": base, "include": include}, tmp_path)
    assert [run.name for run in found.runs] == [make_arguments(**base, **entry).name(1) for entry in include]


def test_file_and_dict_are_the_same_sweep(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1, 2]}}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    assert read_sweep(path) == read_sweep(sweep)


def test_processes_of_a_run_are_part_of_it(base, tmp_path):
    sweep = read_sweep({"base": base, "grid": {"seed": [1]}})
    one, two = (make_plan(sweep, tmp_path, processes).runs[0].name for processes in (1, 2))
    assert one != two


def test_a_plan_keeps_little_of_what_is_finished(base, tmp_path):
    sweep = {"base": base, "grid": {"seed": [1]}}
    run = plan(sweep, tmp_path).runs[0]
    epochs = [{"epoch": number, "f1_weighted": 0.5} for number in range(500)]
    about = {"title": "weighted F1", "greater_is_better": True}
    results = {
        "schema_version": 2,
        "status": "completed",
        "config": run.arguments.settings(),
        "task": {"name": "docstrings", "primary_metric": "f1_weighted", "metrics": {"f1_weighted": about}},
        "metrics": {"healed": {"f1_weighted": 0.75}, "per_epoch": epochs},
        "timing": {"heal": 2.0, "load": 1.0},
        "environment": {"threads": 3},
    }
    run.folder.mkdir()
    write_json(run.folder / "results.json", results)
    found = plan(sweep | {"grid": {"seed": [1, 2]}}, tmp_path)
    assert [run.state for run in found.runs] == ["completed", "todo"] and found.seconds_left(1) == 3.0
    kept = found.runs[0].results
    assert (kept["environment"]["threads"], primary_score(kept, "healed")) == (3, 0.75)
    assert primary_of(kept) == ("f1_weighted", about)
    assert len(json.dumps(kept)) < 600 < len(json.dumps(results)) / 20


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "sweep, message",
    [
        ({"base": {"sede": 1}, "grid": {"seed": [1]}}, "base: unknown setting 'sede'; did you mean 'seed'"),
        ({"grid": {"sede": [1]}}, "grid: unknown setting 'sede'; did you mean 'seed'"),
        ({"grid": {"seed": [1]}, "include": [{"lvl": 1}]}, "include: unknown setting 'lvl'"),
        ({"grid": {"seed": [1]}, "exclude": [{"corrupt_levle": 1}]}, "did you mean 'corrupt_level'"),
        ({"gird": {"seed": [1]}, "base": {}}, "section 'gird' is not known; did you mean 'grid'"),
        ({"seed": 1}, "neither 'base:' nor 'grid:'"),
        ({"base": {"seed": 1}}, "grid of .* is empty"),
        ({"base": {}, "grid": {}}, "grid of .* is empty"),
        ({"grid": {"seed": []}}, "'seed' is an empty list"),
        ({"grid": {"seed": 1}}, r"'seed' is no list of values; write \[1\]"),
        ({"grid": ["seed"]}, "section 'grid' of .* does not hold 'flag: value' lines"),
        ({"grid": {"seed": [1]}, "include": {"seed": 1}}, "section 'include' of .* does not hold a list"),
        ({"grid": {"seed": [1]}, "include": ["seed"]}, "section 'include' holds 'seed'"),
        ({"base": {"seed": 1}, "grid": {"seed": [1]}}, "'seed' stands in base and in grid"),
        ({"base": {"output_dir": "x"}, "grid": {"seed": [1]}}, "give the sweep's --output_dir"),
        ({"grid": {"overwrite_output_dir": [True]}}, "finished runs are kept"),
        ({"base": {"push_to_hub": True}, "grid": {"seed": [1]}}, "python -m healbert push DIR"),
    ],
)
def test_refused_sweeps(sweep, message):
    with pytest.raises(UserError, match=message):
        read_sweep(sweep)


@pytest.mark.parametrize(
    "assignment, message",
    [("seed", "is not KEY=VALUE"), ("sede=1", "did you mean 'seed'"), ("seed=[1", "is not YAML"), ("seed=[]", "empty")],
)
def test_refused_assignments(assignment, message):
    with pytest.raises(UserError, match=message):
        read_sweep({"grid": {"corrupt_level": [0]}}, [assignment])


def test_every_run_is_checked_before_any_runs(base, tmp_path):
    sweep = {"base": base, "grid": {"corrupt_level": [0, 0.5, 7], "learning_rate": [1e-4, -1]}}
    with pytest.raises(UserError, match=r"4 runs cannot run \(corrupt_level=0, learning_rate=-1; .* and 1 more\)"):
        plan(sweep, tmp_path)


def test_exclude_that_takes_everything_is_refused(base, tmp_path):
    with pytest.raises(UserError, match="no run is left"):
        plan({"base": base, "grid": {"seed": [1, 2]}, "exclude": [{"seed": [1, 2]}]}, tmp_path)


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"probe_layers": "9"}, "layer 9, but the model has 4"),
        ({"text_column_names": "sentence"}, "no text column 'sentence'"),
        ({"model_name_or_path": "no-such/model"}, "cannot be reached"),
        ({"tokenizer_name": "no-such/tokenizer"}, "tokenizer 'no-such/tokenizer'"),
        ({"tsne": True, "tsne_perplexity": 42}, "perplexity 42 is too large for 42 examples"),
        ({"optim_args": "foo"}, "--optim_args cannot be used"),
        ({"fsdp": "full_shard"}, "--fsdp needs several processes"),
    ],
    ids=["layer", "column", "model", "tokenizer", "tsne", "optimizer", "sharding"],
)
def test_what_shows_after_loading_is_found_before_any_run_runs(base, tmp_path, bad, message):
    runs = plan({"base": base, "include": [{"seed": 1}, {"seed": 2, **bad}]}, tmp_path).runs
    check_runs(runs[:1])
    with pytest.raises(UserError, match=message) as caught:
        check_runs(runs)
    assert f"1 of 2 runs cannot run ({runs[1].name})" in str(caught.value)


def test_a_run_that_is_refused_twice_counts_once(base, tmp_path):
    runs = plan({"base": base, "include": [{"seed": 1}, {"seed": 2, "model_name_or_path": "no/model"}]}, tmp_path).runs
    with pytest.raises(UserError, match="^1 of 2 runs cannot run"):  # neither its tokenizer nor its model is here
        check_runs(runs)


def test_runs_of_several_processes_may_be_sharded(base, tmp_path):
    runs = plan({"base": base, "include": [{"fsdp": "full_shard"}]}, tmp_path).runs
    check_runs(runs, processes=2)
