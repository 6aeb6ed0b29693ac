"""What a report writes: links, escaping, reproducibility, and folders that are half finished or damaged."""

import csv
import json
import re
import shutil
import subprocess

import pytest
from report_cells import Maker, add_insides

from healbert.errors import UserError
from healbert.report import make_content, make_report, terminal_text
from healbert.report.verdicts import OPEN

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(full_sweep, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "report"
    make_report(full_sweep, output)
    return output


class TestReproducibility:
    def test_mixed_versions_and_fingerprints_are_warned_of(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        first = maker.cell("sst2", 0)
        results = json.loads((first / "results.json").read_text())
        environment = results["environment"] | {
            "git_commit": "1" * 40 + "+",
            "versions": {"torch": "2.14", "healbert": "1"},
        }
        maker.cell("sst2", 0.5, _environment=environment, _task=results["task"] | {"fingerprint": "other"})
        maker.cell("sst2", 1, _model={"fingerprint": "other"}, _environment=environment | {"device": "H100"})
        text = "\n".join(make_content(tmp_path).reproducibility.warnings)
        for part in (
            "commits",
            "uncommitted",
            "torch: 2.13.0, 2.14",
            "sst2 have different texts",
            "weights",
            "devices",
        ):
            assert part in text

    def test_failures_show_their_log(self, full_sweep, full_content):
        (table,) = [table for table in full_content.reproducibility.tables if table.name == "failures"]
        failed = next(row for row in table.rows if row.cells[1].text == "failed")
        assert failed.cells[3].text == "killed: signal 9" and "out of memory" in failed.cells[4].text

    def test_log_file_is_read_where_results_have_no_tail(self, tmp_path):
        folder = Maker(tmp_path).cell("sst2", 0, status="failed", _error={"kind": "timeout", "message": "60 s"})
        (folder / "log.txt").write_text("\n".join(map(str, range(100))))
        (table,) = [t for t in make_content(tmp_path).reproducibility.tables if t.name == "failures"]
        assert table.rows[0].cells[4].text.endswith("98\n99") and len(table.rows[0].cells[4].text.splitlines()) == 8

    def test_settings_common_and_varying(self, full_content):
        tables = {table.name: table for table in full_content.reproducibility.tables}
        varying = {row.cells[0].text for row in tables["settings-varying"].rows}
        common = {row.cells[0].text: row.cells[1].text for row in tables["settings-common"].rows}
        assert varying == {"task_name", "corrupt_level", "corrupt_region", "learning_rate", "seed", "corrupt_seed"}
        assert common["pooling"] == '"cls"' and "output_dir" not in common


class TestHalfFinishedAndBad:
    def test_half_finished_says_so(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.cell("sst2", 0.5)
        begun = maker.cell("sst2", 0.5, seed=1)
        (begun / "results.json").unlink()
        content, output = make_report(tmp_path)
        assert "Half finished: 1 cell" in content.reproducibility.warnings[0]
        assert (
            "Half finished" in (output / "report.html").read_text()
            and "not finished" in (output / "report.md").read_text()
        )

    def test_damaged_and_newer_results_are_named_and_counted(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.cell("sst2", 0.5)
        cut = maker.cell("sst2", 0.75)
        (cut / "results.json").write_text((cut / "results.json").read_text()[:-30])
        maker.cell("sst2", 1, _schema_version=99)
        content = make_content(tmp_path)
        (table,) = [table for table in content.reproducibility.tables if table.name == "unreadable"]
        assert [row.cells[0].text for row in table.rows] == ["cell-00001", "cell-00002"]
        assert "cut short" in table.rows[0].cells[1].text and "schema 99" in table.rows[1].cells[1].text
        assert (2, "unreadable") in content.overview

    def test_nothing_but_failures(self, tmp_path):
        Maker(tmp_path).cell("sst2", 0.5, status="failed")
        content, output = make_report(tmp_path)
        assert content.groups[0].main.rows[0].cells[2].text == "1 failed"
        assert (output / "report.html").exists() and not content.figures

    def test_single_cell(self, tmp_path):
        folder = Maker(tmp_path).cell("sst2", 0.5)
        content, output = make_report(folder)
        assert output == folder / "report" and len(content.figures) == 3
        assert {verdict.verdict for verdict, _ in content.groups[0].claims} == {OPEN}

    def test_damaged_features_are_named(self, tmp_path):
        folder = Maker(tmp_path).cell("sst2", 0.5)
        add_insides(folder)
        (folder / "features.npz").write_bytes(b"PK nothing")
        content = make_content(tmp_path)
        assert any(
            "features" in row.cells[1].text
            for t in content.reproducibility.tables
            if t.name == "problems"
            for row in t.rows
        )

    def test_no_results(self, tmp_path):
        with pytest.raises(UserError, match="holds no cell"):
            make_report(tmp_path, tmp_path / "out")
        with pytest.raises(UserError, match="does not exist"):
            make_report(tmp_path / "nothing")
        assert not (tmp_path / "nothing").exists()

    def test_output_that_cannot_be_written(self, tmp_path):
        Maker(tmp_path / "cells").cell("sst2", 0.5)
        (tmp_path / "file").write_text("x")
        for output, reason in (
            ("file", "is a file"),
            ("file/inside", "cannot be written"),
            ("cells", "holds other files"),
        ):
            with pytest.raises(UserError, match=reason):
                make_report(tmp_path / "cells", tmp_path / output)

    def test_second_report_replaces_the_first(self, tmp_path):
        maker = Maker(tmp_path / "cells")
        maker.cell("sst2", 0.5)
        make_report(maker.root, tmp_path / "out")
        (tmp_path / "out" / "figures" / "old.png").write_text("x")
        (tmp_path / "out" / "notes.txt").write_text("mine")
        make_report(maker.root, tmp_path / "out")
        assert not (tmp_path / "out" / "figures" / "old.png").exists() and (tmp_path / "out" / "notes.txt").exists()
        left = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert left == ["figures", "notes.txt", "report.html", "report.md", "tables"]


class TestFiles:
    def test_same_cells_same_bytes(self, full_sweep, report, tmp_path):
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
        anchors = {link[1:] for link in links if link.startswith("#")}
        assert anchors <= set(re.findall(r'id="([^"]+)"', page))
        assert {p.stem for p in (report / "figures").glob("*.png")} == {
            p.stem for p in (report / "figures").glob("*.svg")
        }
        assert {path.stem.split("-")[0] for path in (report / "figures").glob("*.svg")} == {
            "levels", "recovery", "epochs", "rates", "probes", "confusion", "tsne",
        }  # fmt: skip

    def test_csv_holds_the_figures_in_full(self, report, full_content):
        with open(report / "tables" / "verdicts.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        first = full_content.groups[0].claims[0][0]
        assert float(rows[0]["effect"]) == first.estimated.effect and rows[0]["verdict"] == first.verdict
        with open(report / "tables" / "cells.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == 98

    def test_terminal_text_has_table_and_verdicts(self, full_content):
        text = terminal_text(full_content)
        assert "Weighted F1 by damage" in text and "(c) Bottom damage costs more than top damage" in text
        assert "warning: 1 cell failed" in text

    @pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not here")
    def test_latex_compiles(self, evil, tmp_path):
        tables = sorted((evil / "tables").glob("*.tex"))
        inputs = "\n".join(f"\\input{{{path.as_posix()}}}\\clearpage" for path in tables)
        packages = "\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\usepackage{graphicx}"
        (tmp_path / "all.tex").write_text(
            f"\\documentclass{{article}}{packages}\\begin{{document}}{inputs}\\end{{document}}"
        )
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
        assert done.returncode == 0, done.stdout[-1500:]


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A report of cells whose names are of ill will."""
    root = tmp_path_factory.mktemp("evil")
    names = [EVIL, "$x^2$ & 100% of_it #1 ~ \\end{table} | `a` *b*", "\u4e2d\u6587 na\u00efve"]
    maker = Maker(root / "cells", {"sst2": (names, 60)})
    for level in (0, 0.5, 1):
        for seed in (0, 1):
            method = "kaiming_uniform"
            add_insides(
                maker.cell("sst2", level, "top", seed=seed, model_name_or_path=f"org/{EVIL}", corrupt_method=method)
            )
    log = f"{EVIL}\n\x1b[31m]] | </script> \\input{{x}}"
    error = {"kind": "exception", "message": EVIL, "log_tail": log}
    maker.cell("sst2", 0.5, "top", seed=2, status="failed", model_name_or_path=f"org/{EVIL}", _error=error)
    make_report(maker.root, root / "out")
    return root / "out"


class TestEscaping:
    def test_html(self, evil):
        html = (evil / "report.html").read_text()
        assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html
        assert html.count("</script>") == html.count("<script")

    def test_markdown(self, evil):
        text = (evil / "report.md").read_text()
        assert "<script" not in text and "&lt;script&gt;" in text
        failures = next(line for line in text.splitlines() if line.startswith("| cell-00006"))
        assert len(re.findall(r"(?<!\\)\|", failures)) == 6

    def test_latex(self, evil):
        text = (evil / "tables" / "failures.tex").read_text()
        assert "\\textless{}script" in text and "\\input{x}" not in text

    def test_terminal(self, evil):
        content = make_content(evil.parent / "cells")
        assert "\x1b" not in terminal_text(content)
