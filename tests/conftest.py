"""Real small parts: a tiny pretrained BERT on disk, and a two-class data set in files."""

import importlib
import os
import signal
import subprocess

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from helpers.small import SHARED_DATA, make_rows, save_tiny_bert, write_csv

ROOMS_WITH_TABLES = (
    *("damage.methods", "damage.regions", "damage.components", "healing.strategies", "tasks.table", "tasks.types"),
    *("report.tables", "report.figures", "report.formats", "sweep.engines", "tracking"),
)
BUILT_IN = pytest.StashKey()


def entries():
    """What each table holds, as it was registered; what is built in is imported first."""
    from healbert.utils import registry

    for room in ROOMS_WITH_TABLES:
        importlib.import_module(f"healbert.{room}")
    return {kind: dict(table._registered) for kind, table in registry._tables.items()}


def pytest_collection(session):
    session.stash[BUILT_IN] = entries()


def pytest_collection_finish(session):
    """An entry that a test module registers while it is imported would be there for every other module."""
    if entries() != session.stash[BUILT_IN]:
        raise pytest.UsageError("a test module registers entries while it is imported; let a fixture do it")


@pytest.fixture(autouse=True, scope="module")
def plugins_stay_in_their_module():
    """Takes out of the tables what a module's tests put in; what is built in is imported first, so that it stays."""
    from healbert.arguments import plugins
    from healbert.utils import registry

    kept = entries()
    names = dict(plugins.REGISTERED)
    yield
    plugins.REGISTERED.clear()
    plugins.REGISTERED.update(names)
    for kind, table in registry._tables.items():
        table._registered, table._made = kept.get(kind, {}), {}


@pytest.fixture(autouse=True, scope="session")
def machine_of_its_own(tmp_path_factory):
    """Sweeps of the tests share the machine with each other, and not with those that somebody runs beside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("machine")))
        yield


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


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    """40 texts without labels, one a line, a blank line among them."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(text for text, _ in make_rows(20, seed=7)) + "\n\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text, _ in make_rows(20, seed=8))
    return str(path)


@pytest.fixture
def run_flags(tiny_bert, csv_files, tmp_path):
    """Settings of a run that takes a second or two, as keywords of `make_arguments`."""
    return {
        "model_name_or_path": tiny_bert,
        **csv_files,
        "output_dir": str(tmp_path / "run"),
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
    }


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 1.5 MiB, and a function that gives it more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def full_sweep(tmp_path_factory):
    """Two datasets, all levels, two learning rates, three seeds; one failed and one diverged run; some with probes."""
    from helpers.report_runs import Maker, add_insides

    maker = Maker(tmp_path_factory.mktemp("sweep") / "runs").sweep()
    for folder in sorted(maker.root.iterdir())[:12]:
        add_insides(folder)
    maker.run("sst2", 0.5, "top", 1e-5, 0, status="failed")
    maker.run("emotion", 0.25, "top", 1e-5, 0, status="diverged")
    return maker.root


@pytest.fixture(scope="session")
def full_content(full_sweep):
    from healbert.report.content import make_content

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
    from helpers.hub_server import Hub
    from huggingface_hub import hf_api
    from huggingface_hub.utils import _http

    from healbert.hub.reach import resolve_commit

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
