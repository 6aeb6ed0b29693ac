"""Texts become tokens that a model can take, however unusual they are."""

import pytest
import torch
from helpers.data import GOOD, table
from helpers.small import save_bare_gpt2, save_tiny_bert

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import tokenize
from healbert.utils.errors import UserError

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


@pytest.mark.parametrize("most, said", [(2, "model_max_length of the tokenizer, 2"), (None, "--max_seq_length 2")])
def test_a_limit_that_leaves_nothing_of_a_text_is_refused(load, csv_files, tiny_bert, most, said):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.model_max_length = most or tokenizer.model_max_length
    data = DataArguments(**csv_files, max_seq_length=8 if most else 2)
    with pytest.raises(UserError, match=f"^{said} leaves no token of a text; 3 is the least"):
        tokenize(load(**csv_files), tokenizer, data)
