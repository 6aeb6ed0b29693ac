"""Tasks with a tag for each word: which pieces have one, what is scored, what breaks the scheme."""

import json
import random
import warnings

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from helpers.runs import predictions, read, run_with
from helpers.small import FILLER
from transformers import AutoTokenizer

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.arguments.groups import DataArguments
from healbert.tasks.load import tokenize
from healbert.tasks.types import TaskType, task_type

KIND = task_type("token_classification")
NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def sentences(count, seed):
    """Sentences with a person of one or two words ("good ...") or a place ("cold"), and their tags by name."""
    rng, words, tags = random.Random(seed), [], []
    for number in range(count):
        text = [rng.choice(FILLER) for _ in range(rng.randint(2, 9))]
        found, where = ["O"] * len(text), rng.randrange(len(text))
        entity = (["good", "great"], ["B-PER", "I-PER"]) if number % 2 else (["cold"], ["B-LOC"])
        text[where:where], found[where:where] = entity
        words.append(text)
        tags.append(found)
    return {"tokens": words, "ner_tags": tags}


@pytest.fixture
def files(tmp_path):
    return {
        f"{name}_file": put(tmp_path / f"{name}.parquet", sentences(*size))
        for name, size in {"train": (64, 1), "validation": (20, 2)}.items()
    }


def put(path, columns, names=("O", "B-PER", "I-PER", "B-LOC", "I-LOC")):
    """A parquet file laid out as on the Hub: tags are numbers, with names in the order of the file."""
    kinds = {
        "tokens": List(Value("string")),
        "ner_tags": List(ClassLabel(names=list(names)) if names else Value("string")),
    }
    Dataset.from_dict(columns, features=Features(kinds)).to_parquet(path)
    return str(path)


def by_hand(predicted, labels):
    """Precision, recall and F1 of entities, from spans that are read off without seqeval."""

    def spans(tags):
        found, start = set(), None
        for place, tag in enumerate([*tags, 0]):
            begins, kind = tag % 2 == 1, (tag + 1) // 2
            if start is not None and (tag == 0 or begins or kind != start[1]):
                found.add((*start, place))
                start = None
            if tag and start is None:
                start = place, kind
        return found

    pairs = [(spans(a), spans(b)) for a, b in zip(predicted, labels, strict=True)]
    right, said, there = (
        sum(len(of(a, b)) for a, b in pairs) for of in (lambda a, b: a & b, lambda a, b: a, lambda a, b: b)
    )
    words = [(x, y) for a, b in zip(predicted, labels, strict=True) for x, y in zip(a, b, strict=True)]
    return {
        "entity_f1": 2 * right / (said + there),
        "entity_precision": right / max(said, 1),
        "entity_recall": right / there,
        "tag_accuracy": np.mean([x == y for x, y in words]),
    }


def drawn(seed):
    """Tags of 40 sentences, and predictions that are right three times in four."""
    rng = np.random.default_rng(seed)
    labels = [rng.choice(5, rng.integers(1, 9), p=[0.5, 0.2, 0.1, 0.1, 0.1]).tolist() for _ in range(40)]
    return [[tag if rng.random() < 0.75 else int(rng.integers(5)) for tag in row] for row in labels], labels


def test_metrics_are_their_definitions():
    predicted, labels = [[3, 4, 0], [0, 1, 0]], [[3, 4, 0], [1, 2, 0]]
    found = {name: metric.function(predicted, labels) for name, metric in KIND.metrics().items()}
    # One entity of two is found (PER), and of two that are said one is right: the place is cut short.
    assert found == {
        "entity_f1": 0.5,
        "entity_precision": 0.5,
        "entity_recall": 0.5,
        "tag_accuracy": pytest.approx(4 / 6),
    }
    predicted, labels = drawn(1)
    found = {name: metric.function(predicted, labels) for name, metric in KIND.metrics().items()}
    assert found == pytest.approx(by_hand(predicted, labels))
    padded = [np.array([row + [-100] * (10 - len(row)) for row in side]) for side in (predicted, labels)]
    assert KIND.primary_score(*padded) == pytest.approx(found["entity_f1"]), "places without a tag do not count"


def test_resamples_are_those_of_the_definition():
    predicted, labels = (np.array(side, dtype=object) for side in drawn(2))
    counts = example_counts(40, 0, 12)
    found = KIND.resampled(labels, predicted, 0, counts)
    assert found == pytest.approx(TaskType.resampled(KIND, labels, predicted, 0, counts), abs=1e-12)


def test_words_without_finite_logits_are_lost_and_part_of_no_entity():
    logits = torch.nn.functional.one_hot(torch.tensor([[3, 4, 0], [0, 1, 2], [1, 0, 0]]), 5).float()
    labels = torch.tensor([[3, 4, -100], [0, 1, 2], [1, 0, 0]])
    intact = KIND.reduce(logits, labels).numpy()
    assert intact.tolist() == [[3, 4, -100], [0, 1, 2], [1, 0, 0]] and not any(
        map(np.any, KIND.changed(intact, intact))
    )
    broken = logits.clone()
    broken[0, 2], broken[1, 2, 4], broken[2, 1] = torch.nan, torch.inf, torch.nan  # the first of a place without a tag
    damaged = KIND.reduce(broken, labels).numpy()
    changed, lost = KIND.changed(intact, damaged)
    assert lost.tolist() == changed.tolist() == [False, True, True]
    assert KIND.predictions(damaged).tolist() == [[3, 4, -100], [0, 1, 0], [1, 0, 0]]
    frame = KIND.prediction_columns([0, 1, 2], labels.numpy(), damaged)
    assert [row.tolist() for row in frame["prediction"]] == [[3, 4], [0, 1, 0], [1, 0, 0]]


def test_first_piece_of_each_word_has_its_tag(load, files, tiny_bert):
    task, tokenizer = load(**files, task_type="token_classification"), AutoTokenizer.from_pretrained(tiny_bert)
    words, tags = task.splits["evaluation"]["text"], task.splits["evaluation"]["label"]
    assert task.label_names == NAMES, "sorted, whatever their order in the file"
    assert [NAMES[tag] for tag in tags[1]] == sentences(20, 2)["ner_tags"][1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenize(task, tokenizer, DataArguments(**files, max_seq_length=32))
    for row, text, own in zip(task.splits["evaluation"], words, tags, strict=True):
        ids, labels = [tokenizer.cls_token_id], [-100]
        for word, tag in zip(text, own, strict=True):  # word by word, without the tokenizer's own alignment
            pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
            ids, labels = ids + pieces, labels + [tag] + [-100] * (len(pieces) - 1)
        assert (row["input_ids"], row["labels"]) == ([*ids, tokenizer.sep_token_id], [*labels, -100])


def test_words_that_are_cut_off_are_counted(load, files, tiny_bert):
    task, tokenizer = load(**files, task_type="token_classification"), AutoTokenizer.from_pretrained(tiny_bert)
    with pytest.warns(UserWarning, match=r"\d+ words of train \(of \d+\) are neither learnt nor scored"):
        tokenize(task, tokenizer, DataArguments(**files, max_seq_length=5))


def test_run_is_guessed_and_learns_and_opens_as_a_pipeline(run_flags, files):
    from transformers import pipeline

    settings = run_flags | files | {"learning_rate": 1e-2, "corrupt_level": 0, "selection": "dev", "save_model": True}
    results = run_with(settings, num_train_epochs=3, test_file=files["validation_file"])
    folder, task = settings["output_dir"], results["task"]
    assert (task["type"], task["primary_metric"], task["majority"]) == ("token_classification", "entity_f1", 0.0)
    assert task["label_names"] == NAMES
    frame = predictions(folder)
    expected = by_hand(*([row.tolist() for row in frame[name]] for name in ("prediction", "label")))
    assert {name: results["metrics"]["healed"][name] for name in expected} == pytest.approx(expected)
    assert results["metrics"]["test"]["entity_f1"] == pytest.approx(expected["entity_f1"])
    assert expected["entity_f1"] > 0.5 and results["collapsed"] is False
    assert [row.tolist() for row in frame["label"]] == [
        [NAMES.index(tag) for tag in row] for row in sentences(20, 2)["ner_tags"]
    ]
    dev = predictions(folder, "predictions_dev.parquet")
    chosen = f"step_{results['metrics']['per_epoch'][int(results['best_epoch']) - 1]['step']}"
    assert all((a == b).all() for a, b in zip(dev["prediction"], dev[chosen], strict=True))
    assert read(folder) == json.loads(json.dumps(results))
    tag = pipeline("token-classification", model=folder, tokenizer=folder)
    assert {found["entity"] for found in tag("the good film")} <= set(NAMES)


def test_held_out_labels_are_those_of_the_words_that_are_scored(run_flags, files):
    settings = run_flags | files | {"selection": "dev", "max_seq_length": 5, "num_train_epochs": 1}
    run_with(settings)
    dev = predictions(settings["output_dir"], "predictions_dev.parquet")
    lengths = [list(map(len, dev[name])) for name in ("label", "prediction")]
    assert lengths[0] == lengths[1] and max(lengths[0]) <= 3


def test_tags_that_break_the_scheme_are_counted_and_named(load, tmp_path):
    broken = {"tokens": [["a", "b", "c"], ["d", "e"]], "ner_tags": [["O", "I-PER", "I-LOC"], ["B-PER", "I-PER"]]}
    path = put(tmp_path / "t.parquet", broken)
    with pytest.warns(
        UserWarning, match=r"2 tags of --train_file break BIO \(I-PER after O in row 1, I-LOC after I-PER"
    ):
        load(train_file=path, validation_file=path, task_type="token_classification")


@pytest.mark.parametrize(
    "tokens, tags, message",
    [
        ([["a", "b"], ["c"]], [["B-PER"], ["O"]], r"1 text of --train_file has not as many tags as words .*row 1"),
        ([["a", ""], []], [["O", "O"], []], r"2 texts of --train_file are empty, or with an empty word .*rows 1, 2"),
        ([["a"], ["c"]], [["NOUN"], ["O"]], r"not of the scheme BIO \(O, B-TYPE, I-TYPE\): 'NOUN'"),
        ([["a"], ["c"]], [["O"], ["O"]], "no word of train is part of an entity"),
    ],
)
def test_bad_rows_are_refused(load, tmp_path, tokens, tags, message):
    path = put(tmp_path / "t.parquet", {"tokens": tokens, "ner_tags": tags}, names=None)
    with pytest.raises(UserError, match=message):
        load(train_file=path, validation_file=path, task_type="token_classification")


@pytest.mark.parametrize(
    "tokens, tags, column",
    [
        ([["a"], ["c"]], [None, "O"], "ner_tags"),
        ([["a"], ["c"]], [None, 1], "ner_tags"),
        ([None, 1], [["O"], ["O"]], "tokens"),
    ],
)
def test_columns_of_no_lists_are_refused(load, tmp_path, tokens, tags, column):
    path = str(tmp_path / "t.parquet")
    Dataset.from_dict({"tokens": tokens, "ner_tags": tags}).to_parquet(path)
    with pytest.raises(UserError, match=f"column '{column}' of --train_file holds no lists"):
        load(train_file=path, validation_file=path, task_type="token_classification")


def test_unlabelled_words_are_refused(load, files, tmp_path):
    path = put(tmp_path / "t.parquet", {"tokens": [["a", "b"], ["c"]], "ner_tags": [[1, 0], [-1]]})
    with pytest.raises(
        UserError, match=r"1 example of --train_file is unlabelled \(label -1\) .*row 2\); choose a lab"
    ):
        load(**files | {"train_file": path}, task_type="token_classification")


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"healing": "linear_probe"}, "--healing linear_probe needs one vector for each text"),
        ({"pooling": "mean"}, "--pooling mean needs one vector"),
        ({"probe_layers": "all"}, "--probe_layers needs one vector"),
        ({"tsne": True}, "--tsne pictures classes"),
        (
            {"match_severity": "kl=0.1", "corrupt_method": "gaussian_noise"},
            "--match_severity kl compares distributions",
        ),
    ],
)
def test_what_needs_one_answer_for_a_text_is_refused(run_flags, files, flags, message):
    with pytest.raises(UserError, match=message):
        make_arguments(**run_flags | files | flags)


def test_lists_of_words_as_texts_are_refused_with_the_type_that_would_fit(load, files):
    with pytest.raises(UserError, match="'tokens' of --train_file holds List, not text.*--task_type token_class"):
        load(**files, task_type="classification", text_column_names="tokens", label_column_name="ner_tags")


def test_real_task(load, shared_data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # its tags break nothing
        task = load(task_name="wnut_17", data_root=str(shared_data))
    assert task.describe()["examples"] == {"train": 3394, "evaluation": 1009}
    assert task.label_names[:3] == ["O", "B-corporation", "I-corporation"] and len(task.label_names) == 13
