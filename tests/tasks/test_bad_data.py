"""Data that cannot be used are named in one line."""

import contextlib
import logging
import re

import pytest
from datasets import ClassLabel
from helpers.data import GOOD, labelled, put_folder

from healbert.utils.errors import UserError


@contextlib.contextmanager
def logged_errors():
    """The messages that datasets logs meanwhile."""
    lines, handler, logger = [], logging.Handler(), logging.getLogger("datasets")
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


BAD_FILES = {
    "no label column": ("csv", "text,kind\na,x\nb,y\n", {}, ["'label'", "'text', 'kind'", "--label_column_name"]),
    "named label column missing": ("csv", GOOD, {"label_column_name": "topic"}, ["'topic'", "'text', 'label'"]),
    "named text column missing": ("csv", GOOD, {"text_column_names": "body"}, ["'body'", "'text', 'label'"]),
    "no text column recognised": (
        "csv",
        "a,b,label\nq,r,x\ns,t,y\n",
        {},
        ["'a': string, 'b': string", "--text_column_names"],
    ),
    "three text columns": ("csv", "a,b,c,label\n1,2,3,x\n", {"text_column_names": "a,b,c"}, ["3 columns"]),
    "the same text column twice": ("csv", GOOD, {"text_column_names": "text,text"}, ["text"]),
    "text and label are one column": ("csv", GOOD, {"text_column_names": "label"}, ["label"]),
    "empty text": (
        "csv",
        'text,label\na,x\n"",y\nb,y\n',
        {},
        ["1 text of --train_file is", "'text'", "bad.csv, line 3)"],
    ),
    "null text": (
        "jsonl",
        '{"text": null, "label": "x"}\n{"text": "b", "label": "y"}',
        {},
        ["1 text of", "bad.jsonl, line 1)"],
    ),
    "empty label": ("csv", "text,label\na,x\nb,y\nc,\n", {}, ["1 label of", "bad.csv, line 4)"]),
    "empty integer label": ("csv", "text,label\na,0\nb,1\nc,\n", {}, ["1 label of", "bad.csv, line 4)"]),
    "null label": (
        "jsonl",
        '{"text": "a", "label": null}\n{"text": "b", "label": "y"}',
        {},
        ["1 label of", "bad.jsonl, line 1)"],
    ),
    "null integer label": (
        "jsonl",
        '{"text": "a", "label": 1}\n{"text": "b", "label": null}',
        {},
        ["label", "bad.jsonl, line 2)"],
    ),
    "single class": ("csv", "text,label\na,x\nb,x\n", {}, ["single class", "'x'"]),
    "float labels": (
        "csv",
        "text,label\na,0.5\nb,1.5\n",
        {},
        ["--train_file", "0.5", "regression"],
    ),
    "lists of labels": (
        "jsonl",
        '{"text": "a", "label": ["x"]}\n{"text": "b", "label": ["y"]}',
        {},
        ["labels", "list"],
    ),
    "header only": ("csv", "text,label\n", {}, ["no examples", "bad.csv"]),
    "empty list": ("json", "[]", {}, ["no examples", "bad.json"]),
    "unequal rows": ("csv", "text,label\na,x\nb,y,z\n", {}, ["line 3", "bad.csv"]),
    "open quote": ("csv", 'text,label\n"a,x\nb,y\n', {}, ["line 2", "bad.csv"]),
    "not UTF-8": (
        "csv",
        "text,label\ncafé au lait,x\nb,y\n".encode("latin-1"),
        {},
        ["UTF-8", "bad.csv, line 2"],
    ),
    "malformed jsonl": ("jsonl", '{"text": "a", "label": "x"}\n{"text"', {}, ["JSON", "bad.jsonl"]),
    "malformed json": ("json", '[{"text": "a"', {}, ["bad.json"]),
    "no parquet": ("parquet", "hello", {}, ["arquet", "bad.parquet"]),
    "text column of numbers": (
        "json",
        '[{"n": 1, "label": "x"}]',
        {"text_column_names": "n"},
        ["'n'", "int64", "not text"],
    ),
}


@pytest.mark.parametrize("kind, content, settings, named", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file_is_named(load, put, kind, content, settings, named):
    file = put(f"bad.{kind}", content)
    with pytest.raises(UserError) as caught, logged_errors() as lines:
        load(train_file=file, validation_file=file, **settings)
    assert lines == []
    for part in named:
        assert part in str(caught.value)


BAD_VALIDATION = {
    "label that train lacks": ("text,label\na,x\nb,zebra\n", ["zebra", "--train_file lacks", "['x', 'y']"]),
    "no label column": ("text,kind\na,x\n", ["'label'", "'text', 'kind'"]),
    "no text column": ("body,label\na,x\n", ["'text'", "'body', 'label'"]),
    "empty text": ('text,label\na,x\n"",y\n', ["evaluation", "bad.csv, line 3)"]),
    "empty label": ('text,label\na,x\nb,""\n', ["evaluation", "bad.csv, line 3)"]),
    "integers where train has names": ("text,label\na,5\n", ["5", "--train_file lacks"]),
}


@pytest.mark.parametrize("content, named", BAD_VALIDATION.values(), ids=BAD_VALIDATION.keys())
@pytest.mark.parametrize("flag", ["validation_file", "test_file"])
def test_bad_validation_or_test_file_is_named(load, put, content, named, flag):
    if flag == "test_file" and "label" not in content.splitlines()[0]:
        pytest.skip("a test file may have no labels: its predictions are written")
    files = {"train_file": put("train.csv", GOOD), "validation_file": put("fine.csv", GOOD)}
    with pytest.raises(UserError) as caught:
        load(**files | {flag: put("bad.csv", content)})
    for part in named:
        assert part.replace("evaluation", f"--{flag}") in str(caught.value)


def test_unlabelled_split_is_refused(load, tmp_path):
    unlabelled = {"text": ["a", "b"], "label": [-1, -1]}
    names = ClassLabel(names=["no", "yes"])
    folder = put_folder(tmp_path / "mine", {"train": labelled("ab"), "test": unlabelled}, label=names)
    with pytest.raises(UserError, match=r"unlabelled examples \(label -1\)"):
        load(dataset_name=str(folder))


@pytest.mark.parametrize("splits, named", [(("validation",), "'train'"), (("train",), "'validation or test'")])
def test_folder_without_a_split_lists_those_found(load, tmp_path, splits, named):
    folder = put_folder(tmp_path / "mine", {split: labelled("ab") for split in splits})
    with pytest.raises(UserError, match=f"no split {named}.*found: {splits[0]}"):
        load(dataset_name=str(folder))


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/no-such-folder-here"])
def test_unknown_folder_is_named(load, name):
    with pytest.raises(UserError, match=f"{re.escape(name)} does not exist"):
        load(dataset_name=name)


def test_folder_without_data_is_refused(load, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="mine"):
        load(dataset_name=str(tmp_path / "mine"))


def test_data_root_without_the_dataset_says_what_it_looked_for(load, tmp_path):
    with pytest.raises(UserError, match=f"{re.escape(str(tmp_path))}/glue or {re.escape(str(tmp_path))}/rte"):
        load(task_name="rte", data_root=str(tmp_path))
