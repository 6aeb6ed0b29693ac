"""`healbert ls` with columns, an order and conditions: which runs are shown, by what, and what is refused."""

import json

import pytest
from helpers.report_runs import Maker, score_of
from helpers.results import write_results

from healbert.cli.ls import ls
from healbert.utils.errors import UserError

DATASETS = {"sst2": (["negative", "positive"], 60), "emotion": (list("abc"), 60)}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Intact and damaged runs on two datasets, a failed run, one that has begun and one that cannot be read."""
    root = tmp_path_factory.mktemp("columns") / "runs"
    maker = Maker(root, DATASETS)
    maker.sweep(levels=(0, 0.5), regions=("bottom",), rates=(2e-5,), seeds=(0, 1))
    maker.run("sst2", 0.5, "top", seed=2, status="failed", corrupt_layers="0,1")
    (root / "begun").mkdir()
    settings = {"task_name": "sst2", "corrupt_level": 0.25, "corrupt_region": "top", "seed": 5, "save_model": True}
    (root / "begun" / "settings.json").write_text(json.dumps(settings))
    (root / "spoiled").mkdir()
    (root / "spoiled" / "results.json").write_text("{")
    return root


@pytest.fixture
def shown(study, capsys):
    """Rows that `ls` shows, as lists of words; the header first."""

    def show(*argv, folder=study):
        ls([str(folder), *argv])
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    return show


def column(rows):
    return [row[0] for row in rows[1:]]


def test_without_them_all_is_as_before(study, capsys):
    ls([str(study)])
    plain = capsys.readouterr().out
    ls([str(study), "--sort", "run"])
    assert capsys.readouterr().out == plain
    head = "run status task corrupt level corrupt region learning rate seed damaged weighted F1 healed weighted F1"
    assert " ".join(plain.splitlines()[0].split()) == head + " best epoch seconds error"


def test_columns_are_settings_scores_and_figures_of_results(shown, study):
    names = "dataset,level,region,seed,score,time,timing.heal,corruption.layers_hit,save_model"
    head, *rows = shown("--columns", names, "--filter", "run=run-00002")
    assert (
        head == "dataset level region seed score weighted F1 time timing.heal corruption.layers_hit save_model".split()
    )
    score = f"{score_of(study / 'run-00002'):.4g}"
    assert rows[0] == ["sst2", "0.5", "bottom", "0", score, "11", "10", "0,1,2", "false"]
    assert rows[1:] == [["1", "of", "11", "runs", "meet", "--filter"]]


def test_lost_is_the_intact_run_of_the_same_seed_minus_the_run(study, capsys):
    ls([str(study), "--json", "--columns", "run,lost", "--filter", "dataset=sst2,status=completed"])
    found = {row["run"]: row["lost"] for row in json.loads(capsys.readouterr().out)}
    scores = [score_of(study / f"run-0000{i}") for i in range(4)]
    wanted = {"run-00000": 0, "run-00001": 0}
    wanted |= {"run-00002": scores[0] - scores[2], "run-00003": scores[1] - scores[3]}
    assert found == wanted


def test_lost_has_its_sign_turned_where_less_is_better_and_no_intact_run_is_no_figure(tmp_path, capsys):
    errors = {"title": "errors", "greater_is_better": False, "chance": None, "range": None}
    task = {"name": "mine", "type": "by_errors", "primary_metric": "errors", "metrics": {"errors": errors}}
    config = {"corrupt_region": "bottom", "learning_rate": 1e-3, "task_name": "mine"}
    for name, level, seed, score in (("whole", 0, 1, 3), ("hurt", 0.5, 1, 20), ("alone", 0.5, 2, 20)):
        metrics = {"healed": {"errors": score}}
        settings = config | {"corrupt_level": level, "seed": seed}
        write_results(tmp_path / name, schema_version=2, config=settings, task=task, metrics=metrics)
    ls([str(tmp_path), "--json", "--columns", "run,lost"])
    found = {row["run"]: row["lost"] for row in json.loads(capsys.readouterr().out)}
    assert found == {"alone": None, "hurt": 17, "whole": 0}


@pytest.mark.parametrize("sign", ["", "-"])
def test_missing_values_are_last_in_either_direction(shown, sign):
    rows = shown("--columns", "score,run", "--sort", f"{sign}score")
    scores, missing = column(rows)[:8], column(rows)[8:11]
    assert scores == sorted(scores, key=float, reverse=bool(sign)) and missing == ["-", "-", "-"]


def test_the_first_column_of_an_order_counts_most(shown):
    rows = shown("--columns", "seed,dataset,level", "--sort", "-seed,dataset,-level", "--filter", "status=completed")[
        1:9
    ]
    assert [row[0] for row in rows] == ["1"] * 4 + ["0"] * 4
    assert [row[1:] for row in rows[:4]] == [["emotion", "0.5"], ["emotion", "0"], ["sst2", "0.5"], ["sst2", "0"]]


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ("dataset=sst2", 6),
        ("dataset!=sst2", 5),  # the unreadable run has none
        ("level>=0.5", 4),
        ("level>0.25, level<=0.5, seed<1", 2),
        ("learning_rate=0.00002", 9),
        ("learning_rate==2e-5,status=completed", 8),
        ("corrupt_layers=0,1", 1),
        ("corrupt_layers=0,1,seed=2", 1),
        ("dataset>=s", 6),
        ("score=-", 3),
        ("score!=-", 8),
        ("save_model=true", 1),
        ("status=damaged", 1),
        ("seed=77", 0),
    ],
)
def test_conditions_choose_runs(study, capsys, conditions, count):
    ls([str(study), "--json", "--filter", conditions])
    assert len(json.loads(capsys.readouterr().out)) == count


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--columns", "helaed"], "no run here has 'helaed'; did you mean healed"),
        (["--columns", "timing.heel"], "did you mean timing.heal"),
        (["--columns", "a,,b"], "has an empty name"),
        (["--columns", ""], "--columns '' has an empty name"),
        (["--sort", "-"], "--sort - has an empty name"),
        (["--sort", "-sede"], "--sort: no run here has 'sede'; did you mean seed"),
        (["--filter", "sede=3"], "--filter: no run here has 'sede'; did you mean seed"),
        (["--filter", "seed"], "is no condition; write NAME=VALUE"),
        (["--filter", ""], "'' is no condition"),
        (["--filter", "seed="], "seed= has no value"),
        (["--filter", "seed<three"], "seed is a number, and 'three' is none"),
        (["--filter", "score<-"], "neither less nor more"),
        (["--sort", "--json"], "argument --sort: expected one argument"),
    ],
    ids=str,
)
def test_rubbish_is_refused_in_one_line(study, argv, says):
    with pytest.raises(UserError) as caught:
        ls([str(study), *argv])
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_figures_that_no_run_has_yet_are_missing_and_not_refused(shown, tmp_path, study):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "settings.json").write_bytes((study / "begun" / "settings.json").read_bytes())
    assert shown("--columns", "seed,timing.heal", folder=tmp_path)[1:] == [["5", "-"]]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert shown("--columns", "anything", folder=empty) == [["no", "runs"]]
