"""A password in HF_ENDPOINT stands in nothing that is printed or written, also where the Hub fails."""

import base64

import pytest
from helpers.small import run_module, to_flags

SECRET = "s3cret"


@pytest.fixture
def ask(hub, hub_environment):
    """Runs a command with a password in HF_ENDPOINT: (exit status, all that it said)."""
    # Of an address with a password, clients send that in place of the token.
    hub.users["Basic " + base64.b64encode(f"{SECRET}name:{SECRET}".encode()).decode()] = ("writer", "write")
    address = hub.endpoint.replace("://", f"://{SECRET}name:{SECRET}@")
    environment = hub_environment | {"HF_ENDPOINT": address, "HF_TOKEN": "hf_writer"}

    def run(*arguments):
        done = run_module(*arguments, timeout=300, **environment)
        assert SECRET not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def assert_nowhere(folder):
    holding = [path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not holding


@pytest.mark.slow
def test_a_run_that_the_hub_fails(stocked, by_id, ask, tmp_path):
    stocked.fail("GET", "resolve/.*config.json", 500)
    status, said = ask("run", *to_flags(by_id))
    assert status and "500" in said
    assert_nowhere(tmp_path / "run")
