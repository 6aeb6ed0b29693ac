"""Messages name files and lines as an editor counts them, and names as they are written."""

import gzip
import json

import pandas
import pytest
from helpers.small import run_script

from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.store import find_lines, read_file
from healbert.utils.errors import UserError

GAP = [("first", "x"), ("two\nlines", "y"), ("third", ""), ("", "x"), ("last", "y")]


def csv_text(rows, quote='"'):
    return "\n".join(["text,label", "", *(f"{quote}{text}{quote},{label}" for text, label in rows)]) + "\n"


PLACES = {
    "csv": (csv_text(GAP), "csv", "line 6"),
    "csv.gz": (gzip.compress(csv_text(GAP).encode()), "csv.gz", "line 6"),
    "cr": (csv_text([(t.replace("\n", " "), label) for t, label in GAP]).replace("\n", "\r"), "csv", "line 5"),
    "crlf": (csv_text(GAP).replace("\n", "\r\n"), "csv", "line 6"),
    "jsonl": ("\n\n".join(json.dumps({"text": t or "z", "label": label}) for t, label in GAP), "jsonl", "line 5"),
    "json": (json.dumps([{"text": t or "z", "label": label} for t, label in GAP], indent=1), "json", "line 10"),
    "json in one line": (json.dumps([{"text": t or "z", "label": label} for t, label in GAP]), "json", "row 3"),
}


@pytest.mark.parametrize("content, kind, place", PLACES.values(), ids=PLACES)
def test_a_missing_label_is_where_the_editor_shows_it(load, put, content, kind, place):
    good, bad = put("good.csv", "text,label\na,x\nb,y\n"), put(f"bad.{kind}", content)
    with pytest.raises(UserError) as caught:
        load(train_file=good, validation_file=bad, text_column_names="text")
    if kind.startswith("json"):
        assert str(caught.value) == f"1 label of --validation_file is missing ({bad}, {place}); remove the rows"
    else:  # the empty text, which is the row after it
        line = f"line {int(place.split()[1]) + 1}"
        said = (
            f"1 text of --validation_file is empty or null in column 'text' ({bad}, {line}); remove or fill these rows"
        )
        assert str(caught.value) == said


def test_rows_of_parquet_are_counted_from_one(load, tmp_path):
    path = tmp_path / "bad.parquet"
    pandas.DataFrame({"text": ["a", None, "c", None], "label": ["x", "y", "x", "y"]}).to_parquet(path)
    with pytest.raises(UserError, match=r"2 texts of --train_file are empty .*bad.parquet, rows 2, 4\)"):
        load(train_file=str(path), validation_file=str(path))


def test_a_row_of_a_folder_of_several_files_is_found_in_its_own(load, put, tmp_path):
    for split in ("train", "validation"):
        (tmp_path / "mine" / split).mkdir(parents=True)
    put("mine/train/0.csv", "text,label\na,x\nb,y\n")
    put("mine/train/1.csv", "text,label\na,x\n,y\n")
    put("mine/validation/0.csv", "text,label\na,x\n")
    with pytest.raises(UserError, match=r"1 text of train is empty .*1\.csv, line 3\)"):
        load(dataset_name=str(tmp_path / "mine"))


def test_only_the_first_lines_are_listed(load, put):
    file = put("bad.csv", "text,label\n" + "a,x\n,y\n" * 9)
    with pytest.raises(UserError, match=r"9 texts .*bad.csv, lines 3, 5, 7, 9, 11, \.\.\.\)"):
        load(train_file=file, validation_file=file)


def test_a_label_that_train_lacks_has_its_line(load, put):
    train, test = put("train.csv", "text,label\na,pos\nb,neg\n"), put("test.csv", "text,label\na,pos\nb, pos\n")
    with pytest.raises(UserError) as caught:
        load(train_file=train, test_file=test)
    assert str(caught.value) == (
        f"--test_file has labels that --train_file lacks: ' pos' ({test}, line 3); --train_file knows ['neg', 'pos']; "
        "' pos' and 'pos' differ only by white space"
    )


def test_lines_of_a_file_that_changed_are_not_guessed(put, tmp_path):
    path = put("a.csv", "text,label\na,x\nb,y\n")
    _, read = read_file(path, ReadOptions(), tmp_path / "cache")
    assert find_lines(read, [0, 1]) == [2, 3]
    put("a.csv", "text,label\n\n\na,x\nb,y\n")
    assert find_lines(read, [1]) is None


NAMES = {
    "white space": ("text ", "white space"),
    "case": ("Text", "case"),
    "composed and not": ("te\u0301xt", "Unicode form (NFC, NFD)"),
    "no-break space": ("text\xa0", "white space"),
}


@pytest.mark.parametrize("name, word", NAMES.values(), ids=NAMES)
def test_column_names_that_look_alike_are_told_apart(load, put, name, word):
    wanted = "t\xe9xt" if "\u0301" in name else "text"
    file = put("train.jsonl", "\n".join(json.dumps({name: f"a {i}", "label": i % 2}) for i in range(4)))
    with pytest.raises(UserError) as caught:
        load(train_file=file, validation_file=file, text_column_names=wanted)
    caught.match(f"--train_file has no text column {wanted!r}")
    assert f"{name!r} differ only by {word}" in str(caught.value)


def test_a_column_of_the_validation_file_that_looks_alike_is_told_apart(load, put):
    train = put("train.jsonl", '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n')
    validation = put("validation.jsonl", '{"text": "a", "Label": "x"}\n')
    with pytest.raises(UserError, match="--validation_file has no label column 'label'.*differ only by case"):
        load(train_file=train, validation_file=validation)


def test_spaces_in_names_reach_the_terminal(put):
    train = put("train.csv", "text,label\na,not  bad\nb,good\n")
    validation = put("validation.csv", "text,label\na,not bad\n")
    done = run_script("--train_file", train, "--validation_file", validation, "--use_cpu", "--corrupt_level", 0.5)
    assert done.returncode == 2 and "'not bad' and 'not  bad' differ only by white space" in done.stderr
