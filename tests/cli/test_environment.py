"""`healbert env`: what a report of a problem needs, and nothing private."""

import pathlib
import sys

import pytest

from healbert.cli.env import describe_environment
from healbert.cli.main import main


@pytest.fixture
def output(monkeypatch, capsys):
    def call():
        monkeypatch.setattr(sys, "argv", ["healbert", "env"])
        main()
        return capsys.readouterr().out

    return call


def test_versions_devices_caches_and_hub(hub, output):
    lines = dict(line.split(maxsplit=1) for line in output().splitlines())
    import torch

    assert lines["torch"] == torch.__version__ and lines["python"] == sys.version.split()[0]
    text = output()
    assert f"{hub.endpoint}, answers with status 200" in text
    assert "CPU cores" in text and "GPUs" in text and "cache of datasets" in text


def test_no_token_no_home_no_password(hub, output, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    for name in ("HF_HUB_CACHE", "HF_TOKEN_PATH"):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", str(pathlib.Path.home() / "somewhere"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(pathlib.Path.home()))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint.replace("://", "://user:secret@"))
    text = output()
    assert "hf_writer" not in text and "secret" not in text and str(pathlib.Path.home()) not in text
    assert "Hub token               found" in text and "~/somewhere" in text
    assert not any("hf_writer" in (request.token or "") for request in hub.requests), "asking needs no token"


def test_unreachable_hub_and_offline(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "not reached (ConnectError)" in describe_environment()["Hub"]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert describe_environment()["Hub"] == "http://127.0.0.1:9, not asked"
