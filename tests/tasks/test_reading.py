"""Files, folders and the Hub's layout become splits with checked columns and labels."""

import json

import pytest
from datasets import ClassLabel
from helpers.data import GOOD, WRITERS, labelled, put_folder, table
from helpers.small import make_rows, write_csv

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import load_task, tokenize
from healbert.tasks.table import TASKS
from healbert.utils.errors import UserError


@pytest.mark.parametrize("kind", WRITERS)
def test_file_of_every_kind(load, put, kind):
    rows = [('plain, "quoted"', "bad"), ("tab\tand\nline", "good"), ("naïve ☕", "bad")]
    train, validation = put(f"train.{kind}", table(rows)), put(f"validation.{kind}", table(rows[1:]))
    task = load(train_file=train, validation_file=validation)
    assert task.splits["train"]["text"][:] == [text for text, _ in rows]
    assert task.splits["train"]["label"][:] == [0, 1, 0]
    assert task.splits["evaluation"]["text"][:] == [text for text, _ in rows[1:]]
    assert task.splits["evaluation"]["label"][:] == [1, 0]
    assert (task.label_names, task.text_columns, task.name) == (["bad", "good"], ["text"], "train")
    assert set(task.splits) == {"train", "evaluation"}


def test_words_that_look_like_gaps_stay_text(load, put):
    words = ["null", "NA", "None", "nan", "N/A", "#N/A"]
    file = put("train.csv", "text,label\n" + "".join(f"{w},{'NA' if i % 2 else 'None'}\n" for i, w in enumerate(words)))
    task = load(train_file=file, validation_file=file)
    assert task.splits["train"]["text"][:] == words
    assert task.label_names == ["NA", "None"]


def test_byte_order_mark_is_no_part_of_the_first_column(load, put):
    file = put("train.csv", b"\xef\xbb\xbf" + GOOD.encode())
    assert load(train_file=file, validation_file=file).text_columns == ["text"]


def test_test_file_beside_and_in_place_of_the_validation_file(load, put):
    train, two, three = (put(f"{n}.csv", table(make_rows(n))) for n in (4, 2, 3))
    both = load(train_file=train, validation_file=two, test_file=three)
    assert {split: len(rows) for split, rows in both.splits.items()} == {"train": 4, "evaluation": 2, "test": 3}
    alone = load(train_file=train, test_file=three)
    assert {split: len(rows) for split, rows in alone.splits.items()} == {"train": 4, "evaluation": 3}


@pytest.mark.parametrize("columns", ["question,sentence", "question, sentence"])
def test_sentence_pairs_are_encoded_as_pairs(load, put, tiny_bert, columns):
    from transformers import AutoTokenizer

    file = put("train.csv", "question,sentence,label\nthe film,was good,x\nwe saw,it once more,y\n")
    task = load(train_file=file, validation_file=file, text_column_names=columns)
    assert task.text_columns == ["question", "sentence"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenize(task, tokenizer, DataArguments(train_file=file, validation_file=file))
    assert task.splits["train"]["input_ids"][0] == tokenizer("the film", "was good")["input_ids"]
    assert set(task.splits["train"].column_names) >= {"id", "label", "input_ids", "attention_mask", "token_type_ids"}
    assert task.splits["train"]["token_type_ids"][0] == [0] * 4 + [1] * 3


def test_named_columns_are_used_and_others_are_not(load, put):
    rows = {"text": ["wrong"] * 2, "body": ["right", "true"], "label": ["n", "n"], "kind": ["x", "y"]}
    file = put("train.csv", rows)
    task = load(train_file=file, validation_file=file, text_column_names="body", label_column_name="kind")
    assert task.splits["train"][:] == {"text": ["right", "true"], "id": [0, 1], "label": [0, 1]}


@pytest.mark.parametrize(
    "columns, settings",
    [
        ({"label": ["a", "b"], "kind": ["x", "y"]}, {"text_column_names": "label", "label_column_name": "kind"}),
        ({"id": ["a", "b"], "label": ["x", "y"]}, {"text_column_names": "id"}),
        ({"input_ids": ["a", "b"], "label": ["x", "y"]}, {"text_column_names": "input_ids"}),
    ],
    ids=["a text column called label", "a text column called id", "a text column called input_ids"],
)
def test_columns_may_have_names_that_we_use(load, put, tiny_bert, columns, settings):
    from transformers import AutoTokenizer

    file = put("train.csv", columns)
    task = load(train_file=file, validation_file=file, **settings)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenize(task, tokenizer, DataArguments(train_file=file, validation_file=file))
    assert task.splits["train"]["input_ids"][:] == tokenizer(["a", "b"])["input_ids"]
    assert task.splits["train"]["label"][:] == [0, 1]


def test_integer_labels_are_named_by_their_value_in_numeric_order(load, put):
    file = put("train.csv", {"text": ["a", "b", "c"], "label": [10, 9, -1]})
    task = load(train_file=file, validation_file=file)
    assert task.label_names == ["-1", "9", "10"]
    assert task.splits["train"]["label"][:] == [2, 1, 0]


def test_label_names_of_a_folder_come_from_its_class_labels(load, tmp_path):
    folder = put_folder(
        tmp_path / "mine",
        {"train": labelled("ab"), "validation": labelled("ab", 3)},
        label=ClassLabel(names=["zebra", "ant"]),
    )
    task = load(dataset_name=str(folder))
    assert task.label_names == ["zebra", "ant"]
    assert task.splits["evaluation"]["label"][:] == [0, 1, 0]
    assert task.source == str(folder)


def test_splits_that_order_their_names_differently_agree(load, tmp_path):
    folder = put_folder(tmp_path / "mine", {"train": labelled("ab")}, label=ClassLabel(names=["ant", "bee"]))
    turned = put_folder(tmp_path / "other", {"validation": labelled("ab", 2)}, label=ClassLabel(names=["bee", "ant"]))
    train, validation = next(folder.rglob("*.parquet")), next(turned.rglob("*.parquet"))
    assert load(train_file=str(train), validation_file=str(validation)).splits["evaluation"]["label"][:] == [1, 0]


@pytest.mark.parametrize("splits, evaluated", [(("train", "test"), 3), (("train", "validation", "test"), 2)])
def test_folder_is_evaluated_on_validation_else_test(load, tmp_path, splits, evaluated):
    counts = {"train": 4, "validation": 2, "test": 3}
    folder = put_folder(tmp_path / "mine", {split: labelled("ab", counts[split]) for split in splits})
    assert len(load(dataset_name=str(folder)).splits["evaluation"]) == evaluated


def test_data_root_stands_in_for_the_hub(load, tmp_path):
    names = ClassLabel(names=["negative", "positive"])
    sst2 = {split: labelled("ab", n, "sentence") for split, n in (("train", 6), ("validation", 3))}
    put_folder(tmp_path / "root" / "sst2", sst2, label=names)
    task = load(task_name="sst2", data_root=str(tmp_path / "root"))
    assert (task.name, task.label_names) == ("sst2", ["negative", "positive"])
    assert (len(task.splits["train"]), len(task.splits["evaluation"])) == (6, 3)
    by_id = load(dataset_name="stanfordnlp/sst2", data_root=str(tmp_path / "root"), text_column_names="sentence")
    assert by_id.splits["train"]["label"][:] == task.splits["train"]["label"][:]


@pytest.mark.parametrize("name, evaluation", [("rte", "validation"), ("mnli", "validation_matched")])
def test_data_root_takes_a_glue_task_from_the_folder_of_its_config(load, tmp_path, name, evaluation):
    columns = dict.fromkeys(TASKS[name].text, ["one", "two"]) | {"label": [0, 1]}
    put_folder(tmp_path / "root" / name, {"train": columns, evaluation: columns})
    task = load(task_name=name, data_root=str(tmp_path / "root"))
    assert task.text_columns == list(TASKS[name].text)
    assert len(task.splits["evaluation"]) == 2


def test_twitter_integers_get_their_names_from_the_table(load, tmp_path):
    columns = {"text": ["a", "b", "c"], "label": [2, 19, 0]}
    put_folder(tmp_path / "root" / "twitter-financial-news-topic", {"train": columns, "validation": columns})
    task = load(task_name="twitter_financial_news_topic", data_root=str(tmp_path / "root"))
    assert task.label_names[2] == "Company | Product News" and len(task.label_names) == 20
    assert task.splits["evaluation"]["label"][:] == [2, 19, 0]


@pytest.mark.parametrize("name", ["a [1].csv", "**.csv", "a?.csv", "{a,b}.csv"])
def test_file_name_is_no_pattern(load, put, name):
    file = put(name, GOOD)
    put("a 1.csv", "text,label\nanother,x\nfile,y\n")
    assert load(train_file=file, validation_file=file).splits["train"]["text"][:] == ["a b", "c d"]


def test_cache_that_cannot_be_written_is_refused(put):
    file = put("train.csv", GOOD)
    with pytest.raises(UserError, match="train.csv"):
        load_task(DataArguments(train_file=file, validation_file=file), ModelArguments(cache_dir=file))


def test_fingerprint_changes_with_one_text_and_with_one_label(load, put):
    contents = [GOOD, GOOD, GOOD.replace("c d", "c e"), GOOD.replace("c d,y", "c d,x") + "e,y\n"]
    prints = []
    for number, content in enumerate(contents):
        file = put(f"train{number}.csv", content)
        prints.append(load(train_file=file, validation_file=put(f"validation{number}.csv", GOOD)).fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_describe_counts_and_the_majority_baseline(load, put):
    train = put("train.csv", table([("a", "x"), ("b", "x"), ("c", "y")]))
    validation = put("validation.csv", table([("a", "x"), ("b", "x"), ("c", "x"), ("d", "y")]))
    described = load(train_file=train, validation_file=validation).describe()
    assert described["examples"] == {"train": 3, "evaluation": 4}
    # always "x": precision 3/4, recall 1, F1 6/7 with weight 3/4; "y" counts 0
    assert described["majority"] == pytest.approx(6 / 7 * 3 / 4)
    assert json.loads(json.dumps(described)) == described


def test_csv_helper_and_loader_agree(load, tmp_path):
    rows = make_rows(10, seed=4)
    file = write_csv(tmp_path / "rows.csv", rows)
    task = load(train_file=file, validation_file=file)
    assert task.splits["train"]["text"][:] == [text for text, _ in rows]
    assert [task.label_names[i] for i in task.splits["train"]["label"]] == [label for _, label in rows]
