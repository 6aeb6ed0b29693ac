"""`python -m healbert`: pictures redrawn from finished runs, and one clear line for every mistake."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers.features import make_file
from helpers.small import ROOT
from matplotlib.image import imread
from threadpoolctl import threadpool_limits

from healbert import UserError
from healbert.cli.main import COMMANDS, main
from healbert.cli.main import command as command_of


def healbert(*arguments, cwd=None, **environment):
    """Runs `python -m healbert` in a process; t-SNE in one thread."""
    return subprocess.run(
        [sys.executable, "-m", "healbert", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the command's main() in this process, which takes no imports; what it returns looks like a process."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["healbert", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    with threadpool_limits(1):
        yield call


def assert_refused(done, *named):
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False), done.stderr
    lines = done.stderr.strip().splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines, "one line, and nothing beside it"
    assert len(lines) == 1
    for part in named:
        assert str(part) in lines[0]


def put_run(folder, **settings):
    folder.mkdir()
    make_file(stages=("damaged", "healed"), **settings).write(folder / "features.npz")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of runs; only features.npz matters."""
    root = tmp_path_factory.mktemp("runs")
    damages = {"intact": {"level": 0.0}, "bottom": {"level": 0.5}, "top": {"level": 0.5, "region": "top"}}
    made = {name: put_run(root / name, **damage) for name, damage in damages.items()}
    return made | {"other": put_run(root / "other", names=("a", "b"), level=1.0)}


def test_one_run_is_drawn_again_into_its_folder(runs, tmp_path):
    folder = shutil.copytree(runs["bottom"], tmp_path / "run")
    done = healbert("tsne", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder / 'tsne.png'}\n"
    assert imread(folder / "tsne.png").std() > 0.01
    assert {path.name for path in folder.iterdir()} == {"features.npz", "tsne.png"}


def test_perplexity_of_ones_own(command, runs, tmp_path):
    for name, flags in {"own.png": [], "same.png": ["--perplexity", 5], "other.png": ["--perplexity", 9]}.items():
        done = command("tsne", runs["bottom"], "-o", tmp_path / name, *flags)
        assert done.returncode == 0, done.stderr
    own, same, other = (imread(tmp_path / name) for name in ("own.png", "same.png", "other.png"))
    assert np.array_equal(own, same) and not np.array_equal(own, other)


def test_several_runs_are_drawn_side_by_side_here(command, runs, tmp_path):
    three = [runs[name] for name in ("top", "intact", "bottom")]
    done = healbert("tsne", *three, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tsne.png\n", "")
    before = command("tsne", *three, "--stage", "damaged", "--output", tmp_path / "before.png")
    assert (before.returncode, before.stdout) == (0, f"{tmp_path / 'before.png'}\n")
    healed, damaged = imread(tmp_path / "tsne.png"), imread(tmp_path / "before.png")
    assert healed.shape == damaged.shape and not np.array_equal(healed, damaged)
    assert healed.shape[0] > healed.shape[1], "two levels across, two regions down and a legend"
    assert not any((run / "tsne.png").exists() for run in three)


def test_seeds_lie_down_as_the_results_say(command, tmp_path):
    folders = [put_run(tmp_path / f"{level}-{seed}", level=level) for level in (0.0, 0.5) for seed in (1, 2)]
    for folder in folders:
        config = {"seed": int(folder.name[-1]), "corrupt_seed": int(folder.name[-1])}
        (folder / "results.json").write_text(json.dumps({"config": config}))
    done = command("tsne", *folders, "-o", tmp_path / "seeds.svg")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "seeds.svg").read_text()
    assert [text.count(f", seed {seed} -->") for seed in (1, 2, 0)] == [2, 2, 0] and "corrupt_seed" not in text
    again = command("tsne", *folders, folders[0], "-o", tmp_path / "again.png")
    assert again.returncode == 2 and "same damage (intact, seed 1)" in again.stderr


def test_one_run_with_points_enough_is_drawn_beside_one_without(command, runs, tmp_path):
    few = put_run(tmp_path / "few", level=0.25, size=12)
    done = command("tsne", few, runs["bottom"], "--perplexity", 15, "-o", tmp_path / "x.svg")
    assert done.returncode == 0 and "too few points: 12 examples," in (tmp_path / "x.svg").read_text()
    alone = command("tsne", few, "--perplexity", 15, "-o", tmp_path / "y.svg")
    assert alone.returncode == 2 and "perplexity 15 is too large for 12 examples" in alone.stderr


@pytest.mark.parametrize("ending, start", [("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")])
def test_picture_is_of_the_kind_that_its_name_says(command, runs, tmp_path, ending, start):
    done = command("tsne", runs["bottom"], "-o", tmp_path / f"x.{ending}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"x.{ending}").read_bytes().startswith(start)


REFUSED = {
    "no such folder": (["tsne", "{root}/nowhere"], ["nowhere/features.npz does not exist", "--tsne"]),
    "run without features": (["tsne", "{bottom}", "{root}"], ["features.npz does not exist"]),
    "folder of the picture missing": (["tsne", "{bottom}", "-o", "{root}/no/x.png"], ["--output", "no does not exist"]),
    "folder as picture": (["tsne", "{bottom}", "-o", "{root}"], ["--output", "is a folder"]),
    "picture of another kind": (["tsne", "{bottom}", "-o", "{root}/x.jpg"], ["--output", "x.jpg", ".png, .pdf, .svg"]),
    "picture without an ending": (["tsne", "{bottom}", "-o", "{root}/x"], ["--output", ".png, .pdf, .svg"]),
    "folder that cannot be written": (["tsne", "{bottom}", "-o", "/proc/x.png"], ["/proc/x.png cannot be written"]),
    "file in place of a folder": (["tsne", "{bottom}/features.npz"], ["features.npz is a file", "folder of a run"]),
    "other labels": (["tsne", "{bottom}", "{other}"], ["different labels"]),
    "same run twice": (["tsne", "{bottom}", "{bottom}"], ["two runs show the same damage (bottom 50% damaged)"]),
    "perplexity too large": (
        ["tsne", "{bottom}", "--perplexity", "24"],
        ["perplexity 24 is too large for 24 examples", "try --perplexity 6"],
    ),
    "perplexity of zero": (["tsne", "{bottom}", "--perplexity", "0"], ["perplexity"]),
    "negative perplexity": (["tsne", "{bottom}", "--perplexity", "-3"], ["perplexity"]),
    "perplexity that is none": (["tsne", "{bottom}", "--perplexity", "much"], ["--perplexity", "much"]),
}


@pytest.mark.parametrize("flags, named", REFUSED.values(), ids=REFUSED.keys())
def test_runs_that_cannot_be_drawn_are_refused(command, runs, tmp_path, monkeypatch, flags, named):
    monkeypatch.chdir(tmp_path)
    places = {"root": tmp_path, **runs}
    before = {path: path.stat().st_mtime_ns for path in runs["bottom"].parent.rglob("*")}
    assert_refused(command(*(flag.format(**places) for flag in flags)), *named)
    assert not list(tmp_path.iterdir())
    assert {path: path.stat().st_mtime_ns for path in runs["bottom"].parent.rglob("*")} == before


MISTYPED = {
    "command": (["tnse"], ["command 'tnse'", "did you mean 'tsne'"]),
    "flag in place of a command": (["--runs"], ["--runs"]),
    "no folder": (["tsne"], ["DIR", "--help"]),
    "unknown flag": (["tsne", "x", "--colour", "red"], ["--colour", "--help"]),
    "mistyped flag": (["tsne", "x", "--stge", "healed"], ["--stge", "did you mean '--stage'"]),
    "abbreviated flag": (["tsne", "x", "--perp", "3"], ["--perp"]),
    "unknown stage": (["tsne", "x", "--stage", "heeled"], ["--stage", "heeled", "healed"]),
}


@pytest.mark.parametrize("flags, named", MISTYPED.values(), ids=MISTYPED.keys())
def test_mistyped_commands_are_refused(command, flags, named):
    assert_refused(command(*flags), *named)


def test_unknown_command_in_a_process():
    assert_refused(healbert("tnse"), "command 'tnse'", "did you mean 'tsne'")


@pytest.mark.parametrize("flags", [[], ["--help"], ["-h"]], ids=["nothing", "--help", "-h"])
def test_help_lists_every_command(command, flags):
    done = command(*flags)
    assert (done.returncode, done.stderr) == (0, "")
    for name in COMMANDS:
        assert name in done.stdout and command_of(name).__doc__.splitlines()[0] in done.stdout


def test_help_of_tsne_explains_its_flags():
    done = healbert("tsne", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("python -m healbert tsne", "DIR", "--output", "--stage {damaged,healed}", "--perplexity"):
        assert part in done.stdout


def test_damaged_file_shows_its_traceback_to_developers_alone(command, tmp_path, monkeypatch):
    pathlib.Path(tmp_path, "features.npz").write_text("no archive")
    assert_refused(command("tsne", tmp_path), tmp_path / "features.npz", "damaged")
    monkeypatch.setenv("HEALBERT_DEBUG", "1")
    with pytest.raises(UserError, match="damaged"):
        command("tsne", tmp_path)


def test_missing_file_in_a_process(tmp_path):
    assert_refused(healbert("tsne", tmp_path), tmp_path / "features.npz", "does not exist; make the run with --tsne")


def test_missing_file_is_found_out_without_torch(tmp_path):
    # Importing torch and transformers takes many seconds.
    code = """
import sys
from healbert.cli.main import main
sys.argv[1:] = ["tsne", "nowhere"]
try:
    main()
finally:
    print({"torch", "transformers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout) == (2, "set()\n"), done.stderr


def test_a_report_needs_no_torch():
    rooms = ["analysis.analysis", "report.figures", "report.formats", "report.tables"]
    code = f"import sys; {'; '.join(f'import healbert.{room}' for room in rooms)}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert done.returncode == 0
