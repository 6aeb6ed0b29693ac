"""`healbert report --watch`: a process that writes the report as runs end, and stops by itself or by Ctrl-C."""

import signal
import subprocess
import sys

import pytest
from filelock import FileLock
from helpers.report_runs import Maker

from healbert.cli.report import report
from healbert.report import watch as watching
from healbert.report.write import make_report
from healbert.results.plans import plan_path, write_plan
from healbert.utils.errors import UserError

NAME = "model-sst2-0.5-bottom-lr2e-05-seed{}-{:012x}"

UNFOLDED = "[...document.querySelectorAll('details')].map(details => details.open)"
CHANGE = f"""() => {{
  const select = document.querySelector("select[name=dataset]");
  select.value = "emotion";
  select.dispatchEvent(new Event("change"));
  const details = document.querySelector("#reproducibility details");
  details.open = true;
  details.scrollIntoView();
  window.old = true;
  return [{UNFOLDED}, scrollY];
}}"""


class Study:
    """A sweep's folder whose runs come one by one."""

    def __init__(self, root, planned):
        self.root, self.made = root / "study", Maker(root / "made", {"sst2": (["no", "yes"], 40)})
        self.root.mkdir()
        runs = [{"name": NAME.format(s, s), "dataset": "sst2", "damage": "bottom 50%", "seed": s} for s in planned]
        write_plan(plan_path(self.root, 1), "study.yaml", runs)

    def add(self, seed, **settings):
        self.made.run("sst2", 0.5, seed=seed, **settings).rename(self.root / NAME.format(seed, seed))
        return self


@pytest.fixture
def started():
    """Starts `report --watch` on a folder; what is left running is ended."""
    processes = []

    def start(folder):
        command = [sys.executable, "-m", "healbert", "report", str(folder), "--watch", "0.2"]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def page_of(folder):
    return (folder / "report" / "report.html").read_text(encoding="utf-8")


def plain_page(folder):
    """The page of a report that is made once, as near to the runs as the other: it leads to their files."""
    make_report(folder, folder / "once")
    return (folder / "once" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_run_that_ends_is_in_the_next_page_and_the_last_ends_it(tmp_path, started):
    study = Study(tmp_path, planned=(1, 2))
    process = started(study.root)
    assert process.stdout.readline().startswith("no new report: ")
    assert not (study.root / "report").exists()
    study.add(1)
    assert "1 of 2 planned runs have ended" in process.stdout.readline()
    assert 'http-equiv="refresh" content="1"' in page_of(study.root)
    study.add(2, status="failed")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "") and "2 of 2 planned runs have ended" in output.splitlines()[0]
    assert output.splitlines()[-1] == str(study.root / "report" / "report.html")
    assert "refresh" not in page_of(study.root) and page_of(study.root) == plain_page(study.root)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ctrl_c_ends_it_with_one_line_and_a_page_that_stays_as_it_is(tmp_path, started):
    study = Study(tmp_path, planned=(1, 2)).add(1)
    process = started(study.root)
    assert "1 of 2" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert errors == f"interrupted: {study.root / 'report'} holds the last report that was made, if any\n"
    assert page_of(study.root) == plain_page(study.root)


def test_a_run_that_cannot_be_read_now_is_tried_again(tmp_path, monkeypatch):
    study, said, failures = Study(tmp_path, planned=(1,)).add(1), [], [FileNotFoundError("gone"), ValueError("half")]
    make = watching.make_content

    def make_content(*arguments):
        if failures:
            raise failures.pop(0)
        return make(*arguments)

    monkeypatch.setattr(watching, "make_content", make_content)
    monkeypatch.setattr(watching, "_at_work", lambda folder: bool(failures))  # the run that is being written
    watching.watch(study.root, tmp_path / "out", every=0.1, tell=said.append)
    assert [line.partition(";")[0] for line in said[:2]] == ["no new report: gone", "no new report: half"]
    assert "1 of 1 planned runs have ended" in said[2] and (tmp_path / "out" / "report.html").is_file()


def test_a_sweep_that_adds_seeds_or_has_a_run_at_work_is_not_over(tmp_path, monkeypatch):
    study = Study(tmp_path, planned=(1,)).add(1)
    assert watching._progress(study.root) == (True, "1 of 1 planned runs have ended", [])
    monkeypatch.setattr(watching, "_at_work", lambda folder: True)
    assert not watching._progress(study.root)[0]
    monkeypatch.undo()
    until = {"width": 0.1, "max_seeds": 5}
    write_plan(plan_path(study.root, 1), "study.yaml", [{"name": NAME.format(1, 1)}], until)
    assert not watching._progress(study.root)[0]


def test_a_run_that_lets_go_of_its_folder_after_its_results_ends_it(tmp_path, monkeypatch):
    study, said = Study(tmp_path, planned=(1,)).add(1), []
    lock, looks = FileLock(study.root / NAME.format(1, 1) / ".lock"), []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            lock.release()
        assert len(looks) < 9, "it does not end"

    monkeypatch.setattr(watching.time, "sleep", sleep)
    with lock:
        watching.watch(study.root, tmp_path / "out", tell=said.append)
    assert (len(said), len(looks)) == (2, 3), "as soon as the results are there, and when the folder is let go of"
    assert "refresh" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", ["0", "nan", "-1", "1e9", "runs"])
def test_seconds_that_are_none_are_refused(tmp_path, value):
    with pytest.raises(UserError, match="is not a number of seconds from 0.1 to 86400"):
        report([str(tmp_path), f"--watch={value}"])


def test_what_does_not_mend_itself_ends_it(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        report([str(tmp_path / "none"), "--watch"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other files"):
        report([str(tmp_path), "--watch", "-o", str(tmp_path / "out")])


def test_figures_of_the_paper_that_cannot_be_read_end_it(tmp_path):
    study = Study(tmp_path, [0, 1]).add(0)
    with pytest.raises(UserError, match="paper.yaml"):
        watching.watch(study.root, paper=tmp_path / "paper.yaml")
    assert not (study.root / "report").exists()


@pytest.mark.timeout(240)
def test_a_page_that_loads_itself_again_keeps_what_is_chosen_and_unfolded(browser, tmp_path):
    from healbert.report.content import make_content
    from healbert.report.write import check_output, write_report

    maker = Maker(tmp_path / "runs", {"sst2": (["no", "yes"], 40), "emotion": (list("abc"), 40)})
    maker.sweep(levels=(0, 0.5), regions=("bottom",), rates=(2e-5,), seeds=(0, 1))
    content = make_content(maker.root)
    content.reload = 4
    check_output(tmp_path / "out")
    write_report(content, tmp_path / "out")
    page_file, faults = tmp_path / "out" / "report.html", []
    page = browser.new_page(viewport={"width": 1000, "height": 500})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.goto(page_file.as_uri())
    scripts = page.locator("script").count()
    before, y = page.evaluate(CHANGE)
    page.wait_for_function("() => !window.old && document.readyState === 'complete'", timeout=60000)
    assert y > 0 and abs(page.evaluate("scrollY") - y) < 3
    assert page.locator("select[name=dataset]").input_value() == "emotion"
    assert page.evaluate(UNFOLDED) == before and True in before
    watching.stop_reloading(page_file)
    page.reload()
    assert page.locator("script").count() == scripts - 1
    page.close()
    assert faults == []
