"""How a command ends: no password in its message, and no traceback after Ctrl-C."""

import subprocess
import sys

import pytest

from healbert.utils.errors import UserError, exit_codes

TWICE = """
import atexit, os, signal
from healbert.utils.errors import exit_codes

atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))

def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)

exit_codes(main)
"""


def test_second_ctrl_c_shows_no_traceback():
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "interrupted: the same command starts again, a run from its last finished epoch\n"


@pytest.mark.parametrize(
    "address", ["https://me:hf_secret@hub.example/a", "https://hf_secret@hub.example", "http://a:hf_secret@b@c/"]
)
def test_passwords_in_addresses_are_masked(address, capsys):
    def main():
        raise UserError(f"no route to {address}; mail me@example.org")

    with pytest.raises(SystemExit) as ended:
        exit_codes(main)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and "hf_secret" not in error and "me@example.org" in error


def test_a_name_that_no_disk_takes_is_an_error_of_the_users(tmp_path, capsys):
    def main():
        (tmp_path / ("n" * 5000)).stat()

    with pytest.raises(SystemExit) as ended:
        exit_codes(main)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: the name is too long for a file: ") and len(error) < 200
