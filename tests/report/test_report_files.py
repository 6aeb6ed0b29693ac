"""What a report writes: links, escaping, reproducibility, and folders that are half finished or damaged."""

import csv
import json
import re
import shutil

import pytest
from helpers.report_runs import Maker, add_insides

from healbert.analysis.collect import collect
from healbert.analysis.verdict import INCONCLUSIVE
from healbert.report.content import make_content
from healbert.report.formats.markdown import text_table
from healbert.report.formats.terminal import terminal_text
from healbert.report.write import make_report
from healbert.utils.errors import UserError


def metrics(results, **values):
    results["metrics"]["healed"] |= values


# name -> (change of a results.json, the reason that names it)
WRONG = {
    "NaN": (
        lambda r: metrics(r, f1_weighted=float("nan")),
        "metrics.healed.f1_weighted is NaN, not a number from 0 to 1",
    ),
    "text for a score": (
        lambda r: metrics(r, f1_weighted="high"),
        'metrics.healed.f1_weighted is "high", not a number from 0 to 1',
    ),
    "per cent for a score": (
        lambda r: metrics(r, f1_weighted=50.0),
        "metrics.healed.f1_weighted is 50.0, not a number from 0 to 1",
    ),
    "no label names": (
        lambda r: r["task"].update(label_names=None),
        "task.label_names is null, not a list of names",
    ),
    "number for a title": (
        lambda r: r["task"]["metrics"]["f1_weighted"].update(title=3),
        "task.metrics.f1_weighted.title is 3, not text",
    ),
    "text for a direction": (
        lambda r: r["task"]["metrics"]["f1_weighted"].update(greater_is_better="no"),
        'task.metrics.f1_weighted.greater_is_better is "no", not true or false',
    ),
    "no learning rate": (
        lambda r: r["config"].update(learning_rate=None),
        "config.learning_rate is null, not a finite number",
    ),
    "level of letters": (
        lambda r: r["config"].update(corrupt_level="x"),
        'config.corrupt_level is "x", not a number from 0 to 1',
    ),
    "empty epoch": (
        lambda r: r["metrics"].update(per_epoch=[{}]),
        "metrics.per_epoch.0.epoch is null, not a finite number",
    ),
    "list of metrics": (lambda r: r.update(metrics=[1]), "metrics is [1], not a set of named values"),
    "no seconds": (lambda r: r["timing"].update(load=None), "timing.load is null, not a number of seconds"),
    "seed in a list": (lambda r: r["config"].update(seed=[1]), "config.seed is [1], not a whole number"),
    "unknown selection": (
        lambda r: r["config"].update(selection="luck"),
        'config.selection is "luck", not one of best_eval, dev',
    ),
}


@pytest.fixture(scope="module")
def report(full_sweep, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "report"
    make_report(full_sweep, output)
    return output


class TestReproducibility:
    def test_mixed_versions_and_fingerprints_are_warned_of(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        first = maker.run("sst2", 0)
        results = json.loads((first / "results.json").read_text())
        environment = results["environment"] | {
            "git_commit": "1" * 40 + "+",
            "versions": {"torch": "2.14", "healbert": "1"},
        }
        maker.run("sst2", 0.5, _environment=environment, _task=results["task"] | {"fingerprint": "other"})
        maker.run("sst2", 1, _model={"fingerprint": "other"}, _environment=environment | {"device": "H100"})
        text = "\n".join(make_content(tmp_path).warnings)
        for part in (
            f"commits {'0' * 12}, {'1' * 12}+.",
            "uncommitted",
            "torch: 2.13.0, 2.14",
            "sst2 have different texts",
            "weights",
            "devices",
        ):
            assert part in text

    def test_another_type_of_task_has_other_columns_and_parts(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        results = json.loads((maker.run("sst2", 0) / "results.json").read_text())
        other = {"type": "masked_lm", "fingerprint": "other"}
        maker.run("sst2", 0.5, _task=results["task"] | other, _model={"fingerprint": "other"})
        assert not any("fingerprint" in warning for warning in make_content(tmp_path).warnings)

    def test_failures_show_their_log(self, full_sweep, full_content):
        (table,) = [table for table in full_content.tables if table.name == "failures"]
        failed = next(row for row in table.rows if row.cells[1].text == "failed")
        assert failed.cells[3].text == "killed: signal 9" and "out of memory" in failed.cells[4].text

    def test_log_file_is_read_where_results_have_no_tail(self, tmp_path):
        folder = Maker(tmp_path).run("sst2", 0, status="failed", _error={"kind": "timeout", "message": "60 s"})
        (folder / "log.txt").write_text("\n".join(map(str, range(100))))
        (table,) = [t for t in make_content(tmp_path).tables if t.name == "failures"]
        assert table.rows[0].cells[4].text.endswith("98\n99") and len(table.rows[0].cells[4].text.splitlines()) == 8

    def test_settings_common_and_varying(self, full_content):
        tables = {table.name: table for table in full_content.tables}
        varying = {row.cells[0].text for row in tables["settings-varying"].rows}
        common = {row.cells[0].text: row.cells[1].text for row in tables["settings-common"].rows}
        assert varying == {"task_name", "corrupt_level", "corrupt_region", "learning_rate", "seed", "corrupt_seed"}
        assert common["pooling"] == '"cls"' and "output_dir" not in common


class TestHalfFinishedAndBad:
    def test_half_finished_says_so(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0.5)
        begun = maker.run("sst2", 0.5, seed=1)
        (begun / "results.json").unlink()
        content, output = make_report(tmp_path)
        assert "Half finished: 1 run" in content.warnings[0]
        assert (
            "Half finished" in (output / "report.html").read_text()
            and "not finished" in (output / "report.md").read_text()
        )

    def test_damaged_and_newer_results_are_named_and_counted(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0.5)
        cut = maker.run("sst2", 0.75)
        (cut / "results.json").write_text((cut / "results.json").read_text()[:-30])
        maker.run("sst2", 1, _schema_version=99)
        content = make_content(tmp_path)
        (table,) = [table for table in content.tables if table.name == "unreadable"]
        assert [row.cells[0].text for row in table.rows] == ["run-00001", "run-00002"]
        assert "cut short" in table.rows[0].cells[1].text and "schema 99" in table.rows[1].cells[1].text
        assert (2, "unusable") in content.overview

    @pytest.mark.parametrize("name", WRONG, ids=str)
    def test_wrong_content_is_named(self, tmp_path, name):
        change, reason = WRONG[name]
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0.5)
        path = maker.run("sst2", 0.75) / "results.json"
        results = json.loads(path.read_text())
        change(results)
        path.write_text(json.dumps(results))
        content = make_content(tmp_path)
        (table,) = [table for table in content.tables if table.name == "unreadable"]
        assert [cell.text for cell in table.rows[0].cells] == ["run-00001", f"results.json: {reason}"]
        assert content.overview == [(1, "completed"), (1, "unusable")]

    def test_holes_of_the_grid_are_counted(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)}).sweep(levels=(0, 0.5, 1), rates=(2e-5,), seeds=(0, 1))
        assert not any("full grid" in warning for warning in make_content(tmp_path).warnings)
        for number in (0, 3, 7):  # of eight: intact, bottom, top and all, with two seeds each
            shutil.rmtree(maker.root / f"run-{number:05d}")
        (sentence,) = make_content(tmp_path).warnings
        assert sentence.startswith("Not a full grid: 3 of 8 combinations")

    def test_layers_named_by_hand_and_lists_leave_no_holes(self, tmp_path):
        """Of layer 0 beside a grid of levels and regions, no top 17% is missing."""
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)}).sweep(levels=(0, 0.5, 1), rates=(2e-5,), seeds=(0, 1))
        listed = json.dumps([{"level": 0.5, "method": "zero"}, {"layers": "5"}])
        named = [
            ([0], {"corrupt_layers": "0"}),
            ([0, 1, 2], {"corrupt_layers": "0-2"}),
            ([2, 4], {"corrupt_layers": "2,4"}),
        ]
        for hit, settings in [*named, ([0, 1, 2, 5], {"corruptions": listed})]:
            for seed in (0, 1):
                path = maker.run("sst2", 0.5, seed=seed) / "results.json"
                results = json.loads(path.read_text())
                results["config"] |= {"corrupt_level": None, **settings}
                results["corruption"] |= {"layers_hit": hit, "num_layers": 6}
                path.write_text(json.dumps(results))
        content = make_content(tmp_path)
        assert not any("full grid" in warning for warning in content.warnings)
        labels = " ".join(group.label for group in collect(tmp_path).groups)
        assert "zero, then kaiming_uniform" in labels and "corruptions level 0.5 method zero; then layers 5" in labels
        shutil.rmtree(path.parent)  # of one that was named, too, a seed is missing
        assert any(warning.startswith("Not a full grid: 1 of") for warning in make_content(tmp_path).warnings)

    def test_copies_of_a_run_are_named(self, tmp_path):
        folder = Maker(tmp_path, {"sst2": (["n", "p"], 60)}).run("sst2", 0.5)
        shutil.copytree(folder, tmp_path / "copy")
        failed = shutil.copytree(folder, tmp_path / "failed") / "results.json"
        failed.write_text(json.dumps(json.loads(failed.read_text()) | {"status": "failed"}))
        _, sentence = make_content(tmp_path).warnings
        assert sentence.startswith("1 run there more than once (such as copy and run-00000)")

    def test_an_intact_run_of_two_groups_names_both(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0)
        for method in ("zeros", "kaiming_uniform"):
            maker.run("sst2", 0.5, corrupt_method=method)
        content = make_content(tmp_path)
        groups = {record["run"]: record["group"] for record in content.table("runs").records}
        assert groups["run-00000"] == "; ".join(group.label for group in content.groups)

    def test_one_intact_run_serves_all_draws(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0, seed=5, corrupt_seed=0)
        for draw in (1, 2):
            maker.run("sst2", 0.5, seed=5, corrupt_seed=draw)
        assert make_content(tmp_path).warnings == []

    def test_nothing_but_failures(self, tmp_path):
        Maker(tmp_path).run("sst2", 0.5, status="failed")
        content, output = make_report(tmp_path)
        assert content.groups[0].table("main").rows[0].cells[2].text == "1 failed"
        assert (output / "report.html").exists() and not content.figures

    def test_single_run(self, tmp_path):
        folder = Maker(tmp_path).run("sst2", 0.5)
        content, output = make_report(folder)
        assert output == folder / "report" and len(content.figures) == 3
        assert {verdict.verdict for verdict, _ in content.groups[0].claims} == {INCONCLUSIVE}
        for text in (terminal_text(content), *((output / f"report.{kind}").read_text() for kind in ("md", "html"))):
            assert len(re.findall("Nothing to compare yet: the claims need", text)) == 1

    def test_characters_without_a_glyph_are_one_sentence(self, tmp_path, recwarn):
        maker = Maker(tmp_path / "runs", {"sst2": (["\u4e2d\u6587", "\u8bcd"], 60)})
        content, output = make_report(maker.run("sst2", 0.5), tmp_path / "out")
        assert [w for w in content.warnings if "font lacks" in w] and not len(recwarn)
        assert "font lacks" in (output / "report.md").read_text()

    def test_damaged_features_are_named(self, tmp_path):
        folder = Maker(tmp_path).run("sst2", 0.5)
        add_insides(folder)
        (folder / "features.npz").write_bytes(b"PK nothing")
        content = make_content(tmp_path)
        assert any("features" in row.cells[1].text for t in content.tables if t.name == "problems" for row in t.rows)

    def test_no_results(self, tmp_path):
        with pytest.raises(UserError, match="holds no run"):
            make_report(tmp_path, tmp_path / "out")
        with pytest.raises(UserError, match="does not exist"):
            make_report(tmp_path / "nothing")
        (tmp_path / "file").write_text("x")
        with pytest.raises(UserError, match="file is not a folder"):
            make_report(tmp_path / "file")
        assert not (tmp_path / "nothing").exists()

    def test_output_that_cannot_be_written(self, tmp_path):
        Maker(tmp_path / "runs").run("sst2", 0.5)
        (tmp_path / "file").write_text("x")
        for output, reason in (
            ("file", "is a file"),
            ("file/inside", "cannot be written"),
            ("runs", "holds other files"),
        ):
            with pytest.raises(UserError, match=reason):
                make_report(tmp_path / "runs", tmp_path / output)

    def test_nothing_is_left_of_a_report_that_cannot_be(self, tmp_path):
        (tmp_path / "runs").mkdir()
        with pytest.raises(UserError, match="holds no run"):
            make_report(tmp_path / "runs", tmp_path / "one" / "two")
        assert not (tmp_path / "one").exists()
        with pytest.raises(UserError, match="holds no run"):
            make_report(tmp_path / "runs", tmp_path / "one" / ".." / "two")
        assert not (tmp_path / "two").exists()

    def test_names_that_are_too_long(self, tmp_path):
        folder = Maker(tmp_path).run("sst2", 0.5)
        with pytest.raises(UserError, match="cannot be written: File name too long"):
            make_report(folder, tmp_path / ("n" * 300))
        with pytest.raises(UserError, match="cannot be read: File name too long"):
            make_report(tmp_path / ("n" * 300))


class TestFiles:
    def test_same_runs_same_bytes(self, full_sweep, report, tmp_path):
        make_report(full_sweep, tmp_path / "again")
        names = sorted(path.relative_to(report) for path in report.rglob("*") if path.is_file())
        assert names == sorted(
            p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
        )
        assert [n for n in names if (report / n).read_bytes() != (tmp_path / "again" / n).read_bytes()] == []

    def test_links_and_pictures_resolve(self, report):
        html, markdown = (report / "report.html").read_text(), (report / "report.md").read_text()
        page = re.sub(r"<script.*?</script>", "", html, flags=re.S)
        links = re.findall(r'href="([^"]+)"', page) + re.findall(r"\]\(([^)]+)\)", markdown)
        files = {link for link in links if not link.startswith(("#", "data:"))}
        assert len(files) > 20 and [link for link in files if not (report / link).is_file()] == []
        anchors = {link[1:] for link in links if link.startswith("#") and not link.startswith("#run")}  # by the script
        assert anchors <= set(re.findall(r'id="([^"]+)"', page))
        assert {p.stem for p in (report / "figures").glob("*.png")} == {
            p.stem for p in (report / "figures").glob("*.svg")
        }
        assert {path.stem.split("-")[0] for path in (report / "figures").glob("*.svg")} == {
            "levels", "forest", "recovery", "profiles", "speed", "epochs", "rates", "probes", "confusion", "tsne",
        }  # fmt: skip

    def test_csv_holds_the_figures_in_full(self, report, full_content):
        with open(report / "tables" / "verdicts.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        first = full_content.groups[0].claims[0][0]
        assert float(rows[0]["effect"]) == first.outcome.effect and rows[0]["verdict"] == first.verdict
        with open(report / "tables" / "runs.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == 98

    def test_terminal_text_has_table_and_verdicts(self, full_content):
        text = terminal_text(full_content)
        assert "Weighted F1 by damage" in text and "(c) Bottom damage costs more than top damage" in text
        assert "warning: 1 run failed" in text

    def test_tables_fit_the_terminal(self, full_content, monkeypatch):
        for columns in (80, 100, 200):
            monkeypatch.setenv("COLUMNS", str(columns))
            table = text_table(full_content.groups[0].table("main"))
            assert max(map(len, table.splitlines()[2:])) <= columns

    def test_latex_of_long_and_wide_tables_breaks(self, report):
        text = {path.stem: path.read_text() for path in (report / "tables").glob("*.tex")}
        assert "\\begin{landscape}" in text["recovery"] and "\\begin{landscape}" not in text["verdicts"]
        assert "\\begin{longtable}" in text["settings-common"] and "\\begin{longtable}" in text["runs"]
        assert "\\begin{table}" in text["settings-varying"] + text["hardware"]
        assert not any(" }" in line for each in text.values() for line in each.splitlines() if "caption{" in line)
        assert not any("resizebox" in each for each in text.values())
        assert "{}$-${}" not in "".join(text.values()) and "$-$0." in text["main-long"]
