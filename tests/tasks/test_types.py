"""Task types and metrics: what a type says of itself, what a plugin adds, and what is refused."""

import json

import numpy as np
import pytest
from helpers.small import make_rows, write_csv
from sklearn.metrics import accuracy_score, f1_score
from transformers import BartConfig, BertConfig, BertGenerationConfig, CLIPTextConfig, GPT2Config, XLNetConfig

from healbert.arguments.parser import make_arguments
from healbert.arguments.plugins import load_plugins
from healbert.experiment.run import run_experiment
from healbert.results.read import load_results, read_results
from healbert.tasks.metrics import METRICS
from healbert.tasks.table import TASKS, Task
from healbert.tasks.types import TASK_TYPES, TaskType, check_head, task_type
from healbert.tasks.types.classification import Classification
from healbert.utils import registry
from healbert.utils.errors import UserError

LABELS = np.random.default_rng(1).integers(0, 4, 90)
PREDICTIONS = np.where(np.random.default_rng(2).random(90) < 0.6, LABELS, 3)


@pytest.fixture(autouse=True)
def own_tables():
    """What a test registers is gone after it."""
    kept = {kind: (dict(table._registered), dict(table._made)) for kind, table in registry._tables.items()}
    yield
    for kind, table in registry._tables.items():
        table._registered, table._made = kept.get(kind, ({}, {}))


PLUGIN = """
import pathlib

import healbert
from healbert.tasks.table import Task
from healbert.tasks.types.classification import Classification


@healbert.register("task", "mine")
def mine():
    return Task(str(pathlib.Path(__file__).parent / "data"), text=("review",), label="verdict")


@healbert.register("metric", "share_of_0", title="share of class 0", range=(0, 1), chance=0.5)
def share_of_0(predictions, labels):
    return (predictions == 0).mean()


@healbert.register("task_type", "by_errors")
class ByErrors(Classification):
    pass


@healbert.register("metric", "errors", task_types=("by_errors",), greater_is_better=False, range=None, primary=True)
def errors(predictions, labels):
    return (predictions != labels).sum()


@healbert.register("task", "mine_by_errors")
def mine_by_errors():
    return Task(str(pathlib.Path(__file__).parent / "data"), text=("review",), label="verdict", type="by_errors")
"""


@pytest.fixture
def plugin(tmp_path):
    """A plugin with two tasks on local files, two metrics and a task type; returns its path."""
    for split, count in (("train", 48), ("validation", 21)):
        (tmp_path / "data").mkdir(exist_ok=True)
        path = write_csv(tmp_path / "data" / f"{split}.csv", make_rows(count, seed=count))
        text = (tmp_path / "data" / f"{split}.csv").read_text()
        (tmp_path / "data" / f"{split}.csv").write_text(text.replace("text,label", "review,verdict", 1))
        assert path
    (tmp_path / "mine.py").write_text(PLUGIN)
    return str(tmp_path / "mine.py")


@pytest.fixture
def run_plugin(plugin, tiny_bert, tmp_path):
    def run(task, **more):
        settings = {"model_name_or_path": tiny_bert, "output_dir": str(tmp_path / task), "num_train_epochs": 3}
        settings |= {"per_device_train_batch_size": 8, "use_cpu": True, "torch_num_threads": 1}
        settings |= {"cache_dir": str(tmp_path / "cache"), "corrupt_level": 0.5, "learning_rate": 3e-3}
        return run_experiment(make_arguments(**settings | more, plugin=plugin, task_name=task))

    return run


def test_task_and_metric_of_a_plugin_from_start_to_end(run_plugin, tmp_path):
    results = run_plugin("mine")
    task = results["task"]
    assert (task["name"], task["type"], task["label_names"]) == ("mine", "classification", ["bad", "good"])
    assert (task["text_columns"], task["examples"]) == (["review"], {"train": 48, "evaluation": 21})
    assert list(task["metrics"]) == ["f1_weighted", "accuracy", "f1_macro", "share_of_0", "loss"]
    about = {"title": "share of class 0", "greater_is_better": True, "chance": 0.5, "range": [0, 1]}
    assert task["metrics"]["share_of_0"] == about
    for stage in ("damaged", "healed", "last"):
        assert 0 <= results["metrics"][stage]["share_of_0"] <= 1
    assert all("share_of_0" in epoch for epoch in results["metrics"]["per_epoch"])
    assert list(results["plugins"]) == ["mine.py"]
    assert read_results(tmp_path / "mine") == json.loads(json.dumps(results))
    (row,) = load_results(tmp_path / "mine").to_dict("records")
    assert row["healed_share_of_0"] == results["metrics"]["healed"]["share_of_0"]
    assert row["majority_f1_weighted"] == task["majority"]


def test_task_type_of_a_plugin_chooses_by_its_own_metric_and_direction(run_plugin, tmp_path):
    results = run_plugin("mine_by_errors")
    task, metrics = results["task"], results["metrics"]
    assert (task["type"], task["primary_metric"]) == ("by_errors", "errors")
    assert list(task["metrics"]) == ["errors", "loss"]
    assert (results["config"]["metric_for_best_model"], results["config"]["greater_is_better"]) == ("errors", False)
    errors = [epoch["errors"] for epoch in metrics["per_epoch"]]
    assert len(set(errors)) > 1, "epochs that all score alike prove nothing"
    assert metrics["healed"]["errors"] == min(errors)
    assert task["majority"] == 10.0, "21 rows of two classes, 11 of the commoner one"
    (row,) = load_results(tmp_path / "mine_by_errors").to_dict("records")
    assert row["healed_errors"] == min(errors)


def test_metric_that_was_given_cannot_be_another_than_the_types(plugin):
    with pytest.raises(UserError, match="--metric_for_best_model errors is not supported.*f1_weighted"):
        make_arguments(plugin=plugin, task_name="mine", metric_for_best_model="errors")
    given = {"metric_for_best_model": "errors", "greater_is_better": False}
    assert make_arguments(plugin=plugin, task_name="mine_by_errors", **given).training.metric_for_best_model == "errors"


@pytest.mark.parametrize("name", ["classification", "by_errors"])
def test_type_knows_its_name_also_where_it_is_derived_from_another(plugin, name):
    load_plugins([plugin])
    assert task_type(name).name == name


def test_unknown_type_of_a_task_is_named(tmp_path):
    registry.register("task", "odd")(Task(str(tmp_path), type="classifcation"))
    with pytest.raises(UserError, match="task type 'classifcation'.*classification"):
        make_arguments(task_name="odd")


def test_second_primary_metric_is_refused():
    registry.register("metric", "other", primary=True)(accuracy_score)
    with pytest.raises(UserError, match=r"'classification' needs one metric .* has 2 \(f1_weighted, other\)"):
        make_arguments(task_name="docstrings")


def test_metric_of_a_type_that_does_not_exist_is_refused():
    METRICS.add("errors", lambda predictions, labels: 0.0, task_types=("clasification",))
    with pytest.raises(UserError, match=r"metric 'errors': task type 'clasification' is not known; did you mean 'cl"):
        task_type().metrics()


def test_type_without_a_primary_metric_is_refused():
    registry.register("task_type", "bare")(type("Bare", (Classification,), {}))
    with pytest.raises(UserError, match="'bare' needs one metric that is registered as primary, and has none"):
        task_type("bare").metrics()


@pytest.mark.parametrize(
    "kind, thing, named",
    [
        ("task", lambda: "sst2", "it is 'sst2', not a healbert.tasks.table.Task"),
        ("task_type", dict, "not a class derived from"),
        ("metric", None, "word"),
    ],
)
def test_what_is_none_is_refused(kind, thing, named):
    registry.register(kind, "wrong", **({"word": 1} if kind == "metric" else {}))(thing)
    with pytest.raises(UserError, match=f"{kind} 'wrong' cannot be registered so: .*{named}"):
        registry.table(kind)["wrong"]


def test_tables_hold_what_ships():
    assert set(TASK_TYPES) == {
        *("classification", "multi_label", "regression", "token_classification", "masked_lm", "causal_lm"),
        *("multiple_choice", "question_answering", "retrieval", "summarization"),
    }
    assert list(task_type().metrics()) == ["f1_weighted", "accuracy", "f1_macro"]
    assert {kind for metric in METRICS.values() for kind in metric.task_types} == set(TASK_TYPES)
    assert {task.type for task in TASKS.values()} == set(TASK_TYPES) - {"causal_lm"}


@pytest.mark.parametrize(
    "predictions, score, baseline, expected",
    [
        ([0, 1, 1, 0], 0.7, 0.4, False),
        ([0, 1, 1, 0], 0.4, 0.4, True),
        ([1, 1, 1, 1], 0.7, 0.4, True),
        ([0, 1, 1, 0], 0.7, None, False),
    ],
    ids=["learned", "no better than the majority", "one class", "no baseline"],
)
def test_collapsed(predictions, score, baseline, expected):
    logits = np.eye(2)[predictions]
    assert task_type().collapsed(score, baseline, logits) is expected
    assert task_type().collapsed(score, baseline, (logits, "hidden states")) is expected


@pytest.mark.parametrize(
    "predictions, score, baseline, expected",
    [
        (np.float32([2.5, 2.5 + 1e-6, 2.5]), 0.9, None, True),
        (np.float32([2.5, 2.6, 2.5]), 0.9, 1.2, False),
        (np.float32([2.5, 2.6, 2.5]), 1.3, 1.2, True),
        (np.array([[0, 1, 1], [0, 1, 1]]), 0.9, None, True),
        (np.array([[0, 1, 1], [0, 1, 0]]), 0.9, None, False),
        (np.array([1]), 0.9, None, False),
    ],
    ids=["one figure", "figures", "an error no smaller", "one set of labels", "sets of labels", "a single example"],
)
def test_collapsed_of_other_answers_than_classes(predictions, score, baseline, expected):
    class Error(TaskType):
        greater_is_better = False

        def predictions(self, outputs):
            return outputs

    assert Error().collapsed(score, baseline, predictions) is expected


def test_resamples_are_scikit_learns_fast_and_slow():
    rng = np.random.default_rng(3)
    counts = np.stack([np.bincount(rng.integers(90, size=90), minlength=90) for _ in range(20)], axis=1)
    fast = task_type().resampled(LABELS, PREDICTIONS, 5, counts)
    for column, value in enumerate(fast):
        rows = np.repeat(np.arange(90), counts[:, column])
        assert value == pytest.approx(f1_score(LABELS[rows], PREDICTIONS[rows], average="weighted", zero_division=0))
    assert TaskType.resampled(task_type(), LABELS, PREDICTIONS, 5, counts) == pytest.approx(fast, abs=1e-12)


def test_resamples_of_a_derived_type_are_of_its_own_metric(plugin):
    load_plugins([plugin])
    whole = np.ones((90, 1), np.int32)
    assert task_type("by_errors").resampled(LABELS, PREDICTIONS, 4, whole).tolist() == [(LABELS != PREDICTIONS).sum()]


def test_answers_of_two_models_are_compared():
    from scipy.special import rel_entr, softmax

    intact = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    damaged = np.array([[1.0, 0.0], [2.0, 1.0], [1.0, 0.0]])
    changed, lost = task_type().changed(intact, damaged)
    assert changed.tolist() == [False, True, False] and not lost.any()
    by_hand = rel_entr(softmax(intact, -1), softmax(damaged, -1)).sum(-1).mean()
    assert (
        abs(task_type().divergence(intact, damaged) - by_hand) < 1e-12 and task_type().divergence(intact, intact) == 0
    )
    damaged[2, 0] = np.nan  # argmax takes it for the class that it was
    changed, lost = task_type().changed(intact, damaged)
    assert changed.tolist() == [False, True, True] and lost.tolist() == [False, False, True]
    assert task_type().divergence(intact, damaged) is None


def test_architecture_without_a_head_is_refused_with_the_types_that_it_has_heads_for():
    check_head(GPT2Config(), task_type("causal_lm"), "x")
    with pytest.raises(UserError, match="type bert, which has no head for causal_lm; .*masked_lm"):
        check_head(BertConfig(), task_type("causal_lm"), "x")  # it sees what it is to predict
    check_head(BertConfig(is_decoder=True), task_type("causal_lm"), "x")
    check_head(BartConfig(), task_type("causal_lm"), "x")
    with pytest.raises(UserError, match="type xlnet, which has no head for causal_lm"):
        check_head(XLNetConfig(), task_type("causal_lm"), "x")  # nor is it under a masked head in transformers
    check_head(BertGenerationConfig(is_decoder=True), task_type("causal_lm"), "x")
    with pytest.raises(UserError, match="type bert-generation, which has no head for causal_lm"):
        check_head(BertGenerationConfig(), task_type("causal_lm"), "x")
    with pytest.raises(
        UserError, match="model 'x' is of type gpt2, which has no head for masked_lm; .*causal_lm, class"
    ):
        check_head(GPT2Config(), task_type("masked_lm"), "x")
    with pytest.raises(UserError, match="which has no head for classification; it has one for no type of task here"):
        check_head(CLIPTextConfig(), task_type(), "x")
