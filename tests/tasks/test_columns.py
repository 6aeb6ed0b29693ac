"""Which columns are the texts: as named, or guessed where there is no doubt."""

import pytest

from healbert.arguments.groups import DataArguments
from healbert.utils.errors import UserError


@pytest.mark.parametrize(
    "header, row",
    [
        ("question,sentence", "who came,she came"),
        ("text,premise", "one,two"),
        ("sentence,sentence2", "one,two"),
        ("title,text", "a,b"),
        ("text,remarks", "a film,it was good"),
        ("text,target", "明日は晴れるでしょう,明天会是个好天气"),
    ],
)
def test_a_partner_of_the_text_is_never_dropped(load, put, header, row):
    file = put("train.csv", f"{header},label\n{row},x\n{row},y\n")
    with pytest.raises(UserError) as caught:
        load(train_file=file, validation_file=file)
    for name in header.split(","):
        assert f"'{name}'" in str(caught.value)
    assert f"--text_column_names {header} for pairs" in str(caught.value)
    assert load(train_file=file, validation_file=file, text_column_names=header).text_columns == header.split(",")


def test_a_partner_is_seen_further_down_a_sorted_file(load, put):
    rows = "".join(f"a film,{'-' if i < 1500 else 'it was good'},{i % 2}\n" for i in range(3000))
    file = put("train.csv", f"text,remarks,label\n{rows}")
    with pytest.raises(UserError, match="columns 'text' and 'remarks' may all be texts"):
        load(train_file=file, validation_file=file)


@pytest.mark.parametrize("header, row", [("id,text", "a17,a film"), ("text,when", "a film,2024-01-02 11:30")])
def test_identifiers_and_dates_are_no_partners(load, put, header, row):
    file = put("train.csv", f"{header},label\n{row},x\n{row},y\n")
    assert load(train_file=file, validation_file=file).text_columns == ["text"]


def test_no_text_column_says_what_the_columns_hold(load, put):
    file = put("train.jsonl", '{"text": 1, "label": "x"}\n{"text": 2, "label": "y"}\n')
    with pytest.raises(UserError, match="no text column recognised .found: 'text': int64, 'label': string"):
        load(train_file=file, validation_file=file)


def test_names_with_commas_are_given_as_a_json_list(load, put):
    file = put("train.csv", '"a, b",c,label\none,two,x\nthree,four,y\n')
    task = load(train_file=file, validation_file=file, text_column_names='["a, b", "c"]')
    assert task.text_columns == ["a, b", "c"]
    assert task.splits["train"]["text"][:] == ["one", "three"]


@pytest.mark.parametrize("value", ['["a"', "[1]", "[]"])
def test_what_is_no_list_of_names_is_refused_before_anything_is_read(put, value):
    file = put("train.csv", "a,label\none,x\n")
    with pytest.raises(UserError, match="is not a JSON list"):
        DataArguments(train_file=file, validation_file=file, text_column_names=value)


@pytest.mark.parametrize("found, word", [("Label", "case"), ("la bel", "white space")])
def test_a_column_that_looks_alike_is_named(load, put, found, word):
    file = put("train.csv", f"text,{found}\na,x\nb,y\n")
    with pytest.raises(UserError, match=f"'label' and '{found}' differ only by {word}"):
        load(train_file=file, validation_file=file)


def test_a_test_file_whose_labels_go_by_nearly_that_name_is_not_taken_for_unlabelled(load, put):
    train, test = put("train.csv", "text,label\na,x\nb,y\n"), put("test.csv", "text,Label\na,x\n")
    with pytest.raises(UserError, match="--test_file has no label column 'label' .* differ only by case"):
        load(train_file=train, validation_file=train, test_file=test)


def test_a_file_read_with_another_delimiter_than_its_own_is_told_which(load, put):
    file = put("train.csv", "text,label\na film,x\nb film,y\n")
    with pytest.raises(UserError, match="was read as one column, 'text,label'; read it with --delimiter ','"):
        load(train_file=file, validation_file=file, delimiter=";")
