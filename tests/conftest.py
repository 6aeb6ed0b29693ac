"""Real small parts: a tiny pretrained BERT on disk, and a two-class data set in files."""

import os
import pathlib
import random
import string
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

WORDS = {
    "good": "good great lovely warm bright fine sweet superb".split(),
    "bad": "bad awful dull cold grim poor bitter dreadful".split(),
}
FILLER = "the film was a story of people in town and we saw it once more".split()


def make_rows(count, seed=0, words=WORDS):
    """Sentences whose class shows in one word: a list of (text, label name)."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        label = sorted(words)[i % len(words)]
        text = [rng.choice(FILLER) for _ in range(rng.randint(2, 14))]
        text.insert(rng.randrange(len(text) + 1), rng.choice(words[label]))
        rows.append((" ".join(text), label))
    return rows


def write_csv(path, rows):
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


def save_tiny_bert(folder, num_hidden_layers=4, **options):
    """Writes a BertModel of hidden size 32 and a WordPiece tokenizer that knows the words above."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list(string.ascii_lowercase) + [f"##{c}" for c in string.ascii_lowercase]
    words = sorted({*FILLER, *sum(WORDS.values(), [])} - set(letters))
    vocabulary = {token: i for i, token in enumerate(specials + letters + words)}
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=num_hidden_layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        **options,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("model") / "tiny-bert")


@pytest.fixture(scope="session")
def csv_files(tmp_path_factory):
    """Flags that name a training file (96 rows) and a validation file (42 rows)."""
    folder = tmp_path_factory.mktemp("data")
    return {
        "train_file": write_csv(folder / "train.csv", make_rows(96, seed=1)),
        "validation_file": write_csv(folder / "validation.csv", make_rows(42, seed=2)),
    }


@pytest.fixture
def cell_flags(tiny_bert, csv_files, tmp_path):
    """Settings of a cell that takes a second or two, as keywords of `make_arguments`."""
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "output_dir": str(tmp_path / "cell"),
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
    }


def to_flags(settings):
    """The command line of a dict of settings."""
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


def run_script(*arguments, timeout=120, **environment):
    """Runs run_corrupt_glue.py as a user would; returns the finished process with its text output."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run_corrupt_glue.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )


def run_module(*arguments, timeout=120, **environment):
    """Runs `python -m healbert` as a user would; returns the finished process with its text output."""
    return subprocess.run(
        [sys.executable, "-m", "healbert", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.fixture(scope="session")
def full_sweep(tmp_path_factory):
    """Two datasets, all levels, two learning rates, three seeds; one failed and one diverged cell; some with probes."""
    from report_cells import Maker, add_insides

    maker = Maker(tmp_path_factory.mktemp("sweep") / "cells").sweep()
    for folder in sorted(maker.root.iterdir())[:12]:
        add_insides(folder)
    maker.cell("sst2", 0.5, "top", 1e-5, 0, status="failed")
    maker.cell("emotion", 0.25, "top", 1e-5, 0, status="diverged")
    return maker.root


@pytest.fixture(scope="session")
def full_content(full_sweep):
    from healbert.report import make_content

    return make_content(full_sweep)


@pytest.fixture(scope="session")
def shared_data():
    if not SHARED_DATA.is_dir():
        pytest.skip("real datasets (../shared/data) are not here")
    return SHARED_DATA


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub on loopback that this process's clients use, with empty caches and nobody logged in."""
    import datasets
    import huggingface_hub.constants as constants
    from hub_server import Hub
    from huggingface_hub import hf_api
    from huggingface_hub.utils import _http

    from healbert.hub import resolve_commit

    monkeypatch.delenv("HF_TOKEN", raising=False)
    with Hub() as server:
        values = {
            "ENDPOINT": server.endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "hub-cache"),
            "HF_TOKEN_PATH": str(tmp_path / "no-token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
        }
        for name, value in values.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(hf_api.api, "endpoint", server.endpoint)
        monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # it keeps the endpoint of its first use
        monkeypatch.setattr(_http, "_HUB_ORIGINS", frozenset([_http._url_origin(server.endpoint)]))
        values = {"HF_ENDPOINT": server.endpoint, "HF_HUB_OFFLINE": False, "HF_UPDATE_DOWNLOAD_COUNTS": False}
        values["HF_DATASETS_CACHE"] = str(tmp_path / "datasets-cache")
        for name, value in values.items():
            monkeypatch.setattr(datasets.config, name, value)
        resolve_commit.cache_clear()
        yield server
        resolve_commit.cache_clear()
        _http.close_session()  # the next server may get the same port


@pytest.fixture
def hub_environment(hub, tmp_path):
    """The environment of a process that uses the ``hub``; it shares the caches of this process's clients."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hf-home"),
        "HF_HUB_CACHE": str(tmp_path / "hub-cache"),
        "HF_DATASETS_CACHE": str(tmp_path / "datasets-cache"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }


def folder_files(folder):
    """The files of a folder as `Hub.create` takes them: a dict from path to bytes."""
    paths = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
