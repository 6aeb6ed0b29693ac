"""The fingerprint of a task is a hash of every text and label that is used, in order."""

import hashlib

from helpers.data import table

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.source import DataSource


def by_hand(**splits):
    digest = hashlib.sha256()
    for split, rows in sorted(splits.items()):
        for place, column in enumerate(("text", "label")):
            for row in rows:
                digest.update(f"{split}\0{column}\0{row[place]}\0".encode())
    return digest.hexdigest()


def test_it_is_what_is_written_down(load, put):
    rows = [("naïve ☕", "b"), ("a", "a"), ("two\nlines", "b")]
    train, validation = put("train.csv", table(rows)), put("validation.csv", table(rows[:2]))
    indexed = [(text, "ab".index(label)) for text, label in rows]
    task = load(train_file=train, validation_file=validation)
    assert task.fingerprint == by_hand(train=indexed, evaluation=indexed[:2])


def test_hidden_files_and_folders_of_a_dataset_do_not_count(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("text,label\na,0\n")
    data = DataArguments(dataset_name=str(tmp_path))
    before = DataSource(data, ModelArguments()).fingerprint
    for name in (".git/index", ".cache/huggingface/download/train.csv.metadata", ".hidden", "data/.notes/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1764540000.0")
    assert DataSource(data, ModelArguments()).fingerprint == before
    (tmp_path / "data" / "more.csv").write_text("text,label\nb,1\n")
    assert DataSource(data, ModelArguments()).fingerprint != before


def test_rows_that_were_drawn_alone_count(load, put):
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(30)]
    file = put("train.csv", table(rows))
    task = load(train_file=file, validation_file=file, max_train_samples=8)
    kept = [(rows[i][0], i % 2) for i in task.splits["train"]["id"]]
    assert task.fingerprint == by_hand(train=kept, evaluation=[(text, i % 2) for i, (text, _) in enumerate(rows)])
