"""Without the Hub: what is cached works, what is missing is listed at once, and no call leaves the machine."""

import json
import re
import shlex
import socket
import subprocess
import sys
import warnings

import pytest
from helpers.pull import load_bert, load_texts, parquet
from helpers.small import ROOT, folder_files, run_script, to_flags

from healbert import UserError, make_arguments, run_experiment
from healbert.experiment.offline import require_hub_or_cache
from healbert.hub.cache import model_is_cached
from healbert.hub.reach import hub_is_off, work_offline_if_unreachable

# Put before everything else in a child process: connections are noted in a file and fail.
NO_SOCKETS = """
import os, socket

def refuse(self, address, *rest):
    if self.family == socket.AF_UNIX:
        return connect(self, address, *rest)
    with open(os.environ["CONNECTIONS"], "a") as file:
        file.write(f"{address}\\n")
    raise OSError("no sockets here")

connect, socket.socket.connect, socket.socket.connect_ex = socket.socket.connect, refuse, refuse

def refuse_name(host, *rest, **options):
    with open(os.environ["CONNECTIONS"], "a") as file:
        file.write(f"{host}\\n")
    raise socket.gaierror("no names here")

socket.getaddrinfo = refuse_name
"""


@pytest.fixture
def no_sockets(tmp_path):
    """Environment of a process that cannot connect; CONNECTIONS is the file that notes each attempt."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_SOCKETS)
    return {"PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}", "CONNECTIONS": str(tmp_path / "connections")}


@pytest.fixture
def offline(stocked, monkeypatch):  # noqa: F811
    """Takes this process off the Hub when it is called."""

    def switch():
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        from healbert.hub.reach import resolve_commit

        resolve_commit.cache_clear()
        stocked.requests.clear()

    return switch


def test_blocked_sockets_are_noted(no_sockets, tmp_path):
    command = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    done = subprocess.run(command, capture_output=True, text=True, env=no_sockets)
    assert "no names here" in done.stderr and (tmp_path / "connections").read_text() == "127.0.0.1\n"


def test_offline_run_has_the_same_figures_and_calls_nobody(by_id, hub_environment, no_sockets, stocked, tmp_path):  # noqa: F811
    online = run_experiment(make_arguments(**by_id))
    asked = len(stocked.requests)
    environment = hub_environment | no_sockets | {"HF_HUB_OFFLINE": "1"}
    done = run_script(*to_flags(by_id | {"output_dir": tmp_path / "offline"}), **environment)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "offline" / "results.json").read_text())
    assert results["metrics"] == json.loads(json.dumps(online["metrics"]))
    assert (results["model"]["commit"], results["task"]["commit"]) == (
        online["model"]["commit"],
        online["task"]["commit"],
    )
    assert not (tmp_path / "connections").exists(), (tmp_path / "connections").read_text()
    assert len(stocked.requests) == asked


def test_run_on_folders_and_files_calls_nobody(run_flags, no_sockets, tmp_path):
    environment = no_sockets | {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf-home")}
    done = run_script(*to_flags(run_flags | {"num_train_epochs": 1}), **environment)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "connections").exists(), (tmp_path / "connections").read_text()


def test_unreachable_hub_is_done_without(by_id, stocked, monkeypatch, tmp_path):  # noqa: F811
    online = run_experiment(make_arguments(**by_id))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.warns(UserWarning, match="no route"):
            again = run_experiment(make_arguments(**by_id | {"output_dir": str(tmp_path / "again")}))
    assert again["metrics"] == online["metrics"]


# What is missing


MISSING = {
    "nothing cached": (
        {},
        ["model 'someone/bert' (fetch it with: hf download someone/bert)", "dataset 'someone/texts'"],
    ),
    "revisions": (
        {"model_revision": "v2", "data_revision": "v3", "cache_dir": "some where"},
        ["hf download someone/bert --revision v2 --cache-dir 'some where'", "--repo-type dataset --revision v3)"],
    ),
    "tokenizer of its own": (
        {"tokenizer_name": "someone/words"},
        ["tokenizer 'someone/words'", "model 'someone/bert'"],
    ),
}


@pytest.mark.parametrize("settings, named", MISSING.values(), ids=MISSING.keys())
def test_everything_missing_is_in_one_error(by_id, stocked, offline, tmp_path, settings, named):  # noqa: F811
    offline()
    with pytest.raises(UserError) as refused:
        run_experiment(make_arguments(**by_id | settings))
    assert all(part in str(refused.value) for part in named), refused.value
    assert not stocked.requests and not (tmp_path / "run").exists()


def test_what_is_there_is_not_listed(by_id, offline):  # noqa: F811
    load_bert()
    offline()
    with pytest.raises(UserError) as refused:
        require_hub_or_cache(make_arguments(**by_id))
    assert "dataset 'someone/texts'" in str(refused.value) and "model 'someone/bert'" not in str(refused.value)


@pytest.mark.slow
def test_commands_in_the_error_fetch_what_is_missing(by_id, hub_environment, offline):  # noqa: F811
    offline()
    with pytest.raises(UserError) as refused:
        require_hub_or_cache(make_arguments(**by_id))
    commands = re.findall(r"fetch it with: (hf download [^)]*)\)", str(refused.value))
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "huggingface_hub.cli.hf", *shlex.split(command)[1:]],
            capture_output=True,
            text=True,
            env={"PATH": "", **hub_environment},
        )
        assert done.returncode == 0, done.stderr
    offline()
    assert run_experiment(make_arguments(**by_id))["status"] == "completed"


def test_offline_data_is_of_the_revision_that_was_asked_for(stocked, offline, tmp_path):  # noqa: F811
    from helpers.small import make_rows

    repository = stocked.repositories["dataset", "someone/texts"]
    first = repository.branches["main"]
    stocked.add(repository, {"validation.parquet": parquet(make_rows(20, seed=3), tmp_path / "new.parquet")})
    newest, oldest = load_texts(), load_texts(data_revision=first)
    offline()
    assert load_texts(data_revision=first).fingerprint == oldest.fingerprint
    assert load_texts().fingerprint == newest.fingerprint != oldest.fingerprint
    assert load_texts().commit == newest.commit and not stocked.requests


def test_half_a_dataset_is_not_taken_for_the_whole(stocked, offline):  # noqa: F811
    from huggingface_hub import hf_hub_download

    rows = stocked.repositories["dataset", "someone/texts"].files()
    parts = {f"data/train-0000{part}-of-00002.parquet": rows["train.parquet"] for part in (0, 1)}
    parts["data/validation-00000-of-00001.parquet"] = rows["validation.parquet"]
    stocked.create("someone/texts", "dataset", files=parts)
    for name in ("data/train-00000-of-00002.parquet", "data/validation-00000-of-00001.parquet"):
        hf_hub_download("someone/texts", name, repo_type="dataset")
    offline()
    with pytest.raises(UserError, match="someone/texts"):
        load_texts()


BYTES = {
    "of bytes": ({"tokenizer_config.json": {"tokenizer_class": "ByT5Tokenizer"}}, True),
    "of characters": ({"tokenizer_config.json": {"tokenizer_class": "CanineTokenizer"}}, True),
    "known by the model": ({"tokenizer_config.json": {}, "config.json": {"model_type": "canine"}}, True),
    "of words": ({"tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}, False),
    "of a library that may be missing": ({"tokenizer_config.json": {"tokenizer_class": "MarianTokenizer"}}, False),
    "no class of its own": ({"tokenizer_config.json": {"tokenizer_class": "AutoTokenizer"}}, False),
    "no object": ({"tokenizer_config.json": []}, False),
}


@pytest.mark.parametrize("files, cached", BYTES.values(), ids=BYTES.keys())
def test_tokenizer_of_bytes_needs_no_vocabulary(hub, files, cached):
    from huggingface_hub import hf_hub_download

    content = {name: json.dumps(value).encode() for name, value in files.items()}
    commit = hub.add(hub.create("someone/bytes"), content)
    assert not model_is_cached("someone/bytes", commit, parts=["tokenizer"]), "nothing was downloaded yet"
    for name in files:
        hf_hub_download("someone/bytes", name)
    assert model_is_cached("someone/bytes", commit, parts=["tokenizer"]) == cached


PROXIES = {
    "of the scheme": ({"HTTP_PROXY": "http://p:1"}, False),
    "of every scheme": ({"ALL_PROXY": "http://p:1"}, False),
    "of another scheme": ({"HTTPS_PROXY": "http://p:1"}, True),
    "not for this host": ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "127.0.0.1"}, True),
}


@pytest.mark.parametrize("environment, off", PROXIES.values(), ids=PROXIES.keys())
def test_hub_behind_a_proxy_is_not_given_up(monkeypatch, environment, off):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # so that what is set below is undone
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work_offline_if_unreachable()
    assert hub_is_off() == off


@pytest.mark.parametrize("address", ["huggingface.co", "https://", "https://host:99999"])
def test_endpoint_that_is_no_address_is_refused(monkeypatch, address):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    with pytest.raises(UserError, match=f"HF_ENDPOINT is '{address}'"):
        work_offline_if_unreachable()


def test_model_is_cached_only_with_all_its_shards(hub, tiny_bert):
    from huggingface_hub import hf_hub_download

    files = folder_files(tiny_bert)
    index = {"weight_map": {"a": "model-00001.safetensors", "b": "model-00002.safetensors"}}
    shards = dict.fromkeys(index["weight_map"].values(), files["model.safetensors"])
    del files["model.safetensors"]
    files |= shards | {"model.safetensors.index.json": json.dumps(index).encode()}
    commit = hub.add(hub.create("someone/bert"), files)
    for name in ("config.json", "tokenizer.json", "model.safetensors.index.json", "model-00001.safetensors"):
        hf_hub_download("someone/bert", name)
    assert model_is_cached("someone/bert", commit, parts=("config", "tokenizer"))
    assert not model_is_cached("someone/bert", commit) and not model_is_cached("someone/bert", None)
    hf_hub_download("someone/bert", "model-00002.safetensors")
    assert model_is_cached("someone/bert", commit)
