"""Every way to local files goes through one reader, and says what it read."""

import os
import pathlib
import shutil

import pytest
from helpers.data import GOOD, table

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import load_task
from healbert.tasks.source import DataSource
from healbert.utils.errors import UserError

QUOTES = {3: '"', 9: '"'}
LONE = "sentence\tlabel\n" + "".join(f"{QUOTES.get(i, '')}item {i} is here\t{i % 2}\n" for i in range(40))


def test_lone_quotes_swallow_no_rows(load, put):
    file = put("t.tsv", LONE)
    task = load(train_file=file, validation_file=file)
    assert task.splits["train"]["text"][3] == '"item 3 is here'
    assert task.describe()["read"]["train"]["rows"] == 40


@pytest.mark.parametrize("way", ["file", "folder", "data_root"])
def test_a_file_gives_the_same_rows_by_every_way(load, put, tmp_path, way):
    folder = tmp_path / "root" / "mine"
    folder.mkdir(parents=True)
    path = put("root/mine/train.csv", 'text,label\nNA,01\n"a ""b"", c",1\nnull,01\n')
    shutil.copy(path, folder / "validation.csv")
    ways = {
        "file": {"train_file": path, "validation_file": str(folder / "validation.csv")},
        "folder": {"dataset_name": str(folder)},
        "data_root": {"dataset_name": "someone/mine", "data_root": str(tmp_path / "root")},
    }
    task = load(**ways[way])
    assert task.splits["train"]["text"][:] == ["NA", 'a "b", c', "null"]
    assert task.label_names == ["01", "1"]
    read = task.describe()["read"]
    assert read["train"]["files"][0]["file"] == "train.csv"
    assert {split: (of["rows"], of["used"]) for split, of in read.items()} == {"train": (3, 3), "evaluation": (3, 3)}


@pytest.mark.parametrize("way", ["file", "folder"])
def test_another_file_of_the_same_time_is_read_anew(load, tmp_path, way):
    folder = tmp_path / "mine"
    folder.mkdir()
    files = {split: folder / f"{split}.csv" for split in ("train", "validation")}
    named = {f"{split}_file": str(path) for split, path in files.items()} if way == "file" else {}
    seen = []
    for word in ("old", "new"):
        for path in files.values():
            path.write_text(f"text,label\n{word} film,x\n{word} book,y\n")
            os.utime(path, ns=(10**18, 10**18))
        seen.append(load(**(named or {"dataset_name": str(folder)})).splits["train"]["text"][:])
    assert seen == [["old film", "old book"], ["new film", "new book"]]


def test_a_file_that_changes_after_its_fingerprint_was_taken_is_refused(put, tmp_path):
    file = put("train.csv", GOOD)
    data, model = DataArguments(train_file=file, validation_file=file), ModelArguments(cache_dir=str(tmp_path / "c"))
    source = DataSource(data, model)
    assert source.fingerprint
    put("train.csv", GOOD.replace("a b", "a c"))
    with pytest.raises(UserError, match="train.csv changed"):
        load_task(data, model, source=source)


def test_options_reach_the_reader_of_files_and_of_folders(load, put, tmp_path):
    content = 'text;label\n"a; b;x\ncafé;y\n'.encode("cp1252")
    (tmp_path / "mine").mkdir()
    train, validation = put("mine/train.csv", content.replace(b"; b", b" b")), put("mine/validation.csv", b"")
    shutil.copy(train, validation)
    options = {"delimiter": "semicolon", "encoding": "cp1252", "quoting": "none"}
    for source in ({"train_file": train, "validation_file": validation}, {"dataset_name": str(tmp_path / "mine")}):
        assert load(**source, **options).splits["train"]["text"][:] == ['"a b', "café"]


@pytest.mark.parametrize("option", [{"delimiter": "ab"}, {"encoding": "no-such"}, {"quoting": "some"}])
def test_options_are_checked_before_anything_is_read(put, option):
    with pytest.raises(UserError, match=f"--{next(iter(option))}"):
        DataArguments(train_file=put("train.csv", GOOD), validation_file=put("v.csv", GOOD), **option)


def test_options_of_files_do_not_go_with_a_task():
    with pytest.raises(UserError, match="--encoding is for files"):
        DataArguments(task_name="docstrings", encoding="cp1252")


def test_what_was_read_is_counted_by_class(load, put):
    rows = [(f"text {i}", "rare" if i % 4 == 0 else "common") for i in range(80)]
    file = put("train.csv", table(rows))
    read = load("dev", 0.2, train_file=file, validation_file=file, max_train_samples=40).describe()["read"]
    assert {split: (of.get("rows"), of["used"], of["classes"]) for split, of in read.items()} == {
        "train": (80, 32, {"common": 24, "rare": 8}),
        "dev": (None, 8, {"common": 6, "rare": 2}),
        "evaluation": (80, 80, {"common": 60, "rare": 20}),
    }


@pytest.mark.slow
def test_an_older_cache_in_the_folder_of_the_embedded_task_is_not_read(load):
    first = load(task_name="docstrings")
    folder = pathlib.Path(first.source)
    (folder / "default").mkdir()
    shutil.copy(folder / "train.parquet", folder / "default" / "docstrings-train.parquet")
    again = load(task_name="docstrings")
    assert again.fingerprint == first.fingerprint
    assert again.describe()["examples"] == first.describe()["examples"]
