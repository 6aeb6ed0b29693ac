"""Tasks of text alone: what is hidden, what is scored once, and by what."""

import copy
import json
import pathlib
import random
import warnings

import numpy as np
import pytest
import torch
from helpers.runs import predictions, read, rewind, run_with
from helpers.small import FILLER, WORDS, save_bare_gpt2
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.arguments.groups import DataArguments
from healbert.tasks.load import tokenize
from healbert.tasks.types import TaskType, task_type
from healbert.tasks.types.causal_lm import windows

MASKED, CAUSAL = task_type("masked_lm"), task_type("causal_lm")
NAMES = ["good", *WORDS["good"]]


def texts(count, seed):
    rng = random.Random(seed)
    return [" ".join(rng.choice(FILLER) for _ in range(rng.randint(3, 12))) for _ in range(count)]


@pytest.fixture
def files(put):
    return {
        f"{name}_file": put(f"{name}.csv", {"text": texts(*size)})
        for name, size in {"train": (64, 1), "validation": (20, 2)}.items()
    }


@pytest.fixture
def with_head(tiny_bert, tmp_path):
    """The tiny BERT with a head that scores tokens."""
    torch.manual_seed(1)
    AutoModelForMaskedLM.from_pretrained(tiny_bert).save_pretrained(tmp_path / "head")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "head")
    return str(tmp_path / "head")


@pytest.fixture
def gpt2(tmp_path):
    return save_bare_gpt2(tmp_path / "gpt2")


def test_metrics_are_their_definitions():
    sums = np.float32([[2.0, 4, 1, 10], [4.0, 2, 2, 14]])  # nats, tokens, right ones, bytes
    assert {name: float(metric.function(sums, None)) for name, metric in MASKED.metrics().items()} == {
        "masked_loss": 1.0,
        "masked_accuracy": 0.5,
    }
    found = {name: float(metric.function(sums, None)) for name, metric in CAUSAL.metrics().items()}
    assert found == pytest.approx({"bits_per_byte": 6 / np.log(2) / 24, "perplexity": np.e})
    assert not MASKED.greater_is_better and not CAUSAL.greater_is_better
    many, counts = np.random.default_rng(0).uniform(1, 9, (30, 4)), example_counts(30, 0, 9)
    for kind in (MASKED, CAUSAL):
        slow = TaskType.resampled(kind, many[:, 1], many, 0, counts)
        assert kind.resampled(many[:, 1], list(many), 0, counts) == pytest.approx(slow)


@pytest.mark.parametrize(
    "length, longest, stride", [(2, 8, 4), (8, 8, 4), (9, 8, 4), (30, 8, 4), (31, 8, 7), (9, 2, 1)]
)
def test_windows_score_every_token_once_with_what_came_before(length, longest, stride):
    scored = []
    for start, first, end in windows(length, longest, stride):
        assert 0 <= start < first < end <= length and end - start <= longest
        assert start == 0 or end - start == longest, "with as much as a window holds"
        scored += range(first, end)
    assert scored == list(range(1, length))


@pytest.mark.parametrize("size", [128, 6])
def test_causal_run_has_the_bits_of_a_loop_over_the_texts(run_flags, files, gpt2, put, size):
    with open(files["validation_file"], "a", encoding="utf-8") as file:
        file.write("xyz\ngood dog gad\n")
    settings = run_flags | files | {"model_name_or_path": gpt2, "task_type": "causal_lm", "max_seq_length": size}
    results = run_with(settings | {"save_model": True, "learning_rate": 1e-3}, corrupt_level=0, num_train_epochs=1)
    folder, task = settings["output_dir"], results["task"]
    model, tokenizer = (of.from_pretrained(folder) for of in (AutoModelForCausalLM, AutoTokenizer))
    lines = [*texts(20, 2), "good dog gad"]
    assert size < 128 or len(predictions(folder)) == 21, "a text without a token is left out"
    nats = count = 0
    for line in lines:  # each token from all before it that a window of the evaluation holds
        ids = [tokenizer.eos_token_id, *tokenizer(line)["input_ids"]]
        for start, first, end in windows(len(ids), size, max(1, size // 2)):
            with torch.no_grad():
                scores = model.eval()(torch.tensor([ids[start:end]])).logits[0].log_softmax(-1)
            nats -= sum(scores[place - start - 1, ids[place]].item() for place in range(first, end))
            count += end - first
    expected = {
        "bits_per_byte": nats / np.log(2) / sum(len(line.encode()) for line in lines),
        "perplexity": np.exp(nats / count),
    }
    assert {name: results["metrics"]["healed"][name] for name in expected} == pytest.approx(expected, rel=1e-4)
    frame = predictions(folder)
    assert frame["label"].sum() == sum(len(line.encode()) for line in lines)
    assert (task["primary_metric"], task["baseline"]["name"]) == ("bits_per_byte", "unigrams")
    assert results["collapsed"] is (results["metrics"]["healed"]["bits_per_byte"] >= task["majority"])
    assert read(folder) == json.loads(json.dumps(results))


def test_masked_run_scores_what_is_hidden(run_flags, files, with_head):
    from transformers import pipeline

    settings = run_flags | files | {"model_name_or_path": with_head, "task_type": "masked_lm", "selection": "dev"}
    results = run_with(settings | {"save_model": True, "learning_rate": 1e-2}, num_train_epochs=2)
    folder = settings["output_dir"]
    model, tokenizer = (of.from_pretrained(folder) for of in (AutoModelForMaskedLM, AutoTokenizer))
    encode, _ = MASKED.encode_split("evaluation", None, tokenizer, DataArguments(**files))
    nats = hits = count = 0
    for line in texts(20, 2):
        row = encode({"text": [line]})
        ids, labels = row["input_ids"][0], row["labels"][0]
        with torch.no_grad():
            scores = model.eval()(torch.tensor([ids])).logits[0].log_softmax(-1)
        for place, label in enumerate(labels):
            if label != -100:
                nats, hits, count = (
                    nats - scores[place, label].item(),
                    hits + (scores[place].argmax() == label).item(),
                    count + 1,
                )
    expected = {"masked_loss": nats / count, "masked_accuracy": hits / count}
    assert {name: results["metrics"]["healed"][name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert results["metrics"]["healed"]["masked_loss"] < results["metrics"]["damaged"]["masked_loss"]
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert set(steps) <= set(predictions(folder)) and set(steps) <= set(predictions(folder, "predictions_dev.parquet"))
    assert len(pipeline("fill-mask", model=folder, tokenizer=folder)("the film [MASK] good")) == 5


def test_masks_of_evaluation_depend_on_the_text_alone_and_those_of_training_on_epoch_and_seed(load, files, tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    whole, part = (load(**files, task_type="masked_lm", max_eval_samples=size) for size in (20, 7))
    for task in (whole, part):
        tokenize(task, tokenizer, DataArguments(**files))
    by_id = {row["id"]: row for row in whole.splits["evaluation"]}
    for row in part.splits["evaluation"]:
        assert row == by_id[row["id"]]
        assert row["label"] == sum(label != -100 for label in row["labels"]) >= 1
    ids = torch.tensor([row["input_ids"] for row in whole.splits["train"] if len(row["input_ids"]) == 12])
    draws = {
        key: MASKED.training_inputs(tokenizer, key[0])({"input_ids": ids}, key[1]) for key in ((1, 0), (1, 1), (2, 0))
    }
    again = MASKED.training_inputs(tokenizer, 1)({"input_ids": copy.deepcopy(ids)}, 0)
    assert torch.equal(draws[1, 0]["labels"], again["labels"])
    assert not any(torch.equal(draws[1, 0]["labels"], draws[key]["labels"]) for key in ((1, 1), (2, 0)))
    chosen = again["labels"] != -100
    assert torch.equal(again["labels"][chosen], ids[chosen]) and torch.equal(again["input_ids"][~chosen], ids[~chosen])


def test_baseline_is_that_of_single_tokens(load, put, tiny_bert):
    path = put("t.csv", {"text": ["the film the", "the town"]})
    task = load(train_file=path, validation_file=path, task_type="masked_lm")
    tokenize(task, AutoTokenizer.from_pretrained(tiny_bert), DataArguments(train_file=path, validation_file=path))
    labels = [label for row in task.splits["evaluation"]["labels"] for label in row if label != -100]
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    shares = {
        tokenizer.convert_tokens_to_ids(word): (count + 1) / 9
        for word, count in {"the": 3, "film": 1, "town": 1}.items()
    }
    assert MASKED.baseline(task.splits) == pytest.approx(-np.mean([np.log(shares[label]) for label in labels]))


def test_column_that_holds_no_text_is_refused(load, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": ["a", "b"]}\n' * 4)
    with pytest.raises(UserError, match="column 'text' of .* holds List, not text"):
        load(train_file=str(path), validation_file=str(path), task_type="masked_lm", text_column_names="text")


def test_column_that_evaluation_lacks_is_named(load, put):
    train, other = put("t.jsonl", {"text": ["a b", "c d"]}), put("v.jsonl", {"sentence": ["a b", "c d"]})
    with pytest.raises(UserError, match="--validation_file has no text column 'text'"):
        load(train_file=train, validation_file=other, task_type="masked_lm")


def test_blank_texts_are_left_out_and_counted(load, put):
    path = put("t.jsonl", {"text": ["a b", "", " ", "c d"]})
    with pytest.warns(UserWarning, match="2 texts of --train_file are blank and left out"):
        task = load(train_file=path, validation_file=path, task_type="masked_lm")
    assert task.splits["train"]["id"][:] == [0, 3]
    blank = put("b.jsonl", {"text": ["", " "]})
    with warnings.catch_warnings(), pytest.raises(UserError, match="--train_file holds no text, only blank rows"):
        load(train_file=blank, validation_file=path, task_type="causal_lm")


@pytest.mark.parametrize("pad", [False, True])
def test_texts_without_a_token_are_left_out_of_masked_texts(load, put, tiny_bert, pad):
    tokenizer, settings = AutoTokenizer.from_pretrained(tiny_bert), {"pad_to_max_length": pad, "max_seq_length": 12}
    path = put("t.jsonl", {"text": ["the film", "\u200b\u200b", "the town", "[SEP]"]})
    task = load(train_file=path, validation_file=path, task_type="masked_lm")
    with pytest.warns(UserWarning, match="2 texts of (train|evaluation) come to no token and are left out") as said:
        tokenize(task, tokenizer, DataArguments(train_file=path, validation_file=path, **settings))
    assert len(said) == 2 and all(rows["id"][:] == [0, 2] for rows in task.splits.values())
    assert MASKED.baseline(task.splits) > 0
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for row in task.splits["evaluation"]:
        hidden = [label for label in row["labels"] if label != -100]
        assert len(hidden) == row["label"] >= 1 and not special & set(hidden)
    empty = put("e.jsonl", {"text": ["\u200b", "\u200b"]})
    task = load(train_file=empty, validation_file=path, task_type="masked_lm")
    with pytest.raises(UserError, match="no text of train comes to a token"):
        tokenize(task, tokenizer, DataArguments(train_file=empty, validation_file=path))


def test_text_without_labels_is_refused_with_the_types_that_would_fit(load, files):
    with pytest.raises(UserError, match="no label column 'label'.*masked_lm or causal_lm"):
        load(**files)


def test_type_that_the_architecture_has_no_head_for_is_refused(run_flags, files, gpt2):
    settings = run_flags | files | {"model_name_or_path": gpt2, "task_type": "masked_lm"}
    pathlib.Path(files["train_file"]).write_text("text\n")  # said before the texts are read
    with pytest.raises(UserError, match="gpt2, which has no head for masked_lm; it has one for causal_lm"):
        run_with(settings)


def test_tokenizer_without_a_mask_is_refused(gpt2):
    with pytest.raises(UserError, match="no mask token; give --task_type causal_lm"):
        task_type("masked_lm").encode_split("train", None, AutoTokenizer.from_pretrained(gpt2), DataArguments())


def test_label_of_a_table_task_does_not_count(load, shared_data):
    with pytest.raises(UserError, match=r"\['sentence1', 'sentence2'\]|columns 'sentence1', 'sentence2' are texts"):
        load(task_name="rte", data_root=str(shared_data), task_type="masked_lm")
    assert load(
        task_name="sst2", data_root=str(shared_data), task_type="masked_lm", max_train_samples=9
    ).text_columns == ["sentence"]
    assert make_arguments(task_name="sst2", task_type="masked_lm", use_cpu=True).training.greater_is_better is False


def test_head_is_trained_once_on_the_intact_model_and_serves_every_damage(
    run_flags, files, tiny_bert, tmp_path, capsys
):
    settings = run_flags | files | {"task_type": "masked_lm", "learning_rate": 1e-4}
    found = {}
    for level in (0, 0.5):
        out = {"output_dir": str(tmp_path / "runs" / str(level)), "corrupt_level": level}
        found[level] = run_with(settings | out, num_train_epochs=1)
    (head,) = (tmp_path / "runs" / ".heads").glob("*.safetensors")
    assert capsys.readouterr().out.count("one is trained on the intact model") == 1
    assert found[0]["model"]["head"] == found[0.5]["model"]["head"]
    assert found[0]["model"]["head"] == {"trained_on": 64, "epochs": 3, "content": head.stem}
    assert load_file(head)["cls.predictions.bias"].abs().max() > 0.001, "a new one has zeros"
    again = run_with(settings | {"output_dir": str(tmp_path / "runs" / "again"), "corrupt_level": 0, "seed": 7})
    assert again["metrics"]["damaged"] == found[0]["metrics"]["damaged"], "whatever the run's seed"


def test_interrupted_run_goes_on_with_the_masks_that_it_would_have_had(run_flags, files, put, with_head, tmp_path):
    settings = run_flags | files | {"train_file": put("more.csv", {"text": texts(96, 3)}), "task_type": "masked_lm"}
    settings |= {"model_name_or_path": with_head, "save_model": True, "save_total_limit": 9, "num_train_epochs": 3}
    whole = run_with(settings)
    folder = rewind(pathlib.Path(settings["output_dir"]), tmp_path / "again", 1)
    again = run_with(settings, output_dir=str(folder))
    assert again["resumed_from"] == "checkpoint-12" and again["metrics"] == whole["metrics"]
