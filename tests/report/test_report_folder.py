"""What a report replaces in its folder, and what it leaves alone."""

import json
import os
import shutil
import types

import pandas
import pytest
from helpers.report_runs import Maker
from helpers.runs import state_of

from healbert.report.formats.csv import as_written, csv
from healbert.report.tables.base import Table
from healbert.report.write import make_report
from healbert.utils.alive import alive_file
from healbert.utils.errors import UserError
from healbert.utils.text import CONTROL


@pytest.fixture
def runs(tmp_path):
    maker = Maker(tmp_path / "runs")
    maker.run("sst2", 0.5)
    return maker.root


def put(folder, *names, text="dear"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def list_in_marker(output):
    return json.loads((output / "report.json").read_text())["healbert_report"]["files"]


def test_second_report_replaces_what_the_first_wrote_and_nothing_else(runs, tmp_path):
    output = tmp_path / "out"
    make_report(runs, output)
    files = list_in_marker(output)
    assert files == sorted(p.relative_to(output).as_posix() for p in output.rglob("*.*") if p.name != "report.json")
    put(output, "figures/old.png", "figures/mine.png", "notes.txt")
    marker = json.loads((output / "report.json").read_text())
    marker["healbert_report"]["files"].append("figures/old.png")
    (output / "report.json").write_text(json.dumps(marker))
    make_report(runs, output)
    assert not (output / "figures" / "old.png").exists() and list_in_marker(output) == files
    assert (output / "figures" / "mine.png").read_text() == (output / "notes.txt").read_text() == "dear"


@pytest.mark.parametrize(
    "names", [["report.html"], ["report.html", "figures/a.png"], ["tables/x.csv"], ["report.json", "report.html"]]
)
def test_files_that_no_report_wrote_are_named_and_kept(runs, tmp_path, names):
    output = put(tmp_path / "out", *names)
    before = state_of(output)
    with pytest.raises(UserError, match="holds other files") as caught:
        make_report(runs, output)
    assert names[0].partition("/")[0] in str(caught.value) and state_of(output) == before


def test_file_of_somebody_where_a_new_report_would_write_is_kept(runs, tmp_path):
    output = tmp_path / "out"
    make_report(runs, output)
    marker = json.loads((output / "report.json").read_text())
    marker["healbert_report"]["files"].remove("tables/runs.csv")
    (output / "report.json").write_text(json.dumps(marker))
    before = state_of(output)
    with pytest.raises(UserError, match="no report wrote: tables/runs.csv"):
        make_report(runs, output)
    assert state_of(output) == before


def test_marker_cannot_name_files_elsewhere(runs, tmp_path):
    output, other = tmp_path / "out", put(tmp_path / "other", "dear.txt")
    make_report(runs, output)
    (output / "link").symlink_to(other)
    marker = json.loads((output / "report.json").read_text())
    marker["healbert_report"]["files"] += ["../other/dear.txt", "link/dear.txt", str(other / "dear.txt"), 3]
    (output / "report.json").write_text(json.dumps(marker))
    make_report(runs, output)
    assert (other / "dear.txt").read_text() == "dear"


def test_report_of_before_the_marker_is_known_by_its_page(runs, tmp_path):
    output = tmp_path / "out"
    make_report(runs, output)
    (output / "report.json").unlink()
    put(output, "figures/mine.png")
    make_report(runs, output)
    assert (output / "figures" / "mine.png").exists() and "report.html" in list_in_marker(output)


def test_leftover_of_a_killed_report_does_not_block_the_next(runs, tmp_path):
    output = put(tmp_path / "out", ".report-a1b2c3d4/report.html")
    make_report(runs, output)
    assert (output / "report.html").is_file()


def test_leftover_of_a_killed_report_goes_and_that_of_one_at_work_stays(runs, tmp_path):
    output = tmp_path / "out"
    make_report(runs, output)
    for name in (".report-a1b2c3d4", ".report-mine"):
        put(output, f"{name}/figures/x.png")
    put(output, ".report-a1b2c3d4/.at-work-12345678")
    (output / ".report-e5f6g7h8").mkdir()
    with alive_file(output / ".report-e5f6g7h8", ".at-work-"):
        make_report(runs, output)
        assert {path.name for path in output.glob(".report-*")} == {".report-mine", ".report-e5f6g7h8"}
    assert not [name for name in list_in_marker(output) if ".at-work" in name]


def test_no_field_of_a_csv_table_is_a_formula_and_all_read_back(tmp_path):
    formulas = ["=1+1", "+1", "-1", "@sum", "'quoted", "plain", "", "a\\b", "=a\\u001b", "'\\\\"]
    formulas += ["red\x1b[31m\u202e", "\x00", "\r\n", 'two\nlines\tand, a "comma"', "\\\x07\\u0007"]
    content = types.SimpleNamespace(tables=[Table("t", "", "", [], [], [{"text": f, "=name": -1.5} for f in formulas])])
    csv(content, tmp_path)
    frame = pandas.read_csv(tmp_path / "tables" / "t.csv", dtype={"text": str}, keep_default_na=False)
    assert not any(text.startswith(("=", "+", "-", "@")) for text in [*frame["text"], *frame.columns])
    assert not CONTROL.search((tmp_path / "tables" / "t.csv").read_text(encoding="utf-8"))
    assert [as_written(text) for text in frame["text"]] == formulas
    assert [as_written(name) for name in frame.columns] == ["text", "=name"] and set(frame["'=name"]) == {-1.5}


@pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on POSIX alone")
def test_a_run_whose_folder_is_not_utf8_is_left_out_and_named(runs, tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    shutil.copytree(runs / "run-00000", runs / odd)
    content, output = make_report(runs, tmp_path / "out")
    assert "1 run left out: its folder's name is not UTF-8; rename it." in content.warnings
    assert not any("results.json" in warning for warning in content.warnings)
    assert "its folder's name is not UTF-8; rename it" in (output / "report.html").read_text(encoding="utf-8")
    assert "caf\ufffd" in (output / "tables" / "unreadable.csv").read_text(encoding="utf-8")
    for given in ((runs / odd, None), (runs, tmp_path / odd)):
        with pytest.raises(UserError, match="not UTF-8"):
            make_report(*given)
