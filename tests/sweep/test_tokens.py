"""Tokens of a sweep reach its runs, and nobody else: no file, process list, output or message shows them."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

import psutil
import pytest
import yaml
from helpers.small import ROOT, folder_files, run_module
from helpers.sweeps import QUICK, kill_group, start_sweep

from healbert.results.read import load_results
from healbert.sweep.tokens import PREFIX, token_files
from healbert.utils.output import safe

TOKEN = "hf_" + "AbcDefGhiJkl" * 3


class Watch:
    """Looks, while something runs, at every command line of the machine and at every file of some folders."""

    def __init__(self, *folders):
        self.folders, self.seen, self._over = folders, set(), threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.thread.join()

    def _look(self):
        while not self._over.wait(0.05):
            for process in psutil.process_iter():
                try:
                    if any(TOKEN in word for word in process.cmdline()):
                        self.seen.add(" ".join(process.cmdline()))
                except psutil.Error:
                    continue
            self.seen |= {str(path) for path in holding_token(*self.folders) if not is_private(path)}


def is_private(path):
    try:
        return path.name.startswith(PREFIX) and stat.S_IMODE(path.stat().st_mode) == 0o600
    except FileNotFoundError:
        return True


def holding_token(*folders):
    """The files of some folders that hold the token in some way of writing it down."""
    found = []
    for path in (path for folder in folders for path in pathlib.Path(folder).rglob("*")):
        try:
            if stat.S_ISREG(path.stat().st_mode) and TOKEN.encode() in path.read_bytes():
                found.append(path)
        except OSError:
            continue
    return found


@pytest.fixture
def gated_sweep(hub, hub_environment, tiny_bert, csv_files, tmp_path, monkeypatch):
    """A sweep file with a token in ``base``, of a model that nobody gets without it."""
    hub.users[TOKEN] = ("reader", "read")
    hub.create("someone/bert", "model", files=folder_files(tiny_bert), gated=True).readers.add("reader")
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    base = {"model_name_or_path": "someone/bert", **csv_files, **QUICK, "token": TOKEN, "hub_token": TOKEN}
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "sweep.yaml"
    path.write_text(yaml.safe_dump({"base": base, "grid": {"seed": [1]}}))
    return path


def run_watched(process, *folders):
    with Watch(*folders) as watch:
        try:
            output, _ = process.communicate(timeout=300)
        finally:
            kill_group(process)
    assert process.returncode == 0, output
    assert TOKEN not in output and not watch.seen
    assert not holding_token(*folders)


WAYS = {
    "local": [],
    "ray": ["--engine", "ray"],
    "slurm": ["--engine", "slurm", "--slurm", "cluster=local"],
    "accelerate": ["--run_launcher", "accelerate"],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["local", *(pytest.param(w, marks=pytest.mark.slow) for w in [*WAYS][1:])])
def test_token_reaches_the_runs_and_nothing_else(gated_sweep, tmp_path, monkeypatch, way):
    for name, library in (("ray", "ray"), ("slurm", "submitit")):
        if way == name:
            pytest.importorskip(library, reason=f"the {way} extra is not installed")
    scratch = tempfile.mkdtemp(prefix="hb")  # paths of Ray's sockets have to be short
    monkeypatch.setenv("RAY_TMPDIR", scratch)
    monkeypatch.setenv("TMPDIR", scratch)
    try:
        process = start_sweep(gated_sweep, tmp_path / "results", *WAYS[way], "--workers", "1")
        run_watched(process, tmp_path / "results", scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    assert load_results(tmp_path / "results")["status"].tolist() == ["completed"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["accelerate.commands.launch", "torch.distributed.run"])
def test_token_of_a_launched_run_stays_in_its_file(gated_sweep, tmp_path, launcher):
    settings = yaml.safe_load(gated_sweep.read_text())["base"]
    config = tmp_path / "config" / "run.yaml"
    config.write_text(yaml.safe_dump(settings))
    several = ["--multi_gpu", "--num_processes", "2"] if "accelerate" in launcher else ["--nproc_per_node", "2"]
    flags = ["--output_dir", str(tmp_path / "results" / "run")]
    command = [sys.executable, "-m", launcher, *several, str(ROOT / "run_corrupt_glue.py"), str(config), *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    run_watched(subprocess.Popen(command, start_new_session=True, env=os.environ, **pipes), tmp_path / "results")


def test_file_of_a_killed_sweep_is_removed_and_that_of_another_stays(tmp_path):
    left, notes, open_to_all = (tmp_path / (PREFIX + name) for name in ("left0_42", "notes.txt", "password"))
    for path in (left, notes, open_to_all):
        path.write_text("hf_old")
    left.chmod(0o600)
    notes.chmod(0o600)
    with token_files(tmp_path, {None}):
        assert sorted(tmp_path.iterdir()) == [notes, open_to_all]  # nobody's files but ours
    for path in (notes, open_to_all):
        path.unlink()
    with token_files(tmp_path, {"hf_one", None}) as first:
        assert [path.name.startswith(PREFIX) for path in tmp_path.iterdir()] == [True]
        with token_files(tmp_path, {"hf_two"}) as second:
            texts = {pathlib.Path(path).read_text() for path in (*first.values(), *second.values())}
            assert texts == {"hf_one", "hf_two"} and all(map(is_private, tmp_path.iterdir()))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "sections",
    [
        {"grid": {"token": "SECRET"}},
        {"base": {"token": ["SECRET", "other"]}, "grid": {"seed": [1]}},
        {"grid": {"token": ["SECRET"], "corrupt_level": [5]}},
        {"base": {"tokn": "SECRET"}, "grid": {"seed": [1]}},
    ],
    ids=["no list", "list in base", "refused run", "mistyped"],
)
def test_refused_sweeps_do_not_show_tokens(tmp_path, sections):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sections))
    done = run_module("sweep", path, "--dry_run")
    assert done.returncode == 2 and "SECRET" not in done.stdout + done.stderr, done.stderr


@pytest.mark.parametrize("command", ["sweep", "push", "ls", "report", "run"])
@pytest.mark.parametrize("flags", [["--tokn=SECRET"], ["--tokn", "SECRET"], ["--set", "token=[SECRET"]])
def test_mistyped_flags_do_not_show_tokens(tmp_path, command, flags):
    from healbert.cli.main import command as function
    from healbert.utils.errors import UserError

    if "--set" in flags:
        command = "sweep"
    argv = [str(tmp_path), *flags] if command != "run" else flags
    if command == "sweep":
        argv[0] = str(tmp_path / "sweep.yaml")
        (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"base": {}, "grid": {"seed": [1]}}))
    with pytest.raises(UserError) as refused:
        function(command)(argv)
    assert "SECRET" not in str(refused.value) and flags[0].partition("=")[0] in str(refused.value)


SPEAK = """
import logging, warnings
from healbert.utils.errors import exit_codes

def main():
    address = "https://me:PASSWORD@hub.example/a"
    warnings.warn(f"no route to {address}\\x1b[31m")
    logging.getLogger("huggingface_hub").warning("retrying %s", address)
    raise RuntimeError(f"{address} and TOKEN")

exit_codes(main)
"""


def test_passwords_and_tokens_are_masked_whoever_speaks():
    code = SPEAK.replace("TOKEN", TOKEN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and said.count("hub.example/a") >= 3 and "Traceback" in said
    assert not any(secret in said.partition("Traceback")[0] for secret in ("PASSWORD", "\x1b"))
    assert "RuntimeError: https://hub.example/a and hf_..." in said


def test_words_that_only_begin_like_a_token_stay():
    assert safe("install hf_transfer or hf_xet") == "install hf_transfer or hf_xet"
    assert safe(f"--token={TOKEN}, {TOKEN}") == "--token=hf_..., hf_..."
