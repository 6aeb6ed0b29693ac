"""The task table: its entries are sane, and the real datasets are what it says."""

import re

import pytest

from healbert.tasks.embedded import EMBEDDED
from healbert.tasks.table import EMBEDDED_TASK, TASKS

PAPER_TASKS = "sst2 imdb ag_news emotion dbpedia_14 twitter_financial_news_topic".split()


GLUE_TASKS = "cola mnli mrpc qnli qqp rte wnli".split()


OTHER_TYPES = {
    "code_tokens": "token_classification",
    "docstring_lm": "masked_lm",
    "docstring_similarity": "retrieval",
    "docstring_summary": "summarization",
    "cnn_dailymail": "summarization",
    "copa": "multiple_choice",
    "samsum": "summarization",
    "squad": "question_answering",
    "squad_v2": "question_answering",
    "stsb": "regression",
    "swag": "multiple_choice",
    "xsum": "summarization",
    "go_emotions": "multi_label",
    "wikitext": "masked_lm",
    "conll2003": "token_classification",
    "wnut_17": "token_classification",
}


def test_table_holds_the_paper_and_glue():
    assert set(TASKS) == {*PAPER_TASKS, *GLUE_TASKS, *OTHER_TYPES, EMBEDDED_TASK}
    assert set(EMBEDDED) < set(TASKS)
    assert {name: TASKS[name].type for name in TASKS if TASKS[name].type != "classification"} == OTHER_TYPES


@pytest.mark.parametrize("name", TASKS)
def test_table_entry_is_sane(name):
    task = TASKS[name]
    assert re.fullmatch(r"[\w.-]+(/[\w.-]+)?", task.dataset)
    most = 5 if task.type == "multiple_choice" else 2
    assert 1 <= len(task.text) <= most and all(task.text) and task.label
    assert task.evaluation in ("validation", "test", "validation_matched")
    assert len(set(task.label_names)) == len(task.label_names)
    assert task.examples is None if name in EMBEDDED else task.examples >= 400
    expected = ("nyu-mll/glue", name) if name in (*GLUE_TASKS, "stsb") else (task.dataset, task.config)
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
