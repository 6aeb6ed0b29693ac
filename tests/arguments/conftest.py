"""Configuration files for the tests of the command line."""

import json

import pytest
import yaml


@pytest.fixture
def write(tmp_path):
    """Writes a configuration and returns its path: a dict as YAML or JSON, or a text as it is."""

    def write_config(settings, name="config.yaml"):
        dump = json.dumps if name.endswith(".json") else yaml.safe_dump
        path = tmp_path / name
        path.write_text(settings if isinstance(settings, str) else dump(settings), encoding="utf-8")
        return path

    return write_config
