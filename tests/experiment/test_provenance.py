"""The recorded commit is that of the checkout that the code runs from, and says where files differ from it."""

import importlib.util
import shutil
import subprocess

import pytest
import torch

from healbert.experiment import provenance


@pytest.fixture
def checkout(tmp_path):
    """A git repository that holds a copy of the module alone: returns (git, the module's file)."""
    file = tmp_path / "provenance.py"
    shutil.copy(provenance.__file__, file)

    def git(*command):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@x", *command]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    return git, file


def commit_of(file):
    spec = importlib.util.spec_from_file_location("copied_provenance", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.git_commit()


def test_commit_and_whether_files_differ(checkout):
    git, file = checkout
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert commit_of(file) == head
    (file.parent / "notes.txt").write_text("of no consequence")
    assert commit_of(file) == head
    file.write_text(file.read_text() + "\n")
    assert commit_of(file) == head + "+"


def test_package_inside_of_a_repository_that_does_not_track_it_has_no_commit(checkout):
    git, file = checkout
    git("commit", "--quiet", "--allow-empty", "-m", "first")
    assert commit_of(file) is None


def test_a_device_is_called_what_torch_calls_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")  # none is here
    assert provenance.device_name(torch.device("cuda", 1)) == "GPU 1"
    assert provenance.device_name(torch.device("cpu")) == "cpu"
