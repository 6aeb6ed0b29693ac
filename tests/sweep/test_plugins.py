"""A plugin with an entry of every kind that a study needs, through a sweep with two workers into results and report."""

import json

import pytest
import yaml
from helpers.small import make_rows, run_module, write_csv

PLUGIN = """
import pathlib

import healbert
from healbert.healing.strategies.base import Strategy
from healbert.report.figures import Figure, Lines, Panel, averaged
from healbert.report.tables import Row, Table
from healbert.tasks.table import Task
from healbert.utils.options import Option

DATA = pathlib.Path({data!r})


@healbert.register("method", "shrink", norms="keep", biases="keep", options={{"by": Option(0.5, "factor", 0, 1)}})
def shrink(original, module, generator, by):
    return original * by


@healbert.register("region", "second")
def second(stack, spec):
    return [1]


@healbert.register("strategy", "head_alone", options={{"bias": Option(True, "whether biases train")}})
class HeadAlone(Strategy):
    def prepare(self, model, receipt):
        base = {{id(parameter) for parameter in model.base_model.parameters()}}
        for name, parameter in model.named_parameters():
            own = id(parameter) not in base
            parameter.requires_grad_(own and (self.settings["bias"] or not name.endswith("bias")))


healbert.register("task", "moods")(Task(str(DATA), recipe={{"num_train_epochs": 1, "learning_rate": 0.25}}))


@healbert.register("metric", "errors", title="share of errors", greater_is_better=False, range=(0, 1))
def errors(predictions, labels):
    return float((predictions != labels).mean())


@healbert.register("table", "moods")
def table_of_moods(analysis):
    about = analysis.study.runs[0].results["task"]["metrics"]["errors"]
    records = [{{"what": "first", "number": 1}}, {{"what": "second", "number": 2}}]
    rows = [Row(list(record.values())) for record in records]
    return Table("moods", "Table of moods", about["title"], ["what", "number"], rows, records)


@healbert.register("figure", "moods")
def figure_of_moods(analysis):
    lines = Lines([averaged("moods", {{1: [0.5, 0.7], 2: [0.6]}}, colour="#0072B2")], "mood", "number")
    tags = {{"dataset": "", "model": "", "method": ""}}
    return Figure("moods", "Figure of moods", "", [[Panel("moods", lines, tags, "Moods.")]])
"""


@pytest.fixture(scope="module")
def study(tiny_bert, tmp_path_factory):
    """A finished sweep of two runs with the plugin, made by two workers: (folder, the plugin's file)."""
    folder = tmp_path_factory.mktemp("plugin")
    data = folder / "moods"
    data.mkdir()
    for split, count, seed in (("train", 48, 1), ("validation", 24, 2)):
        write_csv(data / f"{split}.csv", make_rows(count, seed))
    plugin = folder / "mine.py"
    plugin.write_text(PLUGIN.format(data=str(data)))
    base = {
        "plugin": ["mine.py"],
        "task_name": "moods",
        "model_name_or_path": tiny_bert,
        "corrupt_level": 0.25,
        "corrupt_region": "second",
        "corrupt_method": "shrink",
        "healing": "head_alone",
        "healing_options": "bias=false",
        "use_cpu": True,
    }
    grid = {"corrupt_options": ["by=0.5", "by=0.25"]}
    (folder / "sweep.yaml").write_text(yaml.safe_dump({"base": base, "grid": grid}))
    done = run_module("sweep", "sweep.yaml", "--output_dir", "runs", "--workers", "2", timeout=300, cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "runs", plugin


@pytest.fixture(scope="module")
def runs(study):
    found = [json.loads(path.read_text()) for path in sorted(study[0].glob("*/results.json"))]
    assert len(found) == 2
    return found


@pytest.mark.slow
def test_what_it_registered_is_in_the_results(runs, study):
    for results in runs:
        assert results["status"] == "completed"
        assert results["config"]["plugin"] == ["mine.py"] and list(results["plugins"]) == ["mine.py"]
        assert (results["task"]["name"], results["config"]["learning_rate"]) == ("moods", 0.25)
        assert results["corruption"]["layers_hit"] == [1]
        assert results["corruption"]["method"] == "shrink"
        healed = results["metrics"]["healed"]
        assert healed["errors"] == pytest.approx(1 - healed["accuracy"])
    assert {results["corruption"]["options"]["by"] for results in runs} == {0.5, 0.25}


def test_the_method_was_applied_by_the_workers(study):
    folders = list(study[0].glob("tiny*"))
    assert len(folders) == 2
    for folder in folders:
        receipt = json.loads((folder / "corruption.json").read_text())
        by = receipt["spec"]["options"]["by"]
        tensors = [tensor for tensor in receipt["tensors"] if tensor["relative_l2"]]
        assert tensors and all(tensor["relative_l2"] == pytest.approx(1 - by, abs=1e-4) for tensor in tensors)


def test_the_content_is_part_of_the_run(study):
    folder, plugin = study
    before = plugin.read_text()
    plugin.write_text(before + "# changed\n")
    try:
        done = run_module("sweep", "sweep.yaml", "--output_dir", "runs", "--dry_run", cwd=folder.parent)
    finally:
        plugin.write_text(before)
    assert done.returncode == 0 and "2 todo" in done.stdout, done.stdout + done.stderr


def test_results_are_read_without_it(study):
    folder, plugin = study
    moved = plugin.rename(plugin.with_suffix(".away"))
    try:
        done = run_module("ls", "runs", "--json", cwd=folder.parent)
    finally:
        moved.rename(plugin)
    assert done.returncode == 0 and [row["task"] for row in json.loads(done.stdout)] == ["moods", "moods"]


def test_its_table_and_its_figure_are_in_the_report(study):
    folder, plugin = study
    done = run_module("report", "runs", "--plugin", plugin, timeout=300, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    report = folder / "report"
    assert (report / "tables" / "moods.csv").read_text().split() == ["what,number", "first,1", "second,2"]
    assert (report / "figures" / "moods.png").stat().st_size > 0
    page = (report / "report.html").read_text()
    assert "Table of moods" in page and "Figure of moods" in page and "share of errors" in page
