"""Tasks of one right choice: which columns are what, pairs that the model sees, accuracy, and what does not fit."""

import json
import random

import numpy as np
import pytest
import torch
from helpers.runs import predictions, read, run_with
from helpers.small import FILLER
from transformers import AutoModelForMultipleChoice, AutoTokenizer

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.arguments.groups import DataArguments
from healbert.publish.usage import usage
from healbert.tasks.load import tokenize
from healbert.tasks.types import TaskType, task_type

KIND = task_type("multiple_choice")
COLUMNS = "premise,question,choice1,choice2,choice3"


def rows(count, seed):
    """The right one of three choices is the one with a good word."""
    rng = random.Random(seed)
    found = {name: [] for name in (*COLUMNS.split(","), "label")}
    for _ in range(count):
        right = rng.randrange(3)
        found["premise"].append(" ".join(rng.choices(FILLER, k=rng.randint(2, 7))))
        found["question"].append("town")
        found["label"].append(right)
        for place in range(3):
            words = [*rng.choices(FILLER, k=rng.randint(1, 4)), "good" if place == right else "bad"]
            found[f"choice{place + 1}"].append(" ".join(words))
    return found


@pytest.fixture
def files(put):
    found = {"train_file": put("t.csv", rows(60, 1)), "validation_file": put("v.csv", rows(24, 2))}
    return found | {"text_column_names": COLUMNS, "task_type": "multiple_choice"}


def test_metric_and_resamples_are_their_definitions():
    assert list(KIND.metrics()) == ["choice_accuracy"]
    assert KIND.primary_score([0, 2, 1, 1], [0, 2, 2, 0]) == 0.5
    labels, predicted, counts = np.array([0, 2, 2, 0]), np.array([0, 2, 1, 1]), example_counts(4, 0, 6)
    assert KIND.resampled(labels, predicted, 0, counts) == pytest.approx(
        TaskType.resampled(KIND, labels, predicted, 0, counts)
    )


def test_each_choice_is_a_pair_with_the_context(load, files, tiny_bert):
    task, tokenizer = load(**files), AutoTokenizer.from_pretrained(tiny_bert)
    assert task.label_names == ["choice1", "choice2", "choice3"]
    source = rows(24, 2)
    tokenize(task, tokenizer, DataArguments(**files, max_seq_length=32))
    encoded = list(task.splits["evaluation"])
    special = tokenizer.cls_token_id, tokenizer.sep_token_id
    for number, row in enumerate(encoded):
        for place in range(3):
            context, choice = (
                tokenizer(text, add_special_tokens=False)["input_ids"]
                for text in (f"{source['premise'][number]} town", source[f"choice{place + 1}"][number])
            )
            assert row["input_ids"][place] == [special[0], *context, special[1], *choice, special[1]]
            assert row["token_type_ids"][place] == [0] * (len(context) + 2) + [1] * (len(choice) + 1)
    batch = KIND.collator(tokenizer)(encoded[:5])
    longest = max(len(ids) for row in encoded[:5] for ids in row["input_ids"])
    assert batch["input_ids"].shape == (5, 3, longest) and batch["labels"].tolist() == source["label"][:5]
    assert batch["input_ids"][4, 2][batch["attention_mask"][4, 2] == 1].tolist() == encoded[4]["input_ids"][2]


def test_run_learns_and_has_the_logits_of_the_saved_model(run_flags, files):
    settings = (
        run_flags | files | {"save_model": True, "corrupt_level": 0.25, "selection": "dev", "learning_rate": 1e-2}
    )
    results = run_with(settings, num_train_epochs=4, measure_damage=True)
    folder, task, frame = settings["output_dir"], results["task"], predictions(settings["output_dir"])
    model, tokenizer = AutoModelForMultipleChoice.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    source = rows(24, 2)
    for number in range(5):  # one example at a time, and no batch
        choices = [source[f"choice{place}"][number] for place in (1, 2, 3)]
        inputs = tokenizer([f"{source['premise'][number]} town"] * 3, choices, return_tensors="pt", padding=True)
        with torch.no_grad():
            logits = model(**{name: value[None] for name, value in inputs.items()}).logits[0]
        assert frame["logits"][number] == pytest.approx(logits.numpy(), abs=1e-4)
    assert frame["prediction"].tolist() == [int(np.argmax(row)) for row in frame["logits"]]
    assert frame["label"].tolist() == source["label"]
    accuracy = np.mean(frame["label"] == frame["prediction"])
    assert results["metrics"]["healed"]["choice_accuracy"] == pytest.approx(accuracy)
    assert task["baseline"]["name"] == "commonest position"
    assert results["corruption"]["change"]["kl"] > 0
    assert results["collapsed"] is bool(accuracy <= task["majority"] or frame["prediction"].nunique() == 1)
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert steps == [name for name in frame if name.startswith("step_")]
    assert read(folder) == json.loads(json.dumps(results))
    shown = usage(results, "me/it", KIND)
    assert "AutoModelForMultipleChoice" in shown and "pipeline" not in shown


def test_baseline_is_the_commonest_position_of_train(load, files):
    train, evaluation = rows(60, 1)["label"], rows(24, 2)["label"]
    task = load(**files)
    commonest = max(range(3), key=train.count)
    assert KIND.baseline(task.splits) == pytest.approx(evaluation.count(commonest) / 24)


def test_labels_are_positions_or_names_of_columns(load, files, put):
    named = rows(24, 2)
    named["label"] = [f"choice{place + 1}" for place in named["label"]]
    task = load(**files | {"validation_file": put("named.csv", named)})
    assert task.splits["evaluation"]["label"][:] == rows(24, 2)["label"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"label": [0, 7, 1]}, r"labels that the list of choices lacks: '7' .*line 3"),
        ({"choice2": ["a", "", "b"]}, r"1 text of --train_file is empty or null in column 'choice2' .*line 3"),
        ({"label": [0, None, 1]}, r"label.*missing"),
    ],
)
def test_bad_rows_are_refused_by_line(load, files, put, change, message):
    with pytest.raises(UserError, match=message):
        load(**files | {"train_file": put("bad.csv", rows(3, 1) | change)})


def test_columns_that_are_no_choices_are_refused(load, files):
    with pytest.raises(UserError, match="are 2 of a context and 1 of choices"):
        load(**files | {"text_column_names": "premise,question,choice1"})
    with pytest.raises(UserError, match="2 columns that may be the context .*CONTEXT,choice1,choice2,choice3"):
        load(**{name: value for name, value in files.items() if name != "text_column_names"})


@pytest.mark.parametrize("flags", [{"pooling": "mean"}, {"reuse_frozen": True}, {"tsne": True}])
def test_what_needs_one_text_is_refused(run_flags, files, flags):
    with pytest.raises(UserError, match=f"--{next(iter(flags))}.* multiple_choice"):
        make_arguments(**run_flags | files | flags)
