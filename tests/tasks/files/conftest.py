"""What the tests of readers share."""

import pytest

from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError


@pytest.fixture
def put(tmp_path):
    """Writes text or bytes to a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.fixture
def rows_of(put, tmp_path):
    """The rows that a file of this name and content holds: {column: values}."""

    def read(name, content, **options):
        rows, found = read_file(put(name, content), ReadOptions(**options), tmp_path / "cache")
        assert found.rows == len(rows)
        return rows[:]

    return read


@pytest.fixture
def refusal(rows_of):
    """The message that a file of this name and content is refused with, its folder left out."""

    def read(name, content, **options):
        with pytest.raises(UserError) as caught:
            rows_of(name, content, **options)
        message = str(caught.value)
        assert message.count(name) == 1
        return message[message.index(name) :]

    return read
