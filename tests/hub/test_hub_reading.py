"""Files of the Hub are read by the reader of files: the same rows by every way, online and off."""

import gzip
import json

import pytest
from datasets import ClassLabel
from helpers.data import labelled, put_folder
from helpers.pull import load_texts
from helpers.small import folder_files

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.experiment.offline import require_hub_or_cache
from healbert.hub.reach import resolve_commit
from healbert.tasks.load import load_task
from healbert.utils.errors import UserError

ROWS = [("NA", "01"), ('say "it", twice', "1"), ("two\nlines", "01"), ("null", "1")]


def as_csv(rows=ROWS):
    lines = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in [("text", "label"), *rows]]
    return "\n".join(lines).encode() + b"\n"


def as_lines(rows=ROWS):
    return "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows).encode()


FILES = {
    "csv": as_csv(),
    "tsv": as_csv().replace(b'","', b'"\t"').replace(b'say ""it"", twice', b'say ""it"", twice'),
    "jsonl": as_lines(),
    "json": b"[" + as_lines().replace(b"\n", b",") + b"]",
    "csv.gz": gzip.compress(as_csv()),
    "jsonl.gz": gzip.compress(as_lines()),
}


@pytest.fixture
def published(hub):
    """Puts files (names to bytes) into someone/texts."""
    return lambda files, **options: hub.create("someone/texts", "dataset", files=files, **options)


@pytest.fixture
def offline(hub, monkeypatch):
    def switch():
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        resolve_commit.cache_clear()
        hub.requests.clear()

    return switch


def same(one, other):
    return all(one.splits[split][:] == rows[:] for split, rows in other.splits.items())


@pytest.mark.parametrize("kind", FILES)
def test_a_file_gives_the_same_rows_from_the_hub_and_from_this_machine(published, tmp_path, kind):
    files = {f"{split}.{kind}": FILES[kind] for split in ("train", "validation")}
    published(files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    local = DataArguments(train_file=str(tmp_path / f"train.{kind}"), validation_file=str(tmp_path / f"train.{kind}"))
    here, there = load_task(local, ModelArguments(cache_dir=str(tmp_path / "cache"))), load_texts()
    assert same(here, there) and here.fingerprint == there.fingerprint
    assert there.splits["train"]["text"][:] == [text for text, _ in ROWS] and there.label_names == ["01", "1"]
    read = there.describe()["read"]["train"]
    assert (read["rows"], read["reader"], read["files"][0]["file"]) == (4, "healbert", f"train.{kind}")


def test_parquet_is_read_as_the_datasets_library_reads_it(published, tmp_path):
    import datasets

    splits = {"train": labelled("ab", 40), "test": labelled("ab", 9)}
    published(folder_files(put_folder(tmp_path / "mine", splits, label=ClassLabel(names=["zebra", "ant"]))))
    ours, theirs = load_texts(), datasets.load_dataset("someone/texts")
    assert ours.label_names == theirs["train"].features["label"].names == ["zebra", "ant"]
    for split, name in (("train", "train"), ("evaluation", "test")):
        for column in ("text", "label"):
            assert ours.splits[split][column][:] == theirs[name][column][:]


CONFIGS = """---
configs:
- config_name: first
  data_files:
  - split: train
    path: one/*.csv
  - split: validation
    path: [one/b.csv]
  sep: ";"
- config_name: second
  default: true
  data_files:
  - {split: train, path: two.jsonl}
  - {split: test, path: "odd ?1?.jsonl"}
dataset_info:
- config_name: second
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {"0": nay, "1": yea}}}
---
"""


@pytest.fixture
def two_configs(published):
    csv = b"text;label\na, b;x\nc;y\n"
    lines = b'{"text": "a", "label": 1}\n{"text": "b", "label": 0}'
    files = {"README.md": CONFIGS.encode(), "one/a.csv": csv, "one/b.csv": csv, "two.jsonl": lines}
    return published(files | {"odd [1].jsonl": lines, "odd 1.jsonl": b"not json"})


def test_configurations_of_the_readme(two_configs):
    first, second = load_texts(dataset_config_name="first"), load_texts()
    assert first.splits["train"]["text"][:] == ["a, b", "c"] * 2 and first.label_names == ["x", "y"]
    assert second.label_names == ["nay", "yea"] and second.splits["evaluation"]["label"][:] == [1, 0]
    with pytest.raises(UserError, match="someone/texts.*'third' is not among.*first, second") as caught:
        load_texts(dataset_config_name="third")
    assert "/tmp" not in str(caught.value)


def test_only_the_files_of_the_configuration_are_downloaded(two_configs, hub):
    load_texts()
    assert hub.asked("HEAD", "two.jsonl") and not hub.asked("HEAD", "one/a.csv")


def test_a_cached_configuration_is_not_taken_for_another(two_configs, offline):
    online = load_texts()
    offline()
    assert same(load_texts(), online)
    with pytest.raises(UserError, match="someone/texts"):
        load_texts(dataset_config_name="first")


def test_offline_rows_are_the_same_and_nobody_is_asked(published, offline, hub, by_id):
    from healbert import make_arguments

    published({"train.csv": as_csv(), "validation.csv": as_csv()})
    online = load_texts()
    offline()
    assert same(load_texts(), online) and not hub.requests
    with pytest.raises(UserError) as refused:
        require_hub_or_cache(make_arguments(**by_id))
    assert "dataset" not in str(refused.value).partition(";")[0].replace("--dataset_name", "")


def test_a_cache_dir_of_its_own_holds_the_download(published, offline, tmp_path):
    published({"train.csv": as_csv(), "validation.csv": as_csv()})
    data, model = DataArguments(dataset_name="someone/texts"), ModelArguments(cache_dir=str(tmp_path / "own"))
    online = load_task(data, model)
    assert list((tmp_path / "own").rglob("train.csv")) and not list((tmp_path / "hub-cache").rglob("train.csv"))
    assert online.describe()["read"]["train"]["reader"] == "healbert"


def test_options_reach_files_of_the_hub(published):
    published({"train.csv": b'text;label\n"a;x\nb;y\n', "validation.csv": b"text;label\nb;y\n"})
    task = load_texts(delimiter=";", quoting="none")
    assert task.splits["train"]["text"][:] == ['"a', "b"]


def test_a_file_that_cannot_be_read_exactly_is_named_with_its_line(published):
    published({"train.csv": b"text,label\na,x\nb,y,z\n", "validation.csv": as_csv()})
    with pytest.raises(UserError, match=r"train.csv, line 3: 3 fields"):
        load_texts()


FOREIGN = {
    "text": ({"train.txt": b"a\nb\n", "test.txt": b"a\n"}, "label"),
    "settings that are not known here": (
        {
            "README.md": b"---\nconfigs:\n- config_name: default\n  data_files: [{split: train, path: a.csv}, "
            b"{split: test, path: b.csv}]\n  names: [text, label]\n---\n",
            "a.csv": b"a,x\nb,y\n",
            "b.csv": b"b,x\n",
        },
        None,
    ),
}


@pytest.mark.parametrize("files, missing", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_known_here_is_read_by_the_datasets_library(published, files, missing):
    published(files)
    if missing:
        with pytest.raises(UserError, match=f"no label column '{missing}'"):
            load_texts()
        return
    task = load_texts()
    assert task.splits["train"]["text"][:] == ["a", "b"]
    assert task.describe()["read"]["train"] == {
        "rows": 2,
        "reader": "datasets",
        "used": 2,
        "classes": {"x": 1, "y": 1},
    }
    with pytest.raises(UserError, match="--encoding is for files.*someone/texts.*datasets library"):
        load_texts(encoding="cp1252")


def test_what_the_datasets_library_read_is_there_offline(published, offline, hub):
    published(FOREIGN["settings that are not known here"][0])
    online = load_texts()
    offline()
    again = load_texts()
    assert same(again, online) and again.describe()["read"]["train"]["reader"] == "datasets" and not hub.requests


def test_what_save_to_disk_wrote_is_read_from_the_hub(published, tmp_path):
    from datasets import Dataset, DatasetDict

    parts = {split: Dataset.from_dict(labelled("ab", n)) for split, n in (("train", 6), ("validation", 3))}
    DatasetDict(parts).save_to_disk(tmp_path / "saved")
    published(folder_files(tmp_path / "saved"))
    task = load_texts()
    assert {split: len(rows) for split, rows in task.splits.items()} == {"train": 6, "evaluation": 3}
    assert task.describe()["read"]["train"]["reader"] == "healbert"


def test_names_that_lead_out_of_the_repository_are_left_alone(hub, published, tmp_path):
    published({"train.csv": as_csv(), "validation.csv": as_csv(), "../../../outside-of-it/README.md": b"x"})
    assert len(load_texts().splits["train"]) == 4
    assert not list(tmp_path.parent.rglob("outside-of-it"))


@pytest.mark.parametrize("place", ["../../outside.csv", "{outside}"])
def test_files_of_this_machine_are_none_of_a_repository(published, tmp_path, place):
    (tmp_path / "outside.csv").write_bytes(as_csv())
    path = place.format(outside=tmp_path / "outside.csv")
    head = f"---\nconfigs:\n- config_name: default\n  data_files: [{{split: train, path: '{path}'}}]\n---\n"
    published({"README.md": head.encode(), "train.csv": as_csv()})
    with pytest.raises(UserError, match="someone/texts"):
        load_texts()
