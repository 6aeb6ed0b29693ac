"""Two small finished runs with hostile labels, and the command as a user types it."""

import shutil
import sys

import pytest
from helpers.publish import LABELS
from helpers.small import make_rows, write_csv

from healbert import make_arguments, run_experiment
from healbert.cli.main import main


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Flags that name files whose labels are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = {"train": make_rows(96, seed=1), "validation": make_rows(42, seed=2)}
    return {
        f"{split}_file": write_csv(folder / f"{split}.csv", [(text, LABELS[label]) for text, label in made])
        for split, made in rows.items()
    }


@pytest.fixture(scope="session")
def flags(tiny_bert, files):
    return {
        "model_name_or_path": tiny_bert,
        **files,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "save_model": True,
        "use_cpu": True,
        "torch_num_threads": 1,
    }


@pytest.fixture(scope="session")
def runs(flags, tmp_path_factory):
    """A folder with a damaged and an intact run, finished and with their models."""
    root = tmp_path_factory.mktemp("runs")
    for name, level in {"damaged": 0.5, "intact": 0.0}.items():
        run_experiment(make_arguments(**flags | {"corrupt_level": level, "output_dir": str(root / name)}))
    return root


@pytest.fixture
def run(runs, tmp_path):
    return shutil.copytree(runs / "damaged", tmp_path / "damaged-run")


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `healbert` in this process: returns (status, output, last line of the error output)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["healbert", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code
        output, errors = capsys.readouterr()
        assert "Traceback" not in errors
        return status, output, (errors.strip().splitlines() or [""])[-1]

    return call
