"""What a name stands for, and a fingerprint that follows its content and nothing else."""

import os
import pathlib
import shutil

import pandas
import pytest
from helpers.small import save_tiny_bert

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.hub.reach import resolve_commit
from healbert.models.embedded import MODEL_SHA256
from healbert.models.source import ModelSource
from healbert.tasks.embedded import EMBEDDED, embedded_key
from healbert.tasks.source import DataSource, local_dataset
from healbert.tasks.table import TASKS, Task
from healbert.utils.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def source(path, **settings):
    return ModelSource(ModelArguments(model_name_or_path=str(path), **settings))


def of_model(path, **settings):
    return source(path, **settings).fingerprint


def of_data(**settings):
    return DataSource(DataArguments(**settings), ModelArguments()).fingerprint


@pytest.fixture
def model(tmp_path):
    return save_tiny_bert(tmp_path / "model", num_hidden_layers=1)


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data" / "sst2"
    folder.mkdir(parents=True)
    for split in ("train", "validation"):
        pandas.DataFrame({"sentence": ["a", "b"], "label": [0, 1]}).to_parquet(folder / f"{split}.parquet")
    return folder


def test_copied_model_has_the_same_fingerprint(model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "copy")
    assert of_model(copy) == of_model(model)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_changed_model_has_another_fingerprint(model, name):
    before, path = of_model(model), os.path.join(model, name)
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b" ")
    os.utime(path, ns=(1, 1))
    assert of_model(model) != before


@pytest.mark.parametrize("name", ["README.md", "results.json", "corruption.json", "pytorch_model.bin"])
def test_what_is_not_read_from_a_model_folder_does_not_count(model, name):
    before = of_model(model)
    with open(os.path.join(model, name), "w", encoding="utf-8") as file:
        file.write("{}")
    assert of_model(model) == before


def test_file_changed_in_place_with_its_old_times_counts(model):
    before, path = of_model(model), pathlib.Path(model, "config.json")
    stat, text = path.stat(), path.read_text()
    path.write_text(text[:-1] + " ")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size and of_model(model) != before


def test_tokenizer_and_configuration_of_their_own_count(model):
    found = source("embedded", tokenizer_name=model, config_name=model)
    assert found.tokenizer.fingerprint == found.config.fingerprint == of_model(model) != found.fingerprint
    alone = source(model)
    assert alone.tokenizer is alone.config is alone


def test_embedded_parts_are_known_without_reading_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HEALBERT_CACHE", str(tmp_path / "cache"))
    assert of_model("embedded") == f"files:{MODEL_SHA256[:16]}"
    assert of_data() == f"docstrings:{embedded_key(EMBEDDED['docstrings'])}"
    assert len({of_data(task_name=name).partition(":")[2] for name in EMBEDDED}) == len(EMBEDDED)
    assert not (tmp_path / "cache").exists(), "nothing is drawn for a name"


def test_dataset_folder_counts_by_content(dataset, tmp_path):
    root = str(dataset.parent)
    before = of_data(task_name="sst2", data_root=root)
    copied = shutil.copytree(root, tmp_path / "moved")
    assert of_data(task_name="sst2", data_root=str(copied)) == before
    assert of_data(dataset_name=str(dataset)) == before
    pandas.DataFrame({"sentence": ["a", "c"], "label": [0, 1]}).to_parquet(dataset / "train.parquet")
    assert of_data(task_name="sst2", data_root=root) != before


def test_hub_repository_counts_by_the_commit_in_the_cache(tmp_path):
    refs = tmp_path / "models--someone--bert" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(COMMIT)
    assert of_model("someone/bert", cache_dir=str(tmp_path)) == f"commit:{COMMIT}"
    assert of_model("someone/bert", cache_dir=str(tmp_path), model_revision="v2") is None


def test_commit_stands_for_itself():
    assert resolve_commit("someone/bert", "model", COMMIT) == COMMIT


def test_names_stand_for_folders_or_hub_ids(model, dataset):
    assert (source(model).folder, source(model).place) == (model, model)
    hub = source("google-bert/bert-base-uncased")
    assert (hub.folder, hub.place) == (None, "google-bert/bert-base-uncased")
    assert local_dataset(TASKS["sst2"]) is None
    assert local_dataset(TASKS["sst2"], dataset.parent) == dataset
    assert local_dataset(Task("nyu-mll/glue", "sst2"), dataset.parent) == dataset


@pytest.mark.parametrize("name", ["./nothing", "/nothing", "a/b/c"])
def test_paths_to_nothing_are_refused(name):
    with pytest.raises(UserError, match="does not exist"):
        source(name).folder  # noqa: B018 - found out when it is read
    with pytest.raises(UserError, match="does not exist"):
        local_dataset(Task(name))


def test_data_root_without_the_dataset_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no dataset .*sst2.*\(it holds: "):
        local_dataset(TASKS["sst2"], tmp_path)


def test_a_dataset_is_files_or_a_folder_or_of_the_hub(dataset, csv_files):
    def found(**settings):
        source = DataSource(DataArguments(**settings), ModelArguments())
        return bool(source.files), source.folder, source.is_on_hub

    assert found(**csv_files) == (True, None, False)
    assert found(dataset_name=str(dataset)) == (False, dataset, False)
    assert found(task_name="sst2", data_root=str(dataset.parent)) == (False, dataset, False)
    assert found(dataset_name="someone/texts") == (False, None, True)


def test_a_run_asks_once_what_its_sources_are(model, monkeypatch):
    from healbert.arguments.parser import make_arguments
    from healbert.models import source as module

    counted = []
    monkeypatch.setattr(module, "of_files", lambda paths: counted.append(paths) or "files:1")
    arguments = make_arguments(model_name_or_path=model, use_cpu=True, corrupt_level=0.5)
    arguments.identity()
    arguments.name()
    assert len(counted) == 1
    assert arguments.sources is arguments.sources
