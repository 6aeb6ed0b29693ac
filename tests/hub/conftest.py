"""A Hub on loopback that has a model and a data set, and the settings of a run that loads both by id."""

import pytest
from helpers.pull import parquet
from helpers.small import folder_files, make_rows


@pytest.fixture
def texts(tmp_path):
    """The files of a dataset repository: 96 and 42 examples."""
    sizes = {"train": (96, 1), "validation": (42, 2)}
    return {f"{s}.parquet": parquet(make_rows(n, seed), tmp_path / f"{s}.parquet") for s, (n, seed) in sizes.items()}


@pytest.fixture
def stocked(hub, tiny_bert, texts):
    """The ``hub`` with someone/bert and someone/texts."""
    hub.create("someone/bert", files=folder_files(tiny_bert))
    hub.create("someone/texts", "dataset", files=texts)
    return hub


@pytest.fixture
def by_id(tmp_path):
    return {
        "model_name_or_path": "someone/bert",
        "dataset_name": "someone/texts",
        "output_dir": str(tmp_path / "run"),
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
    }
