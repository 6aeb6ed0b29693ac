"""Text columns are named in a text, a JSON list or a YAML list; a name may hold a comma."""

import json

import pytest
import yaml
from helpers.arguments import parse, parse_file, run
from helpers.small import run_script

from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep
from healbert.tasks.columns import named_columns, written_columns
from healbert.utils.errors import UserError

LISTS = [
    ["text"],
    ["question", "sentence"],
    ["title, short", "body"],
    ["a,b"],
    [" a", "b"],
    ["[a]", "b"],
    ["é, ü", 'q"'],
]


@pytest.mark.parametrize("names", LISTS, ids=str)
def test_a_list_comes_back(names):
    assert named_columns(written_columns(names)) == names


@pytest.fixture
def files(put):
    rows = '"title, short",body,label\n' + "".join(f"one {i},two {i},{i % 2}\n" for i in range(8))
    file = put("train.csv", rows)
    return {"train_file": file, "validation_file": file}


@pytest.mark.parametrize("names", LISTS, ids=str)
def test_a_yaml_list_is_what_json_text_is(tmp_path, csv_files, names):
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({**csv_files, "text_column_names": names}))
    by_list = parse_file(tmp_path / "run.yaml")
    by_text = parse(
        *(f"--{key}={value}" for key, value in csv_files.items()), f"--text_column_names={json.dumps(names)}"
    )
    assert [named_columns(one.data.text_column_names) for one in (by_list, by_text)] == [names, names]
    assert named_columns(run(**csv_files, text_column_names=names).data.text_column_names) == names


def test_a_list_without_commas_names_the_run_as_the_text_does(csv_files):
    names = [run(**csv_files, text_column_names=value).name() for value in ("a,b", ["a", "b"])]
    assert names[0] == names[1]


def test_lists_in_a_sweep(files, tiny_bert, tmp_path):
    base = {**files, "model_name_or_path": tiny_bert, "corrupt_level": 0.5, "use_cpu": True}
    names = ["title, short", "body"]
    plan = make_plan(read_sweep({"base": base | {"text_column_names": names}, "grid": {"seed": [1, 2]}}), tmp_path)
    assert [named_columns(one.arguments.data.text_column_names) for one in plan.runs] == [names, names]
    axis = {"text_column_names": ["body", names, ["title, short"]]}
    plan = make_plan(read_sweep({"base": base, "grid": axis}), tmp_path)
    assert sorted(named_columns(one.arguments.data.text_column_names) for one in plan.runs) == [
        ["body"],
        ["title, short"],
        names,
    ]


def test_names_with_commas_reach_the_results(files, tiny_bert, tmp_path):
    settings = files | {"model_name_or_path": tiny_bert, "output_dir": str(tmp_path / "run"), "corrupt_level": 0.5}
    settings |= {"text_column_names": ["title, short", "body"], "num_train_epochs": 1, "use_cpu": True}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings))
    done = run_script(tmp_path / "run.yaml")
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["task"]["text_columns"] == ["title, short", "body"]
    assert [line for line in done.stdout.splitlines() if line.startswith("text ")] == [
        f"{'text':<22}title, short, body"
    ]


@pytest.mark.parametrize("value", [[1, 2], [["a"]]])
def test_what_is_no_list_of_names_is_refused(csv_files, value):
    with pytest.raises(UserError, match="text_column_names"):
        run(**csv_files, text_column_names=value)
