"""Tables, figures and formats of plugins."""

import csv

import pytest
from helpers.report_runs import Maker, add_insides

from healbert.cli.report import report
from healbert.report.content import make_content
from healbert.report.figures import FIGURES
from healbert.report.formats import FORMATS
from healbert.report.tables import TABLES
from healbert.report.workers import Workers
from healbert.utils.errors import UserError

PLUGIN = '''
import healbert
from healbert.report.figures import Figure, Lines, Panel, averaged
from healbert.report.tables import Row, Table


@healbert.register("table", "epochs-used")
def epochs_used(analysis):
    """Mean best epoch by damage, over all groups."""
    runs = [run for run in analysis.study.runs if run.status == "completed"]
    rows = [Row([run.name, f"{run.results['best_epoch']:g}"]) for run in runs]
    records = [{"run": run.name, "best_epoch": run.results["best_epoch"]} for run in runs]
    return Table("epochs-used", "Epochs *used*", "By run.", ["run", "best epoch"], rows, records)


@healbert.register("table", "seeds-of-group")
def seeds_of_group(analysis):
    """How many seeds a group has; one table for each group."""
    return [
        Table(f"seeds{group.number}", "Seeds", "", ["seeds"], [Row(["3"])], [{"seeds": 3}], group.group)
        for group in analysis.groups
    ]


@healbert.register("table", "never")
def never(analysis):
    return None


@healbert.register("figure", "seconds")
def seconds(analysis):
    """Seconds by learning rate, in each group."""
    found = []
    for group in analysis.groups:
        samples = {}
        for run in group.group.runs:
            samples.setdefault(run.rate, []).append(sum(run.part("timing").values()))
        lines = Lines([averaged("all runs", samples, colour="#0072B2")], "learning rate", "seconds")
        panel = Panel("seconds", lines, {"dataset": "", "model": "", "method": ""}, "Seconds by learning rate.")
        found.append(Figure(f"seconds{group.number}", "Seconds a run took", "By rate.", [[panel]], group.group))
    return found


@healbert.register("format", "names")
def names(content, folder):
    """Writes names.txt and more/names.txt: the tables' names."""
    (folder / "more").mkdir()
    for path in (folder / "names.txt", folder / "more" / "names.txt"):
        path.write_text(" ".join(table.name for table in content.tables))
'''


@pytest.fixture
def registries():
    """The registries, as they were again afterwards."""
    tables = (TABLES, FIGURES, FORMATS)
    kept = [(dict(table._registered), dict(table._made)) for table in tables]
    yield
    for table, (registered, made) in zip(tables, kept, strict=True):
        table._registered, table._made = registered, made


@pytest.fixture
def runs(tmp_path):
    maker = Maker(tmp_path / "runs", {"sst2": (["n", "p"], 60)})
    return maker.sweep(levels=(0, 0.5), rates=(2e-5,), seeds=(0, 1, 2)).root


def test_a_plugin_adds_tables_figures_and_a_format(runs, tmp_path, registries, capsys):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "out" / "more").mkdir(parents=True)
    (tmp_path / "out" / "report.html").write_text("<title>Healing report: an earlier one")
    (tmp_path / "out" / "more" / "mine.txt").write_text("mine")
    report([str(runs), "-o", str(tmp_path / "out"), "--plugin", str(tmp_path / "plugin.py")])
    out = tmp_path / "out"
    page, text = (out / "report.html").read_text(), (out / "report.md").read_text()
    for title in ("Epochs *used*", "Seeds", "Seconds a run took"):
        assert f"<h3>{title}</h3>" in page and f"- {title.replace('*', chr(92) + '*')}: [" in text
    assert 'href="tables/epochs-used.csv"' in page and "(figures/seconds1.png)" in text
    assert page.index("All groups</h2>") < page.index("<h3>Epochs *used*") < page.index("<h2>Reproducibility")
    assert page.index("All groups</h2>") < page.index("<h3>Seeds</h3>")
    with open(out / "tables" / "epochs-used.csv", newline="") as file:
        assert {row["best_epoch"] for row in csv.DictReader(file)} == {"3.0"}
    for path in ("tables/seeds1.tex", "figures/seconds1.svg", "figures/seconds1.png"):
        assert (out / path).stat().st_size > 50
    assert not list(out.glob("tables/never*"))
    assert "epochs-used" in (out / "names.txt").read_text() == (out / "more" / "names.txt").read_text()
    assert (out / "more" / "mine.txt").read_text() == "mine", "what is not ours stays"
    assert "report.html" in capsys.readouterr().out


def test_two_tables_of_one_name_are_refused(runs, registries):
    TABLES.add("second", lambda analysis: TABLES["main"](analysis))
    with pytest.raises(UserError, match="two tables are named 'main'.*rename that of 'second'"):
        make_content(runs)


def test_what_is_no_table_is_refused(runs, registries):
    TABLES.add("wrong", lambda analysis: "text")
    with pytest.raises(UserError, match="table 'wrong' gives a str; it must give a Table"):
        make_content(runs)


def test_a_plugin_that_is_not_there_is_named(runs):
    with pytest.raises(UserError, match="plugin nothing.py does not exist"):
        report([str(runs), "--plugin", "nothing.py"])


def test_built_in_entries_are_in_the_order_of_the_page():
    assert list(FIGURES)[:7] == ["levels", "forest", "kinds", "recovery", "profiles", "epochs", "rates"]
    assert list(TABLES)[:3] == ["main", "kinds", "recovery"] and {"runs", "verdicts"} < set(TABLES)
    assert list(FORMATS)[:5] == ["csv", "latex", "pictures", "markdown", "html"]


def test_figures_go_to_other_processes_without_their_runs(tmp_path, monkeypatch):
    """A group holds the results.json of every run: of 200 runs, 22 figures were 8.2 MB with it and 0.07 without."""
    Maker(tmp_path, {"sst2": (["n", "p"], 60)}).run("sst2", 0.5)
    workers, sent = Workers(), []
    monkeypatch.setattr(workers, "submit", lambda function, *given: sent.extend(given))
    figures = make_content(tmp_path, workers=workers).figures
    assert {figure.name for figure in sent} == {figure.name for figure in figures} and figures
    assert all(figure.group is None for figure in sent) and all(figure.group for figure in figures)


def test_other_processes_draw_and_lay_out_the_same(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
    for level in (0, 0.5, 1):
        add_insides(maker.run("sst2", level), examples=30)
    alone = make_content(tmp_path)
    with Workers() as workers:
        together = make_content(tmp_path, workers=workers)
        drawn = {name: get() for name, get in together.drawn.items()}
    assert drawn == {name: get() for name, get in alone.drawn.items()} and "tsne-1" in drawn
    assert [figure.name for figure in together.figures] == [figure.name for figure in alone.figures]
    order = list(FIGURES)
    assert [figure.kind for figure in alone.figures] == sorted((f.kind for f in alone.figures), key=order.index)


def test_tsne_leaves_no_column_empty(tmp_path):
    """Of the levels 0, 50% and 100% the second has no features."""
    maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
    folders = {level: maker.run("sst2", level, "top") for level in (0, 0.5, 1)}
    for level in (0, 1):
        add_insides(folders[level], examples=30)
    (figure,) = [figure for figure in make_content(tmp_path).figures if figure.kind == "tsne"]
    assert [[panel.title.split(",")[0] for panel in row] for row in figure.rows] == [["intact", "all 100%"]]
