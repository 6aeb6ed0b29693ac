"""Tasks of summaries: ROUGE by hand, what is learnt, what is written and how, and what does not fit."""

import json
import pathlib
import random

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.runs import predictions, read, rewind, run_with
from helpers.scans import damaged_by_a_run, scan_with
from helpers.small import FILLER, WORDS, save_bare_gpt2, save_tiny_bart, save_tiny_t5
from helpers.small_models import save_small
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.arguments.groups import DataArguments
from healbert.publish.usage import usage
from healbert.tasks.load import tokenize
from healbert.tasks.rouge import scores
from healbert.tasks.types import TaskType, task_type

KIND = task_type("summarization")
LENGTH = 12  # of the summaries that the runs below write


def rows(count, seed):
    """Dialogues about something good or bad; a summary says what it was."""
    rng = random.Random(seed)
    found = {"dialogue": [], "summary": []}
    for number in range(count):
        word = rng.choice(WORDS[sorted(WORDS)[number % 2]])
        text = [*rng.choices(FILLER, k=rng.randint(3, 18)), word, "."]
        found["dialogue"].append(" ".join(text))
        found["summary"].append(f"the film was {word} .")
    return found


@pytest.fixture
def files(put):
    sizes = {"train_file": (96, 1), "validation_file": (20, 2)}
    return {name: put(f"{name}.csv", rows(*size)) for name, size in sizes.items()}


@pytest.fixture
def tiny(tmp_path):
    """Makes a small model with an encoder and a decoder: "t5" or "bart"."""
    makers = {"t5": save_tiny_t5, "bart": save_tiny_bart}
    return lambda name: makers[name](tmp_path / name)


@pytest.mark.parametrize(
    "said, right, expected",
    [
        # 5 of 6 words on either side; 3 of 5 pairs (the cat, on the, the mat); "the cat on the mat" in a row of 6.
        ("the cat sat on the mat", "the cat is on the mat", (5 / 6, 5 / 6, 3 / 5, 6)),
        # Each sentence is found whole, wherever it stands; as one sentence, half would be. Pairs: 4 of 5.
        ("a dog ran. the cat sat.", "the cat sat. A dog ran!", (1.0, 1.0, 0.8, 6)),
        # Two words of four, none of them more often than it stands: precision 1/2, recall 1.
        ("run dog run dog", "running dogs", (2 / 3, 2 / 3, 2 * (1 / 3) / (4 / 3), 4)),
        ("", "the cat", (0.0, 0.0, 0.0, 0)),
        ("...", "the cat", (0.0, 0.0, 0.0, 1)),
    ],
    ids=["words", "sentences", "stems", "nothing", "no word"],
)
def test_scores_are_those_by_hand(said, right, expected):
    assert scores(said, right) == pytest.approx(expected)


def test_metrics_are_means_over_summaries():
    found = [[0.5, 0.6, 0.2, 4], [1.0, 0.8, 0.4, 8]]
    assert list(KIND.metrics()) == ["rouge_lsum", "rouge_1", "rouge_2", "summary_words"]
    assert [metric.function(found, None) for metric in KIND.metrics().values()] == pytest.approx([0.75, 0.7, 0.3, 6.0])
    many, counts = np.random.default_rng(0).uniform(0, 1, (30, 4)), example_counts(30, 0, 9)
    slow = TaskType.resampled(KIND, np.arange(30), many, 0, counts)
    assert KIND.resampled(np.arange(30), list(many), 0, counts) == pytest.approx(slow)


def test_examples_are_the_tokens_of_texts_and_of_summaries(load, files, tiny):
    tokenizer, task = AutoTokenizer.from_pretrained(tiny("t5")), load(**files, task_type="summarization")
    tokenize(task, tokenizer, DataArguments(**files, max_seq_length=9, max_summary_length=6))
    for split, source in {"train": rows(96, 1), "evaluation": rows(20, 2)}.items():
        for row, text, summary in zip(task.splits[split], source["dialogue"], source["summary"], strict=True):
            words = tokenizer.convert_ids_to_tokens(row["labels"])
            assert words == ["[CLS]", *tokenizer.tokenize(summary)[:4], "[SEP]"] and row["label"] == len(words)
            assert row["input_ids"] == [2, *tokenizer(text, add_special_tokens=False)["input_ids"][:7], 3]
            if split == "evaluation":
                assert bytes(row["reference"]).decode() == summary
                lead = " ".join(text.split()[:5])
                assert row["lead_score"] == scores(lead, summary)[0], "summaries of train have five words"
    assert "reference" not in task.splits["train"].column_names
    assert KIND.baseline(task.splits) == pytest.approx(np.mean(task.splits["evaluation"]["lead_score"]))


def written(folder, texts, beams):
    """What the saved model writes of each text alone, by settings that are given here and not read from its folder."""
    model, tokenizer = (of.from_pretrained(folder) for of in (AutoModelForSeq2SeqLM, AutoTokenizer))
    own = model.generation_config
    assert (own.do_sample, own.num_beams, own.max_new_tokens) == (False, beams, LENGTH), "they are saved, too"
    found = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=60)
        options = {"do_sample": False, "num_beams": beams, "max_new_tokens": LENGTH}
        ids = model.eval().generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], **options)
        found.append(tokenizer.decode(ids[0], skip_special_tokens=True).strip())
    return found


@pytest.mark.parametrize("name, beams, rate, epochs", [("t5", 1, 5e-3, 3), ("bart", 3, 1e-2, 6)])
def test_run_has_the_summaries_of_the_saved_model(run_flags, files, tiny, name, beams, rate, epochs):
    from rouge_score.rouge_scorer import RougeScorer

    settings = run_flags | files | {"model_name_or_path": tiny(name), "save_model": True, "learning_rate": rate}
    settings |= {"max_summary_length": LENGTH, "num_beams": beams, "corrupt_side": "both", "measure_damage": True}
    results = run_with(settings, num_train_epochs=epochs)
    folder, task, frame = settings["output_dir"], results["task"], predictions(settings["output_dir"])
    assert (task["type"], task["text_columns"]) == ("summarization", ["dialogue"]), "guessed from the columns"
    source = rows(20, 2)
    said = written(folder, source["dialogue"], beams)
    assert frame["summary"].tolist() == said and any(said)
    assert name == "bart" or len(set(said)) > 1, "so that order counts; trained longer, all are alike"
    scorer = RougeScorer(["rougeLsum", "rouge1", "rouge2"], use_stemmer=True)
    by_hand = [scorer.score(right, of) for right, of in zip(source["summary"], said, strict=True)]
    healed = results["metrics"]["healed"]
    assert healed["rouge_lsum"] == pytest.approx(np.mean([of["rougeLsum"].fmeasure for of in by_hand]), abs=1e-6)
    assert healed["rouge_1"] == pytest.approx(np.mean([of["rouge1"].fmeasure for of in by_hand]), abs=1e-6)
    assert healed["rouge_2"] == pytest.approx(np.mean([of["rouge2"].fmeasure for of in by_hand]), abs=1e-6)
    assert healed["summary_words"] == pytest.approx(np.mean([len(of.split()) for of in said]))
    assert healed["rouge_lsum"] > results["metrics"]["damaged"]["rouge_lsum"], "it has learnt something"
    assert results["collapsed"] is (len(set(said)) == 1) and task["baseline"]["name"] == "lead"
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert steps == [column for column in frame if column.startswith("step_")]
    assert results["corruption"]["change"]["kl"] is None
    assert read(folder) == json.loads(json.dumps(results))
    code = usage(results, folder, KIND)
    exec(code, shown := {"print": lambda texts: shown.update(printed=texts)})
    assert "pipeline" not in code and isinstance(shown["printed"][0], str)


def test_settings_of_a_checkpoint_for_other_summaries_do_not_count(run_flags, files, tmp_path):
    more = {"min_length": 9, "no_repeat_ngram_size": 1, "num_beams": 5, "length_penalty": 3.0}
    model = AutoModelForSeq2SeqLM.from_pretrained(save_tiny_bart(tmp_path / "plain"))
    other = save_tiny_bart(tmp_path / "other")
    model.generation_config.update(**more)
    model.save_pretrained(other)
    assert read(other, "generation_config.json")["min_length"] == 9
    found = []
    for folder in (str(tmp_path / "plain"), other):
        settings = run_flags | files | {"model_name_or_path": folder, "output_dir": str(tmp_path / f"{folder}-run")}
        found.append(run_with(settings | {"max_summary_length": LENGTH}, num_train_epochs=1)["metrics"])
    assert found[0] == found[1]


def test_interrupted_run_goes_on_to_the_same_summaries(run_flags, files, tiny, tmp_path):
    settings = run_flags | files | {"model_name_or_path": tiny("t5"), "save_model": True, "save_total_limit": 9}
    settings |= {"num_train_epochs": 3, "max_summary_length": LENGTH, "selection": "dev"}
    settings["train_file"] = str(tmp_path / "more.csv")
    Dataset.from_dict(rows(107, 3)).to_csv(settings["train_file"])  # of which 11 are held out
    whole = run_with(settings)
    again = run_with(settings, output_dir=str(rewind(pathlib.Path(settings["output_dir"]), tmp_path / "again", 1)))
    assert again["resumed_from"] == "checkpoint-12" and again["metrics"] == whole["metrics"]
    frames = [predictions(folder, "predictions_dev.parquet") for folder in (settings["output_dir"], tmp_path / "again")]
    assert str(frames[0].to_dict()) == str(frames[1].to_dict())


def test_test_file_without_summaries_gets_some(run_flags, files, tiny, put):
    bare = put("bare.csv", {"dialogue": rows(7, 5)["dialogue"]})
    settings = run_flags | files | {"model_name_or_path": tiny("t5"), "test_file": bare, "max_summary_length": LENGTH}
    results = run_with(settings, num_train_epochs=1)
    frame = predictions(settings["output_dir"], "predictions_test.parquet")
    assert list(frame) == ["id", "summary"] and len(frame) == 7 and "test" not in results["metrics"]


def test_blank_texts_are_left_out_and_empty_summaries_refused(load, put):
    path = put("t.jsonl", {"dialogue": ["a b", " ", "c d"], "summary": ["a", "b", "c"]})
    with pytest.warns(UserWarning, match="1 text of --train_file is blank and left out"):
        task = load(train_file=path, validation_file=path, task_type="summarization")
    assert task.splits["train"]["id"][:] == [0, 2] and task.splits["train"]["summary"][:] == ["a", "c"]
    empty = put("e.jsonl", {"dialogue": ["a b", "c d", "e f"], "summary": ["a", "", "  "]})
    with pytest.raises(UserError, match=r"2 summaries of --train_file are empty \(.*e.jsonl, lines 2, 3\)"):
        load(train_file=empty, validation_file=path, task_type="summarization")


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"dialogue": ["a", "b"], "summary": [1, 0]}, "'summary' of --train_file holds int64.*classification, or regr"),
        ({"dialogue": ["a", "b"], "summary": [["a"], ["b"]]}, "holds List, and summaries are text; .*multi_label"),
        ({"dialogue": ["a", "b"], "label": ["c", "d"], "text": ["e", "f"]}, r"2 \('dialogue', 'text'\) may be it"),
        ({"one": ["a", "b"], "summary": ["c", "d"]}, "needs one column of texts to be summarised, and none may be it"),
        ({"dialogue": ["a", "b"]}, "--train_file has no summary column 'summary'"),
    ],
)
def test_what_is_no_summary_is_refused(load, put, columns, message):
    path = put("bad.jsonl", columns)
    with pytest.raises(UserError, match=message):
        load(train_file=path, validation_file=path, task_type="summarization")


@pytest.mark.parametrize(
    "flags", [{"pooling": "mean"}, {"reuse_frozen": True}, {"tsne": True}, {"label_smoothing_factor": 0.1}]
)
def test_what_needs_one_text_is_refused(run_flags, files, flags):
    with pytest.raises(UserError, match=f"--{next(iter(flags))}.* summarization"):
        make_arguments(**run_flags | files | {"task_type": "summarization"} | flags)


def test_settings_of_writing_count_and_go_with_what_writes_alone(run_flags, files):
    settings = run_flags | files
    names = {make_arguments(**settings, **{flag: 9}).name() for flag in ("num_beams", "max_summary_length")}
    assert len({*names, make_arguments(**settings).name()}) == 3
    with pytest.raises(UserError, match="--num_beams is for models that write summaries, not for classification"):
        make_arguments(task_name="docstrings", num_beams=2)


def test_models_that_cannot_write_summaries_are_refused(run_flags, files, tmp_path, tiny_bert):
    gpt2 = save_bare_gpt2(tmp_path / "gpt2")
    with pytest.raises(UserError, match="of type gpt2, which has no head for summarization; .*causal_lm"):
        run_with(run_flags | files | {"model_name_or_path": gpt2})
    mute = save_tiny_bart(tmp_path / "mute", decoder_start_token_id=None)
    with pytest.raises(UserError, match="with which token a summary begins.*decoder_start_token_id"):
        run_with(run_flags | files | {"model_name_or_path": mute})
    settings = {"tie_word_embeddings": False, "decoder_start_token_id": 0}  # its head is no copy of the embeddings
    bare = save_small("switch_transformers", tmp_path / "bare", tiny_bert, **settings)
    with pytest.raises(UserError, match="no head for summarization, and none is trained for models of type switch"):
        run_with(run_flags | files | {"model_name_or_path": bare})


def test_padding_on_the_left_moves_no_summary(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("t5"), padding_side="left")
    batch = KIND.collator(tokenizer)(
        [
            {"input_ids": [2, 9, 3], "attention_mask": [1, 1, 1], "labels": [8, 3], "reference": [97]},
            {"input_ids": [2, 3], "attention_mask": [1, 1], "labels": [8, 9, 3], "reference": [97, 98]},
        ]
    )
    assert batch["labels"].tolist() == [[8, 3, -100], [8, 9, 3]] and batch["input_ids"][1].tolist() == [0, 2, 3]
    assert torch.equal(batch["reference"], torch.tensor([[97, -100], [97, 98]]))


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_scan_has_the_figures_of_runs(files, tiny, tmp_path, side):
    settings = {"model_name_or_path": tiny("bart"), **files, "use_cpu": True, "torch_num_threads": 1}
    settings |= {"corrupt_side": side, "max_summary_length": LENGTH, "output_dir": str(tmp_path / "scan")}
    scan = scan_with(settings, over="layers")
    assert len({json.dumps(point["draws"][0]["metrics"]) for point in scan["points"]}) == len(scan["points"]) == 2
    for point in scan["points"]:
        found = damaged_by_a_run(settings, point, tmp_path / f"run-{point['layer']}")
        assert point["draws"][0]["metrics"] == found
