"""Sweep files of small runs."""

import pytest
import yaml
from helpers.sweeps import QUICK


@pytest.fixture
def base(tiny_bert, csv_files):
    return {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "num_train_epochs": 1}


@pytest.fixture
def write_sweep(tiny_bert, csv_files, tmp_path):
    """Writes a sweep file of runs of a second or so; returns its path."""

    def write(name="sweep", base=(), **sections):
        path = tmp_path / f"{name}.yaml"
        common = {"model_name_or_path": tiny_bert, **csv_files, **QUICK, **dict(base)}
        path.write_text(yaml.safe_dump({"base": common, **sections}), encoding="utf-8")
        return path

    return write
