"""Files that once gave wrong figures or a traceback, through whole runs: the figures are right, or one error says why.

Only what is public is used, so that these can be run on any version.
"""

import json
import os
import shutil

import pandas
import pytest

from healbert import UserError, make_arguments, run_experiment


@pytest.fixture
def ran(tiny_bert, tmp_path):
    """Runs one epoch on a training and a validation file (contents, or None for the same); returns the results."""

    def call(train, validation=None, kind="csv", model=tiny_bert, **settings):
        paths = {"train_file": tmp_path / f"train.{kind}", "validation_file": tmp_path / f"validation.{kind}"}
        for path, content in zip(paths.values(), (train, train if validation is None else validation), strict=True):
            if isinstance(content, pandas.DataFrame):
                content.to_parquet(path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        given = {"model_name_or_path": str(model), **{key: str(path) for key, path in paths.items()}}
        given |= {"output_dir": str(folder), "cache_dir": str(tmp_path / "cache"), "corrupt_level": 0.5}
        given |= {"num_train_epochs": 1, "use_cpu": True, "torch_num_threads": 1, "max_seq_length": 16}
        return run_experiment(make_arguments(**given | settings))["task"]

    return call


def lines(rows, header="text,label"):
    return "\n".join([header, *rows]) + "\n"


EVEN = [f"item {i},{i % 2}" for i in range(8)]


def test_quotes_swallow_no_rows(ran):
    quote = {3: '"', 9: '"'}
    rows = [f"{quote.get(i, '')}item {i} is here\t{i % 2}" for i in range(40)]
    assert ran(lines(rows, "sentence\tlabel"), kind="tsv")["examples"] == {"train": 40, "evaluation": 40}
    with pytest.raises(UserError, match="line 5"):
        ran(lines([row.replace("\t", ",") for row in rows], "sentence,label"))


def test_a_field_too_many_moves_no_columns(ran):
    with pytest.raises(UserError, match="line 2"):
        ran(lines(["nice, really,1", "bad, so,0"] * 4))


def test_a_new_file_of_the_same_time_is_read(ran, tmp_path, monkeypatch):
    old, new = (lines(f"{word} {i},{i % 2}" for i in range(8)) for word in ("ab", "cd"))
    write = type(tmp_path).write_bytes

    def write_then(path, content):
        write(path, content)
        os.utime(path, ns=(10**18, 10**18))

    monkeypatch.setattr(type(tmp_path), "write_bytes", write_then)
    assert ran(old)["fingerprint"] != ran(new)["fingerprint"]


LABELS = {
    "a zero before": (["01", "1"], ["01", "1"]),
    "exponents": (["1E1", "10"], ["10", "1E1"]),
    "words for nothing": (["NA", "null", "None"], ["NA", "None", "null"]),
    "true, false and another": (["true", "false", "unknown"], ["false", "true", "unknown"]),
    "whole floats": (["0.0", "1.0"], ["0", "1"]),
}


@pytest.mark.parametrize("labels, names", LABELS.values(), ids=LABELS)
def test_labels_are_text_as_written(ran, labels, names):
    some = [f"item {i},{labels[i % len(labels)]}" for i in range(12)]
    assert ran(lines(some), lines(some[:2]))["label_names"] == names


def test_no_class_wins_for_its_place(ran):
    rows = [f"item {i} {name},class{name:02}" for i in range(2) for name in range(30)]
    kept = set()
    for seed in range(3):
        rest = ran(lines(rows), max_train_samples=20, sample_seed=seed)["read"]["train"]["classes"]
        kept |= {name for name, count in rest.items() if count}
    assert len(kept) > 20


def test_a_checkpoint_of_a_regression_classifies(ran, tiny_bert, tmp_path):
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))
    assert ran(lines(EVEN), model=model)["label_names"] == ["0", "1"]


def test_two_names_that_differ_by_a_space_are_quoted(ran):
    with pytest.raises(UserError, match="--validation_file .*' pos' and 'pos' differ only by white space"):
        ran(lines(["a,pos", "b,neg"] * 4), lines(["a, pos"]))


def test_a_folder_gives_the_same_rows_as_files(ran, tmp_path, tiny_bert):
    content = lines(f"null,{'NA' if i % 2 else 'x'}" for i in range(8))
    by_file = ran(content)
    (tmp_path / "mine").mkdir()
    for split in ("train", "validation"):
        (tmp_path / "mine" / f"{split}.csv").write_text(content)
    settings = {"model_name_or_path": str(tiny_bert), "output_dir": str(tmp_path / "by-folder"), "corrupt_level": 0.5}
    settings |= {"num_train_epochs": 1, "use_cpu": True, "dataset_name": str(tmp_path / "mine")}
    assert run_experiment(make_arguments(**settings))["task"]["fingerprint"] == by_file["fingerprint"]


def test_a_partner_is_not_dropped(ran):
    with pytest.raises(UserError, match="'question' and 'sentence' may all be texts"):
        ran(lines([f"how {i},so {i},{i % 2}" for i in range(8)], "question,sentence,label"))


def test_a_file_of_excel_is_understood_or_explained(ran):
    content = lines([f"café {i};{i % 2}" for i in range(8)], "text;label").encode("cp1252")
    with pytest.raises(UserError, match="it looks like cp1252"):
        ran(content)
    assert ran(content, delimiter=";", encoding="cp1252")["examples"] == {"train": 8, "evaluation": 8}


def test_what_was_read_and_used_is_counted(ran):
    read = ran(lines(EVEN), max_train_samples=4)["read"]
    assert (read["train"]["rows"], read["train"]["used"], read["train"]["classes"]) == (8, 4, {"0": 2, "1": 2})
    assert read["evaluation"]["classes"] == {"0": 4, "1": 4}
