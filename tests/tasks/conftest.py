"""What the tests of reading data share."""

import pandas
import pytest
from helpers.data import WRITERS

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import load_task


@pytest.fixture
def load(tmp_path):
    """Calls `load_task` with settings of `DataArguments`; the cache lies in the test's own folder."""

    def call(selection="best_eval", dev_fraction=0.1, **settings):
        model = ModelArguments(cache_dir=str(tmp_path / "cache"))
        return load_task(DataArguments(**settings), model, selection, dev_fraction)

    return call


@pytest.fixture
def put(tmp_path):
    """Writes one frame (or raw text, or bytes) to a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, (str, bytes)):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            WRITERS[path.suffix[1:]](pandas.DataFrame(content), path)
        return str(path)

    return write
