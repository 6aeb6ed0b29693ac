"""Names of ill will in every format of a report."""

import re
import shutil
import subprocess

import pytest
from helpers.report_runs import Maker, add_insides

from healbert.report.content import make_content
from healbert.report.formats.terminal import terminal_text
from healbert.report.write import make_report

EVIL = "<script>alert(1)</script>"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A report of runs whose names are of ill will."""
    root = tmp_path_factory.mktemp("evil")
    names = [EVIL, "$x^2$ & 100% of_it #1 ~ \\end{table} | `a` *b*", "\u4e2d\u6587 na\u00efve"]
    maker = Maker(root / "runs", {"sst2": (names, 60)})
    for level in (0, 0.5, 1):
        for seed in (0, 1):
            method = "kaiming_uniform"
            add_insides(
                maker.run("sst2", level, "top", seed=seed, model_name_or_path=f"org/{EVIL}", corrupt_method=method)
            )
    log = f"{EVIL}\n\x1b[31m]] | </script> \\input{{x}}"
    error = {"kind": "exception", "message": EVIL, "log_tail": log}
    maker.run("sst2", 0.5, "top", seed=2, status="failed", model_name_or_path=f"org/{EVIL}", _error=error)
    maker.datasets["red\x1b[31m\u202e"] = (["n\x9b1m", "p\x07"], 60)
    for level in (0, 0.5):
        maker.run("red\x1b[31m\u202e", level, "top\x1b[2J", model_name_or_path=f"org/{EVIL}")
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
        row = next(line for line in text.splitlines() if line.startswith("| red"))
        assert len(re.findall(r"(?<!\\)\|", row)) == 6

    def test_latex(self, evil):
        text = (evil / "tables" / "failures.tex").read_text()
        assert "\\textless{}scri" in text and "\\input{x}" not in text

    def test_terminal(self, evil):
        content = make_content(evil.parent / "runs")
        assert not CONTROL.search(terminal_text(content)) and "red\ufffd[31m" in terminal_text(content)

    def test_no_file_has_control_characters(self, evil):
        files = [path for path in evil.rglob("*") if path.suffix in (".md", ".csv", ".tex", ".svg")]
        assert len(files) > 20 and [path for path in files if CONTROL.search(path.read_text())] == []
        page = re.sub(r"<script>.*?</script>", "", (evil / "report.html").read_text(), flags=re.S)
        assert not CONTROL.search(page) and "red\ufffd[31m" in page
        assert "\\u001b" not in "".join(re.findall('data-heat="[^"]*"', page))

    @pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not here")
    def test_latex_compiles(self, evil, tmp_path):
        tables = sorted((evil / "tables").glob("*.tex"))
        inputs = "\n".join(f"\\input{{{path.as_posix()}}}\\clearpage" for path in tables)
        packages = "\\usepackage[T1]{fontenc}\\usepackage{array,booktabs,longtable,pdflscape}"
        (tmp_path / "all.tex").write_text(
            f"\\documentclass{{article}}{packages}\\begin{{document}}{inputs}\\end{{document}}"
        )
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
        assert done.returncode == 0, done.stdout[-1500:]
        wide = [float(width) for width in re.findall(r"Overfull .hbox .([\d.]+)pt", done.stdout)]
        assert max(wide, default=0) < 30  # points: a name of ill will that has no place to break
