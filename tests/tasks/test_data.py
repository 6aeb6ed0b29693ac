"""Raw data of every supported kind becomes checked splits; bad data is named in one line."""

import contextlib
import json
import logging
import re

import numpy as np
import pandas
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from helpers.small import make_rows, save_bare_gpt2, save_tiny_bert, write_csv

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import load_task, tokenize
from healbert.tasks.sampling import stratified_sample
from healbert.tasks.table import EMBEDDED_TASK, REGRESSION_TASKS, TASKS
from healbert.utils.errors import UserError

PAPER_TASKS = "sst2 imdb ag_news emotion dbpedia_14 twitter_financial_news_topic".split()
GLUE_TASKS = "cola mnli mrpc qnli qqp rte wnli".split()
GOOD = "text,label\na b,x\nc d,y\n"

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


@pytest.fixture
def load(tmp_path):
    """Calls `load_task` with settings of `DataArguments`; the cache lies in the test's own folder."""

    def call(selection="best_eval", dev_fraction=0.1, **settings):
        model = ModelArguments(cache_dir=str(tmp_path / "cache"))
        return load_task(DataArguments(**settings), model, selection, dev_fraction)

    return call


@pytest.fixture
def put(tmp_path):
    """Writes one frame (or raw text, or bytes) to a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, (str, bytes)):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            WRITERS[path.suffix[1:]](pandas.DataFrame(content), path)
        return str(path)

    return write


def put_folder(folder, splits, label=None):
    """A folder that `datasets.load_dataset` opens: one parquet file per split, laid out as on the Hub."""
    (folder / "data").mkdir(parents=True)
    for split, columns in splits.items():
        features = Features({k: label if k == "label" else Value("string") for k in columns}) if label else None
        Dataset.from_dict(columns, features=features).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def table(rows):
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


def labelled(names, count=4, column="text"):
    return {column: [f"text {i}" for i in range(count)], "label": [i % len(names) for i in range(count)]}


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


@pytest.mark.parametrize("size", [2, 7, 50, 99, 100])
def test_stratified_sample_keeps_every_share_to_within_one(size):
    labels = np.random.default_rng(3).permutation([0] * 60 + [1] * 27 + [2] * 9 + [7] * 4)
    drawn = stratified_sample(labels, size, seed=5)
    assert len(drawn) == len(set(drawn.tolist())) == size
    assert (np.diff(drawn) > 0).all()
    for value, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert abs((labels[drawn] == value).sum() - size * count / 100) < 1


def test_stratified_sample_depends_on_its_seed_alone():
    labels = np.arange(200) % 3
    first = stratified_sample(labels, 50, seed=1)
    np.random.seed(0)
    assert (stratified_sample(labels.tolist(), 50, seed=1) == first).all()
    assert (stratified_sample(labels, 50, seed=2) != first).any()
    assert first.max() > 100  # a draw, not the first rows


def test_samples_are_stratified_and_ids_are_rows_of_the_source(load, put):
    rows = [(f"text {i}", "rare" if i % 4 == 0 else "common") for i in range(80)]
    file = put("train.csv", table(rows))
    task = load(train_file=file, validation_file=file, max_train_samples=40, max_eval_samples=20)
    train = task.splits["train"]
    assert [rows[i][0] for i in train["id"]] == train["text"][:]
    assert train["label"][:].count(1) == 10 and len(train) == 40
    assert len(task.splits["evaluation"]) == 20
    other = load(train_file=file, validation_file=file, max_train_samples=40, sample_seed=1)
    assert other.splits["train"]["id"][:] != train["id"][:]


def test_limits_above_the_size_take_everything(load, csv_files):
    task = load(**csv_files, max_train_samples=10_000, max_eval_samples=10_000)
    assert task.splits["train"]["id"][:] == list(range(96))
    assert task.splits["evaluation"]["id"][:] == list(range(42))


def test_dev_part_is_held_out_of_train_and_stratified(load, put):
    rows = [(f"text {i}", "rare" if i % 5 == 0 else "common") for i in range(100)]
    file = put("train.csv", table(rows))
    splits = load("dev", 0.2, train_file=file, validation_file=file).splits
    train, dev = set(splits["train"]["id"]), set(splits["dev"]["id"])
    assert (train & dev, train | dev) == (set(), set(range(100)))
    assert len(dev) == 20 and splits["dev"]["label"][:].count(1) == 4
    assert [rows[i][0] for i in splits["dev"]["id"]] == splits["dev"]["text"][:]
    assert splits["evaluation"]["id"][:] == list(range(100))


@pytest.mark.parametrize("rows, fraction", [(6, 0.95), (1, 0.1)])
def test_dev_part_that_would_be_all_of_train_is_refused(load, put, rows, fraction):
    file = put("train.csv", labelled("xy", rows))
    with pytest.raises(UserError, match=f"hold out {rows} of {rows} training examples; use a smaller --dev_fraction"):
        load("dev", fraction, train_file=file, validation_file=file)


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


@contextlib.contextmanager
def logged_errors():
    """The messages that datasets logs meanwhile."""
    lines, handler, logger = [], logging.Handler(), logging.getLogger("datasets")
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


BAD_FILES = {
    "no label column": ("csv", "text,kind\na,x\nb,y\n", {}, ["'label'", "text, kind", "--label_column_name"]),
    "named label column missing": ("csv", GOOD, {"label_column_name": "topic"}, ["'topic'", "text, label"]),
    "named text column missing": ("csv", GOOD, {"text_column_names": "body"}, ["'body'", "text, label"]),
    "no text column recognised": ("csv", "a,b,label\nq,r,x\ns,t,y\n", {}, ["a, b, label", "--text_column_names"]),
    "three text columns": ("csv", "a,b,c,label\n1,2,3,x\n", {"text_column_names": "a,b,c"}, ["3 columns"]),
    "the same text column twice": ("csv", GOOD, {"text_column_names": "text,text"}, ["text"]),
    "text and label are one column": ("csv", GOOD, {"text_column_names": "label"}, ["label"]),
    "empty text": ("csv", 'text,label\na,x\n"",y\nb,y\n', {}, ["1 texts", "'text'", "row 1"]),
    "null text": ("jsonl", '{"text": null, "label": "x"}\n{"text": "b", "label": "y"}', {}, ["1 texts", "row 0"]),
    "empty label": ("csv", "text,label\na,x\nb,y\nc,\n", {}, ["1 labels", "row 2"]),
    "empty integer label": ("csv", "text,label\na,0\nb,1\nc,\n", {}, ["1 labels", "row 2"]),
    "null label": ("jsonl", '{"text": "a", "label": null}\n{"text": "b", "label": "y"}', {}, ["1 labels", "row 0"]),
    "null integer label": ("jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": null}', {}, ["labels", "row 1"]),
    "single class": ("csv", "text,label\na,x\nb,x\n", {}, ["single class", "'x'"]),
    "float labels": ("csv", "text,label\na,0.5\nb,1.5\n", {}, ["float", "regression is not supported"]),
    "lists of labels": (
        "jsonl",
        '{"text": "a", "label": ["x"]}\n{"text": "b", "label": ["y"]}',
        {},
        ["labels", "list"],
    ),
    "header only": ("csv", "text,label\n", {}, ["no examples", "bad.csv"]),
    "empty list": ("json", "[]", {}, ["no examples", "bad.json"]),
    "unequal rows": ("csv", "text,label\na,x\nb,y,z\n", {}, ["line 3", "bad.csv"]),
    "open quote": ("csv", 'text,label\n"a,x\nb,y\n', {}, ["row 1", "bad.csv"]),
    "not UTF-8": ("csv", "text,label\ncafé au lait,x\nb,y\n".encode("latin-1"), {}, ["utf-8", "bad.csv"]),
    "malformed jsonl": ("jsonl", '{"text": "a", "label": "x"}\n{"text"', {}, ["JSON", "bad.jsonl"]),
    "malformed json": ("json", '[{"text": "a"', {}, ["bad.json"]),
    "no parquet": ("parquet", "hello", {}, ["arquet", "bad.parquet"]),
    "text column of numbers": ("csv", "n,label\n1,x\n2,y\n", {"text_column_names": "n"}, ["'n'", "int64", "not text"]),
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
    "label that train lacks": ("text,label\na,x\nb,zebra\n", ["zebra", "train lacks", "['x', 'y']"]),
    "no label column": ("text,kind\na,x\n", ["'label'", "text, kind"]),
    "no text column": ("body,label\na,x\n", ["'text'", "body, label"]),
    "empty text": ('text,label\na,x\n"",y\n', ["evaluation", "row 1"]),
    "empty label": ('text,label\na,x\nb,""\n', ["evaluation", "row 1"]),
    "integers where train has names": ("text,label\na,5\n", ["5", "train lacks"]),
}


@pytest.mark.parametrize("content, named", BAD_VALIDATION.values(), ids=BAD_VALIDATION.keys())
@pytest.mark.parametrize("flag", ["validation_file", "test_file"])
def test_bad_validation_or_test_file_is_named(load, put, content, named, flag):
    files = {"train_file": put("train.csv", GOOD), "validation_file": put("fine.csv", GOOD)}
    with pytest.raises(UserError) as caught:
        load(**files | {flag: put("bad.csv", content)})
    for part in named:
        assert part.replace("evaluation", "test" if flag == "test_file" else "evaluation") in str(caught.value)


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


HARMLESS = {
    "emoji": "good 😀👩‍👩‍👧🏽 film",
    "right to left": "فيلم جيد ‏טוב",
    "NUL bytes": "good\0film\0",
    "one megabyte": "good film " * 100_000,
    "one word of a megabyte": "a" * 1_000_000,
    "zero-width space": "\u200b",
    "white space": " \t ",
    "lone combining mark": "\u0301",
    "unassigned code point": "\U000e0fff",
}


def forward(task, model_arguments, data):
    """Tokenizes the training split and passes it through the model in one batch: logits."""
    from transformers import DataCollatorWithPadding

    from healbert.models.loading import load_model, load_tokenizer

    tokenizer = load_tokenizer(model_arguments)
    tokenize(task, tokenizer, data)
    model = load_model(model_arguments, task.label_names, tokenizer.pad_token_id).eval()
    rows = task.splits["train"].remove_columns("id")
    batch = DataCollatorWithPadding(tokenizer)(list(rows))
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.parametrize("padding", [False, True], ids=["dynamic padding", "pad_to_max_length"])
@pytest.mark.parametrize("save", [save_tiny_bert, save_bare_gpt2], ids=["bert", "gpt2"])
def test_unusual_texts_do_no_harm(load, put, tmp_path, save, padding):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate(HARMLESS.values())]
    files = {"train_file": put("train.jsonl", table(rows)), "validation_file": put("validation.csv", GOOD)}
    task = load(**files)
    assert task.splits["train"]["text"][:] == list(HARMLESS.values())
    model = ModelArguments(model_name_or_path=save(tmp_path / "model"))
    data = DataArguments(**files, pad_to_max_length=padding, max_seq_length=64)
    logits = forward(task, model, data)
    assert logits.shape == (len(HARMLESS), 2) and torch.isfinite(logits).all()


@pytest.mark.parametrize("save", [save_tiny_bert, save_bare_gpt2], ids=["bert", "gpt2"])
def test_batch_of_texts_without_a_token(load, put, tmp_path, save):
    file = put("train.csv", "text,label\n\u200b,x\n\u200b,y\n")
    data = DataArguments(train_file=file, validation_file=file)
    model = ModelArguments(model_name_or_path=save(tmp_path / "model"))
    logits = forward(load(train_file=file, validation_file=file), model, data)
    assert logits.shape == (2, 2) and torch.isfinite(logits).all()


def test_texts_longer_than_the_model_takes_are_cut(load, put, tiny_bert):
    # The tokenizer here names no longest input; the model's position embeddings end at 64.
    files = {"train_file": put("train.csv", f"text,label\n{'good film ' * 90},x\nb,y\n")}
    files["validation_file"] = put("validation.csv", GOOD)
    logits = forward(load(**files), ModelArguments(model_name_or_path=tiny_bert), DataArguments(**files))
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("content", ["text,label\n{nul},x\nb,y\n", "text,label\n{long},x\nb,y\n"])
def test_unusual_texts_in_csv(load, put, content):
    text = HARMLESS["NUL bytes"] if "nul" in content else HARMLESS["one megabyte"]
    file = put("train.csv", content.format(nul=text, long=text))
    assert load(train_file=file, validation_file=file).splits["train"]["text"][0] == text


def test_tokenizing_honours_length_and_padding(load, csv_files, tiny_bert):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    plain, padded = load(**csv_files), load(**csv_files)
    tokenize(plain, tokenizer, DataArguments(**csv_files, max_seq_length=8))
    tokenize(padded, tokenizer, DataArguments(**csv_files, max_seq_length=8, pad_to_max_length=True))
    lengths = [len(ids) for ids in plain.splits["train"]["input_ids"]]
    assert max(lengths) == 8 and min(lengths) < 8
    assert {len(ids) for ids in padded.splits["train"]["input_ids"]} == {8}


def test_several_workers_tokenize_alike(load, csv_files, tiny_bert):
    from transformers import AutoTokenizer

    one, two = load(**csv_files), load(**csv_files)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenize(one, tokenizer, DataArguments(**csv_files))
    tokenize(two, tokenizer, DataArguments(**csv_files, preprocessing_num_workers=2))
    assert one.splits["train"][:] == two.splits["train"][:]


def test_table_holds_the_paper_and_glue():
    assert set(TASKS) == {*PAPER_TASKS, *GLUE_TASKS, EMBEDDED_TASK}
    assert "stsb" in REGRESSION_TASKS


@pytest.mark.parametrize("name", TASKS)
def test_table_entry_is_sane(name):
    task = TASKS[name]
    assert re.fullmatch(r"[\w.-]+(/[\w.-]+)?", task.dataset)
    assert 1 <= len(task.text) <= 2 and all(task.text) and task.label
    assert task.evaluation in ("validation", "test", "validation_matched")
    assert len(set(task.label_names)) == len(task.label_names)
    expected = ("nyu-mll/glue", name) if name in GLUE_TASKS else (task.dataset, task.config)
    assert (task.dataset, task.config) == expected


REAL = {  # train rows, evaluation rows, classes (../shared/data/README.md)
    "sst2": (67_349, 872, 2),
    "imdb": (25_000, 25_000, 2),
    "ag_news": (10_001, 7_600, 4),
    "emotion": (16_000, 2_000, 6),
    "dbpedia_14": (5_000, 5_000, 14),
    "twitter_financial_news_topic": (16_990, 4_117, 20),
    "rte": (2_490, 277, 2),
}


@pytest.mark.parametrize("name", REAL)
def test_real_task(load, shared_data, name):
    task = load(task_name=name, data_root=str(shared_data))
    train, evaluation, classes = REAL[name]
    assert task.describe()["examples"] == {"train": train, "evaluation": evaluation}
    assert len(task.label_names) == classes
    assert set(task.splits["train"]["label"]) == set(range(classes))


def test_real_sample_keeps_the_shares_of_the_classes(load, shared_data):
    whole = load(task_name="emotion", data_root=str(shared_data))
    part = load(task_name="emotion", data_root=str(shared_data), max_train_samples=1000)
    shares = np.bincount(whole.splits["train"]["label"]) / 16
    assert np.abs(np.bincount(part.splits["train"]["label"]) - shares).max() < 1


def test_csv_helper_and_loader_agree(load, tmp_path):
    rows = make_rows(10, seed=4)
    file = write_csv(tmp_path / "rows.csv", rows)
    task = load(train_file=file, validation_file=file)
    assert task.splits["train"]["text"][:] == [text for text, _ in rows]
    assert [task.label_names[i] for i in task.splits["train"]["label"]] == [label for _, label in rows]
