"""A password in HF_ENDPOINT stands in nothing that is printed or written, also where the Hub fails."""

import base64

import pytest
import yaml
from helpers.small import run_module, to_flags

SECRET = "s3cret"
BLOB = "/blob/"  # where files come from


@pytest.fixture
def ask(hub, hub_environment):
    """Runs a command with a password in HF_ENDPOINT: (exit status, all that it said)."""
    # Of an address with a password, clients send that in place of the token.
    hub.users["Basic " + base64.b64encode(f"{SECRET}name:{SECRET}".encode()).decode()] = ("writer", "write")
    address = hub.endpoint.replace("://", f"://{SECRET}name:{SECRET}@")
    environment = hub_environment | {"HF_ENDPOINT": address, "HF_TOKEN": "hf_writer", "HF_DEBUG": "1"}

    def run(*arguments):
        done = run_module(*arguments, timeout=300, **environment)
        assert SECRET not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def assert_nowhere(folder):
    holding = [path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not holding


@pytest.mark.slow
def test_run_push_ls_and_report(stocked, by_id, ask, tmp_path):
    status, said = ask("run", *to_flags(by_id), "--push_to_hub", "--hub_model_id", "healed")
    assert status == 0, said
    assert "writer/healed" in said
    stocked.fail("POST", "commit", 500)
    assert ask("push", by_id["output_dir"], "--hub_model_id", "again")[0] != 0
    assert ask("ls", tmp_path)[0] == 0
    assert ask("report", tmp_path / "run", "-o", tmp_path / "report")[0] == 0
    assert_nowhere(tmp_path / "run")
    assert_nowhere(tmp_path / "report")
    (pushed,) = [one for (kind, name), one in stocked.repositories.items() if name == "writer/healed"]
    content = pushed.commits[pushed.branches["main"]]
    assert not [path for path, blob in content.items() if SECRET.encode() in blob.content]


@pytest.mark.slow
@pytest.mark.parametrize("path", [BLOB, "config.json"])
def test_a_run_that_the_hub_fails(stocked, by_id, ask, tmp_path, path):
    stocked.fail("GET", path, 500)
    status, said = ask("run", *to_flags(by_id))
    assert status and "500" in said
    assert_nowhere(tmp_path / "run")


@pytest.mark.slow
def test_a_sweep_that_the_hub_fails(stocked, by_id, ask, tmp_path):
    stocked.fail("GET", BLOB, 500)
    by_id.pop("output_dir")
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(yaml.safe_dump({"base": by_id, "grid": {"seed": [1, 2]}}))
    status, said = ask("sweep", sweep, "--output_dir", tmp_path / "runs", "--workers", "1")
    assert status == 2 and "500" in said
    assert_nowhere(tmp_path / "runs")
