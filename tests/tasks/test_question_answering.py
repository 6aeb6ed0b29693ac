"""Tasks of answers in a context: windows, places, SQuAD's two metrics, questions without an answer, bad rows."""

import json
import random

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.runs import predictions, read, run_with
from helpers.small import FILLER, save_tiny_t5
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.models.loading import describe_model, load_model
from healbert.tasks.load import tokenize
from healbert.tasks.squad import normalised, scores
from healbert.tasks.types import TaskType, task_type

KIND = task_type("question_answering")


def rows(count, seed, without=0.0, words=(6, 40)):
    """Where is the good word? Contexts of up to 40 words, some of which lack one."""
    rng = random.Random(seed)
    found = {"question": [], "context": [], "answers": []}
    for _ in range(count):
        text = rng.choices(FILLER, k=rng.randint(*words))
        answers = {"text": [], "answer_start": []}
        if rng.random() >= without:
            where = rng.randrange(len(text))
            text[where] = "lovely"
            answers = {"text": ["lovely"], "answer_start": [len(" ".join([*text[:where], ""]))]}
        found["question"].append("what was lovely")
        found["context"].append(" ".join(text))
        found["answers"].append(answers)
    return found


def put_rows(path, found):
    Dataset.from_dict(found).to_parquet(path)
    return str(path)


@pytest.fixture
def files(tmp_path):
    return {
        "train_file": put_rows(tmp_path / "t.parquet", rows(40, 1)),
        "validation_file": put_rows(tmp_path / "v.parquet", rows(12, 2)),
        "task_type": "question_answering",
    }


@pytest.mark.parametrize(
    "answer, right, f1, exact",
    [
        ("The  Eiffel-Tower!", ["eiffeltower"], 1.0, 1.0),  # articles, case, white space and punctuation go
        ("a cat sat", ["the cat", "dog"], 2 * 1 / (2 + 1), 0.0),
        ("to be to", ["to be or not to be"], 2 * 3 / (3 + 6), 0.0),  # "to" twice, "be" once
        ("", [], 1.0, 1.0),
        ("something", [], 0.0, 0.0),
        ("", ["something"], 0.0, 0.0),
        ("the", ["an"], 1.0, 1.0),  # neither has a word left
    ],
)
def test_scores_are_squads(answer, right, f1, exact):
    assert scores(answer, right) == (pytest.approx(f1), exact)
    assert normalised("An answer, the  Answer") == "answer answer"


def test_metrics_count_each_question_once():
    windows = [[0.5, 0, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 1]]
    assert KIND.primary_score(windows, None) == 0.5
    assert KIND.metrics()["exact_match"].function(windows, None) == pytest.approx(1 / 3)
    counts, labels = example_counts(5, 0, 9), np.arange(5)
    slow = TaskType.resampled(KIND, labels, np.array(windows), 0, counts)
    assert KIND.resampled(labels, windows, 0, counts) == pytest.approx(slow)


def test_windows_cover_the_context_and_point_at_the_answer(load, files, tiny_bert):
    task, tokenizer = load(**files), AutoTokenizer.from_pretrained(tiny_bert)
    tokenize(task, tokenizer, DataArguments(**files, max_seq_length=24))
    source = rows(40, 1)
    assert len(task.splits["train"]) > 40 and set(task.splits["train"]["label"]) == set(range(40))
    for number in range(40):
        windows = [row for row in task.splits["train"] if row["label"] == number]
        context = tokenizer(source["context"][number], add_special_tokens=False)["input_ids"]
        answer, seen, held = tokenizer.convert_tokens_to_ids("lovely"), set(), []
        head = [tokenizer.cls_token_id, *tokenizer(source["question"][number])["input_ids"][1:]]
        at = 0
        for row in windows:
            ids, (start, end, first, last, none, may, _) = row["input_ids"], row["labels"]
            assert ids[: len(head)] == head and ids[-1] == tokenizer.sep_token_id and len(ids) <= 24
            inside = ids[first : last + 1]
            assert (first, last, none, may) == (len(head), len(ids) - 2, 0, 0)
            at = next(place for place in range(at, len(context)) if context[place : place + len(inside)] == inside)
            seen |= set(range(at, at + len(inside)))
            held.append(answer in inside)
            assert [ids[start], start, end] == (
                [answer, first + inside.index(answer), start] if held[-1] else [2, 0, 0]
            )
        assert seen == set(range(len(context))) and any(held)


def best_answer(model, tokenizer, question, context, may_be_none):
    """The best answer of up to 30 tokens in a text that fits whole, by trying every pair of tokens."""
    inputs = tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
    offsets, of = inputs.pop("offset_mapping")[0].tolist(), inputs.sequence_ids(0)
    with torch.no_grad():
        found = model(**inputs)
    start, end = found.start_logits[0].tolist(), found.end_logits[0].tolist()
    places = [place for place, which in enumerate(of) if which == 1]
    pairs = [(start[a] + end[b], a, b) for a in places for b in places if a <= b < a + 30]
    best, first, last = max(pairs)
    return "" if may_be_none and start[0] + end[0] > best else context[offsets[first][0] : offsets[last][1]]


@pytest.mark.parametrize("without", [0.0, 0.4])
def test_run_has_the_answers_of_the_saved_model(run_flags, files, tmp_path, without):
    source = rows(12, 2, without)
    files |= {"train_file": put_rows(tmp_path / "t2.parquet", rows(40, 1, without))}
    files |= {"validation_file": put_rows(tmp_path / "v2.parquet", source)}
    settings = run_flags | files | {"save_model": True, "corrupt_level": 0.25, "learning_rate": 5e-3}
    settings |= {"selection": "dev"} if without else {"measure_damage": True}
    results = run_with(settings, num_train_epochs=2)
    folder, task, frame = settings["output_dir"], results["task"], predictions(settings["output_dir"])
    model, tokenizer = (of.from_pretrained(folder) for of in (AutoModelForQuestionAnswering, AutoTokenizer))
    asked = zip(source["question"], source["context"], strict=True)
    said = [best_answer(model.eval(), tokenizer, *pair, without) for pair in asked]
    assert frame["answer"].tolist() == said and frame["label"].tolist() == list(range(12))
    expected = np.mean([scores(a, of["text"]) for a, of in zip(said, source["answers"], strict=True)], axis=0)
    healed = results["metrics"]["healed"]
    assert [healed["answer_f1"], healed["exact_match"]] == pytest.approx(expected.tolist())
    assert task["majority"] == np.mean([not of["text"] for of in source["answers"]])
    assert results["collapsed"] is bool(healed["answer_f1"] <= task["majority"])
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert steps == [name for name in frame if name.startswith("step_")]
    assert not without or set(steps) <= set(predictions(folder, "predictions_dev.parquet"))
    assert without or 0 <= results["corruption"]["change"]["predictions_changed"] <= 1
    assert read(folder) == json.loads(json.dumps(results))


def test_best_answer_is_that_of_all_windows_and_none_where_every_window_says_so(load, files, tiny_bert):
    task, tokenizer = load(**files), AutoTokenizer.from_pretrained(tiny_bert)
    tokenize(task, tokenizer, DataArguments(**files, max_seq_length=24))
    windows = list(task.splits["evaluation"])
    number = next(row["label"] for row in windows if sum(of["label"] == row["label"] for of in windows) > 2)
    own = [row for row in windows if row["label"] == number]
    right = next(i for i, row in enumerate(own) if row["labels"][0])
    keys = [row["labels"] for row in own]
    spans = np.array([[of[0] or of[2], of[1] or of[2], of[6]] for of in keys])
    best, none = np.full(len(own), 1.0), np.full(len(own), -np.inf)
    best[right] = 2.0
    found = KIND.predictions((np.stack([best, none], 1), spans))
    assert found.tolist() == [[1, 1, 1], *[[0, 0, 0]] * (len(own) - 1)]
    none = np.full(len(own), 5.0)
    none[-1] = 1.5  # one window is surer of its answer than of none
    assert KIND.predictions((np.stack([best, none], 1), spans))[0].tolist() == [1, 1, 1]
    none[-1] = 5.0
    assert KIND.predictions((np.stack([best, none], 1), spans))[0].tolist() == [0, 0, 1]


def test_a_window_that_says_that_there_is_none_says_the_same_wherever_its_best_span_is():
    spans = np.array([[1, 2, 0], [1, 2, 1], [1, 2, 2], [1, 2, 3]])
    moved = spans + [[0, 1, 0]]
    said, none = [2.0, 1.0], [1.0, 2.0]  # scores of the best span and of none
    intact = np.array([said, none, none, said]), spans
    damaged = np.array([none, said, none, said]), np.where([[0], [0], [1], [0]], moved, spans)
    changed, lost = KIND.changed(intact, damaged)
    assert changed.tolist() == [True, True, False, False] and not lost.any()
    assert KIND.changed(intact, (damaged[0], moved))[0].tolist() == [True, True, False, True]


@pytest.mark.parametrize("may_be_none", [0, 1])
def test_only_windows_without_a_finite_score_are_lost(may_be_none):
    starts = torch.arange(24.0).reshape(3, 8)
    labels = torch.tensor([[2, 3, 1, 6, 0, may_be_none, 5]] * 3)
    intact = [part.numpy() for part in KIND.reduce((starts, starts.flip(0)), labels)]
    changed, lost = KIND.changed(intact, intact)
    assert not changed.any() and not lost.any()
    broken = starts.clone()
    broken[0, 4], broken[1, 0] = torch.nan, torch.nan  # the second says nothing of an answer
    damaged = [part.numpy() for part in KIND.reduce((broken, starts.flip(0)), labels)]
    changed, lost = KIND.changed(intact, damaged)
    assert lost.tolist() == [True, bool(may_be_none), False] and changed[lost].all() and not changed[2]


@pytest.mark.parametrize(
    "answers, message",
    [
        (["lovely", "dog"], r"1 question of --train_file has an answer that is not in the context.*'dog' .*line 2"),
        ([3, 4], "holds 3, and answers are a text or lists"),
        (["", ""], "no question of --train_file has an answer"),
    ],
)
def test_bad_answers_are_refused(load, files, put, answers, message):
    bad = {"question": ["what", "who"], "context": ["a lovely town", "a lovely film"], "answers": answers}
    path = put("bad.jsonl", bad)
    with pytest.raises(UserError, match=message):
        load(**files | {"train_file": path})


def test_answer_that_is_elsewhere_in_the_context_is_refused(load, files, tmp_path):
    wrong = rows(3, 1)
    wrong["answers"][1]["answer_start"][0] += 1
    with pytest.raises(UserError, match=r"not in the context where it should be, the first 'lovely' .*row 2"):
        load(**files | {"train_file": put_rows(tmp_path / "wrong.parquet", wrong)})


@pytest.mark.parametrize("flags", [{"pooling": "mean"}, {"reuse_frozen": True}, {"tsne": True}])
def test_what_needs_one_text_is_refused(run_flags, files, flags):
    with pytest.raises(UserError, match=f"--{next(iter(flags))}.* question_answering"):
        make_arguments(**run_flags | files | flags)


def test_t5_is_its_own_base_and_gets_a_head(run_flags, files, tmp_path):
    """Its weights for answers stand beside the encoder and decoder, and are no weights that a checkpoint lacks."""
    t5 = save_tiny_t5(tmp_path / "t5")
    results = run_with(run_flags | files | {"model_name_or_path": t5}, num_train_epochs=1, save_model=True, seed=3)
    again = load_model(ModelArguments(model_name_or_path=t5), ["start", "end"], 0, None, KIND.auto_class)
    assert again.head_was == "missing" and again.drawn_weights == {"qa_outputs.weight", "qa_outputs.bias"}
    assert describe_model(again, t5)["fingerprint"] == results["model"]["fingerprint"], "the head is drawn anew"
    saved = ModelArguments(model_name_or_path=run_flags["output_dir"])
    assert load_model(saved, ["start", "end"], 0, None, KIND.auto_class).head_was == "own"


def test_samples_are_drawn_of_questions(load, files, tiny_bert):
    task = load(**files, max_train_samples=9, max_eval_samples=5)
    assert {split: len(rows) for split, rows in task.splits.items()} == {"train": 9, "evaluation": 5}
    kept = task.splits["train"]["id"][:]
    tokenize(task, AutoTokenizer.from_pretrained(tiny_bert), DataArguments(**files, max_seq_length=24))
    assert sorted(set(task.splits["train"]["label"])) == kept and len(task.splits["train"]) > 9
