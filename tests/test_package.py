"""The package as others get it: built, installed into an environment of its own, used from another folder."""

import os
import pathlib
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest
import yaml
from helpers.docs import copy_repository
from helpers.small import ROOT

from healbert import __version__

pytestmark = pytest.mark.slow
# A healbert that is found through the environment would hide what the wheel lacks.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}


def run(*command, cwd, timeout=300):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the source archive of this repository, with the setuptools that is here: no network."""
    source = copy_repository(tmp_path_factory.mktemp("source"))
    run(sys.executable, "-m", "build", "--no-isolation", cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel, tmp_path_factory):
    """The folder of commands of a fresh environment that has the wheel, and borrows its requirements from here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    paths = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    pathlib.Path(paths.strip(), "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin"


def test_wheel_holds_all_files_of_the_package(wheel):
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "healbert").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours
    assert any(name.startswith("healbert/report/templates/") for name in packed)


def test_the_installed_command_makes_a_run_and_its_report(scripts, tmp_path):
    where = run(scripts / "python", "-c", "import healbert; print(healbert.__file__)", cwd=tmp_path)
    assert pathlib.Path(where.strip()).is_relative_to(scripts.parent)
    assert "sweep" in run(scripts / "healbert", "--help", cwd=tmp_path)
    short = "--max_train_samples 60 --max_eval_samples 60 --num_train_epochs 1 --output_dir runs/one".split()
    printed = run(scripts / "healbert", "run", "--corrupt_level", 0.5, *short, cwd=tmp_path)
    assert "bottom 50%" in printed and "completed" in printed
    run(scripts / "healbert", "report", "runs/one", cwd=tmp_path)
    page = (tmp_path / "runs" / "one" / "report" / "report.html").read_text(encoding="utf-8")
    assert "<style" in page and "docstrings" in page


def test_citation_has_the_version_of_the_package(wheel):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == __version__ and f"-{__version__}-" in wheel.name
