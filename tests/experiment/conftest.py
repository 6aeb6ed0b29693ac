"""Finished runs that the tests of this folder share."""

import pathlib
import shutil

import pytest
from helpers.runs import EPOCHS, run_with


@pytest.fixture(scope="session")
def settings(tiny_bert, csv_files):
    """A run of four epochs; the tests add an output_dir."""
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
        "disable_tqdm": True,
    }


@pytest.fixture(scope="session")
def run(settings, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_with(settings, output_dir=str(folder))
    return folder


@pytest.fixture
def run_copy(run, tmp_path):
    return pathlib.Path(shutil.copytree(run, tmp_path / "copy"))


@pytest.fixture(scope="session")
def with_checkpoints(settings, tmp_path_factory):
    """The run with the checkpoints of all its epochs, to be copied and rewound."""
    folder = tmp_path_factory.mktemp("runs") / "checkpoints"
    run_with(settings, output_dir=str(folder), save_model=True, save_total_limit=EPOCHS)
    return folder
