"""Folders, as on the Hub or saved to disk, give the rows that their files give."""

import gzip
import json
import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from healbert.tasks.files.folder import find_files, read_folder
from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.source import content_hash
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError

CONTENTS = {
    "csv": 'text,label\n"a, b",01\nNA,1\n',
    "tsv": 'text\tlabel\n"a, b\t01\nNA\t1\n',
    "jsonl": '{"text": "a, b", "label": true}\n{"text": "NA", "label": null}\n',
    "json": '[{"text": "a, b", "label": 1.5}]',
    "csv.gz": gzip.compress(b"text,label\nnull,1E1\n"),
}

LAYOUTS = [
    {"train": "train.{}", "test": "test.{}"},
    {"train": "data/train-00000-of-00001.{}", "test": "data/test-00000-of-00001.{}"},
    {"train": "train/rows.{}", "test": "test/rows.{}"},
]


@pytest.fixture
def read(tmp_path):
    return lambda folder, **options: read_folder(tmp_path / folder, cache_dir=tmp_path / "cache", **options)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["files", "hub", "folders"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_folder_gives_the_rows_of_its_files(put, read, tmp_path, kind, layout):
    files = {split: put("mine/" + name.format(kind), CONTENTS[kind]) for split, name in layout.items()}
    splits, described = read("mine")
    alone, found = read_file(files["train"], cache_dir=tmp_path / "cache")
    assert set(splits) == {"train", "test"}
    for split, rows in splits.items():
        assert rows[:] == alone[:] and rows.features == alone.features
        assert [one.describe() for one in described[split]] == [
            found.describe() | {"file": files[split].split("/")[-1]}
        ]


def test_kinds_may_differ_between_splits(put, read):
    put("mine/train.csv", "text,label\na,x\n")
    put("mine/validation.tsv", "text\tlabel\nb\tx\n")
    splits, _ = read("mine")
    assert (splits["train"]["text"][:], splits["validation"]["text"][:]) == (["a"], ["b"])


def test_shards_follow_one_another(put, read):
    for shard in range(3):
        put(f"mine/data/train-0000{shard}-of-00003.csv", f"text,label\n{shard} a,x\n{shard} b,y\n")
    splits, described = read("mine")
    assert splits["train"]["text"][:] == ["0 a", "0 b", "1 a", "1 b", "2 a", "2 b"]
    assert [found.rows for found in described["train"]] == [2, 2, 2]


@pytest.mark.parametrize(
    "second, named",
    [
        ('{"text": "b", "kind": 1}', ["differ in columns", "text, label", "text, kind"]),
        ('{"text": "b", "label": "x"}', ["do not go"]),
    ],
)
def test_shards_that_do_not_go_together(put, read, second, named):
    put("mine/data/train-00000-of-00002.jsonl", '{"text": "a", "label": 1}')
    put("mine/data/train-00001-of-00002.jsonl", second)
    with pytest.raises(UserError) as caught:
        read("mine")
    assert all(part in str(caught.value) for part in named)


def test_bad_file_is_named_with_its_line(put, read):
    put("mine/train.csv", "text,label\na,x\nb\n")
    with pytest.raises(UserError, match=r"mine/train\.csv, line 3: 1 field"):
        read("mine")


README = """---
configs:
- config_name: first
  data_files:
  - split: train
    path: one/*.csv
  sep: ";"
- config_name: second
  data_files: two.jsonl
---
"""


def test_configurations_of_the_readme(put, read):
    put("mine/README.md", README)
    put("mine/one/a.csv", "text;label\na, b;x\n")
    put("mine/two.jsonl", '{"text": "c"}')
    assert read("mine", config="first")[0]["train"][:] == {"text": ["a, b"], "label": ["x"]}
    assert read("mine", config="second")[0]["train"][:] == {"text": ["c"]}
    for config, named in ((None, "name one of.*first, second"), ("third", "'third' is not among.*first, second")):
        with pytest.raises(UserError, match=f"--dataset_config_name: {named}"):
            read("mine", config=config)


CLASSES = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': nay
          '1': yea
---
"""


@pytest.mark.parametrize("kind, content", [("csv", "text,label\na,1\nb,0\n"), ("jsonl", '{"text": "a", "label": 1}')])
def test_names_of_classes_in_the_readme(put, read, kind, content):
    put("mine/README.md", CLASSES)
    put(f"mine/train.{kind}", content)
    rows = read("mine")[0]["train"]
    assert rows.features["label"].names == ["nay", "yea"] and rows["label"][0] == 1


def test_label_that_the_readme_lacks(put, read):
    put("mine/README.md", CLASSES)
    put("mine/train.csv", "text,label\na,2\n")
    with pytest.raises(UserError, match="not among the classes of its README"):
        read("mine")


@pytest.mark.parametrize("head", ["---\nconfigs: 3\n---\n", "---\n{[\n---\n"])
def test_readme_that_cannot_be_used(put, read, head):
    put("mine/README.md", head)
    put("mine/train.csv", "text,label\na,2\n")
    with pytest.raises(UserError, match="README.md cannot be"):
        read("mine")


def saved(tmp_path, **splits):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["x", "y"])})
    made = {split: Dataset.from_dict(columns, features=features) for split, columns in splits.items()}
    DatasetDict(made).save_to_disk(tmp_path / "saved")
    return made


def test_what_save_to_disk_wrote(tmp_path, read, caplog):
    columns = {"text": [f"text {i}" for i in range(9)], "label": [i % 2 for i in range(9)]}
    made = saved(tmp_path, train=columns, test={name: values[:3] for name, values in columns.items()})
    with caplog.at_level(logging.WARNING):
        splits, described = read("saved")
    assert {split: rows[:] for split, rows in splits.items()} == {split: rows[:] for split, rows in made.items()}
    assert splits["train"].features == made["train"].features
    assert described["test"][0].rows == 3
    before = sorted((tmp_path / "saved").rglob("*"))
    splits["train"].map(lambda row: {"text": row["text"] * 2})
    assert sorted((tmp_path / "saved").rglob("*")) == before  # derived files lie in the cache


def test_dataset_saved_alone_shards_and_all(tmp_path, read):
    rows = Dataset.from_dict({"text": [f"text {i}" for i in range(9)]}).select([8, 1, 5, 0])
    rows.save_to_disk(tmp_path / "alone", num_shards=2)
    splits, _ = read("alone")
    assert splits["train"]["text"][:] == ["text 8", "text 1", "text 5", "text 0"]


@pytest.mark.parametrize("content", ["{", "{}"])
def test_damaged_folder_of_save_to_disk(put, read, content):
    put("saved/dataset_dict.json", content)
    with pytest.raises(UserError, match="dataset_dict.json, written by save_to_disk, cannot be read"):
        read("saved")


def test_saved_files_that_lie_elsewhere(put, read, tmp_path):
    saved(tmp_path, train={"text": ["a"], "label": [0]})
    state = json.loads((tmp_path / "saved/train/state.json").read_text())
    put("saved/train/state.json", json.dumps(state | {"_data_files": [{"filename": "gone.arrow"}]}))
    with pytest.raises(UserError, match=r"gone\.arrow cannot be read: No such file"):
        read("saved")


@pytest.mark.parametrize("name", [None, "notes.txt", "train.txt"])
def test_folder_without_files_that_are_read(put, read, tmp_path, name):
    (tmp_path / "mine").mkdir()
    if name:
        put(f"mine/{name}", "x")
    with pytest.raises(UserError, match=r"mine holds no files of examples .*\.csv, \.tsv"):
        read("mine")


def test_file_that_the_caller_knew(put, read, tmp_path):
    put("mine/train.csv", "text,label\na,x\n")
    files = find_files(tmp_path / "mine").files
    known = {path: content_hash(path) for path in files["train"]}
    assert len(known) == 1 and len(read("mine", expected=known)[0]["train"]) == 1
    put("mine/train.csv", "text,label\nb,x\n")
    with pytest.raises(UserError, match="changed after this command looked at it"):
        read("mine", expected=known)


def test_options_hold_for_every_file(put, read):
    put("mine/train.csv", 'text;label\n"a;x\n')
    rows = read("mine", options=ReadOptions(delimiter=";", quoting="none"))[0]["train"]
    assert rows[:] == {"text": ['"a'], "label": ["x"]}


def test_settings_of_the_readme_that_are_not_known_are_refused(put, read):
    put("mine/README.md", "---\nconfigs:\n- config_name: default\n  data_files: a.csv\n  names: [text, label]\n---\n")
    put("mine/a.csv", "a,x\nb,y\n")
    with pytest.raises(UserError, match="as its README says: it sets names"):
        read("mine")


def test_settings_of_the_readme_that_are_known_are_followed(put, read):
    head = "---\nconfigs:\n- config_name: default\n  data_files: a.tsv\n  quoting: 3\n  encoding: cp1252\n---\n"
    put("mine/README.md", head)
    put("mine/a.tsv", 'text\tlabel\n"é"\tx\n'.encode("cp1252"))
    assert read("mine")[0]["train"]["text"][:] == ['"é"']


def test_classes_of_one_configuration_are_not_those_of_another(put, read):
    put(
        "mine/README.md",
        README.replace(
            "---\n", CLASSES.removesuffix("---\n").replace("  features", "  config_name: second\n  features"), 1
        ),
    )
    put("mine/one/a.csv", "text;label\na, b;x\n")
    put("mine/two.jsonl", '{"text": "c", "label": 1}')
    assert read("mine", config="first")[0]["train"]["label"][:] == ["x"]
    assert read("mine", config="second")[0]["train"].features["label"].names == ["nay", "yea"]


BROKEN = {
    "features that are a number": ("README.md", "---\ndataset_info:\n  features: 3\n---\n", "dataset_info in the head"),
    "infos that are a list of texts": ("README.md", "---\ndataset_info:\n- a\n---\n", "dataset_info in the head"),
    "older infos": ("dataset_infos.json", "[]", "dataset_infos.json cannot be read"),
    "saved splits that are a list": ("dataset_dict.json", "[]", "written by save_to_disk, cannot be read"),
    "a saved state that is a list": ("state.json", "[]", "written by save_to_disk, cannot be read"),
}


@pytest.mark.parametrize("name, content, message", BROKEN.values(), ids=BROKEN)
def test_a_file_beside_the_examples_that_cannot_be_used_is_named(put, read, name, content, message):
    put("mine/train.csv", "text,label\na,x\n")
    put(f"mine/{name}", content)
    with pytest.raises(UserError, match=message):
        read("mine")


def test_names_of_classes_in_the_older_file(put, read):
    feature = {"_type": "ClassLabel", "names": ["nay", "yea"]}
    put("mine/dataset_infos.json", json.dumps({"someone--mine": {"features": {"label": feature}}}))
    put("mine/train.csv", "text,label\na,1\nb,0\n")
    assert read("mine")[0]["train"].features["label"].names == ["nay", "yea"]


def test_a_configuration_where_none_is_named(put, read):
    put("mine/train.csv", "text,label\na,1\n")
    with pytest.raises(UserError, match="'other' is not among the configurations of .*: its README names none"):
        read("mine", config="other")
