"""Tasks of pairs whose cosine is to follow a figure: what is read, embedded, scored, and what does not fit."""

import json

import numpy as np
import pandas
import pytest
import torch
from helpers.runs import predictions, read, run_with
from helpers.small import make_rows
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, pipeline

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.experiment.loading import LoadCache
from healbert.tasks.types import TaskType, task_type

KIND = task_type("retrieval")


def pairs(count, seed):
    """Pairs of texts: 4 and a bit where both are good or both bad, else 1 and a bit."""
    first, second = make_rows(count, seed=seed), make_rows(3 * count, seed=seed + 100)[::3]
    noise = np.random.default_rng(seed).uniform(0, 1, count)
    figures = [4.0 if a == b else 1.0 for (_, a), (_, b) in zip(first, second, strict=True)]
    return {
        "sentence1": [text for text, _ in first],
        "sentence2": [text for text, _ in second],
        "label": [round(figure + more, 3) for figure, more in zip(figures, noise, strict=True)],
    }


@pytest.fixture
def files(put):
    sizes = {"train_file": (48, 1), "validation_file": (24, 2)}
    found = {name: put(f"{name[:5]}.csv", pairs(*size)) for name, size in sizes.items()}
    return found | {"text_column_names": "sentence1,sentence2", "task_type": "retrieval"}


def test_two_poolings_of_one_damaged_encoder_have_scores_of_their_own(run_flags, files, tmp_path):
    cache, found = LoadCache(), {}
    for where, pooling in (("runs/first", "cls"), ("runs/second", "mean"), ("alone/second", "mean")):
        more = {"pooling": pooling, "output_dir": str(tmp_path / where), "num_train_epochs": 1}
        found[where] = run_with(run_flags | files, cache if "runs" in where else None, **more)
    assert found["runs/second"]["metrics"] == found["alone/second"]["metrics"]
    assert found["runs/first"]["metrics"]["damaged"] != found["runs/second"]["metrics"]["damaged"]


def ranks(values):
    return pandas.Series(values).rank().to_numpy()


def correlation(x, y):
    x, y = np.float64(x) - np.mean(x), np.float64(y) - np.mean(y)
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


def by_hand(folder, rows, pooling):
    """Cosines of pairs, each text on its own and without padding, by the encoder that was saved."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def embed(text):
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return (hidden.mean(0) if pooling == "mean" else hidden[0]).double().numpy()

    found = [(embed(a), embed(b)) for a, b in zip(rows["sentence1"], rows["sentence2"], strict=True)]
    return [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in found]


def test_metrics_are_their_definitions():
    cosines, labels = [0.1, 0.9, 0.2, 0.8], [0.0, 1.0, 0.5, 0.4]
    found = {name: metric.function(np.array(cosines), labels) for name, metric in KIND.metrics().items()}
    # Ranks 1 4 2 3 and 1 4 3 2: 1 - 6 * (1 + 1) / (4 * 15).
    assert found == pytest.approx({"cosine_spearman": 0.8, "cosine_pearson": correlation(cosines, labels)})
    assert KIND.primary_metric == "cosine_spearman" and KIND.primary_score(np.ones(4), labels) == 0.0
    counts = example_counts(4, 0, 5)
    slow = TaskType.resampled(KIND, np.array(labels), np.array(cosines), 0, counts)
    assert KIND.resampled(np.array(labels), np.array(cosines), 0, counts) == pytest.approx(slow)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_run_scores_the_cosines_of_the_saved_encoder(run_flags, files, pooling):
    more = {"pooling": pooling, "save_model": True, "corrupt_level": 0.25, "learning_rate": 3e-3}
    more |= {"selection": "dev"} if pooling == "cls" else {}
    settings = run_flags | files | more
    results = run_with(settings, num_train_epochs=3)
    folder, task, frame = settings["output_dir"], results["task"], predictions(settings["output_dir"])
    rows = pandas.read_csv(files["validation_file"])
    assert frame["prediction"].tolist() == pytest.approx(by_hand(folder, rows, pooling), abs=1e-5)
    train = pandas.read_csv(files["train_file"])["label"]
    scaled = (rows["label"] - train.min()) / (train.max() - train.min())
    assert frame["label"].tolist() == pytest.approx(scaled.tolist())
    healed = results["metrics"]["healed"]
    assert healed["cosine_spearman"] == pytest.approx(correlation(ranks(frame["prediction"]), ranks(scaled)), abs=1e-6)
    assert healed["cosine_pearson"] == pytest.approx(correlation(frame["prediction"], scaled), abs=1e-5)
    assert healed["loss"] == pytest.approx(((frame["prediction"] - scaled) ** 2).mean(), rel=1e-4)
    if pooling == "mean":
        assert healed["loss"] < results["metrics"]["damaged"]["loss"]
    assert (task["type"], task["primary_metric"], task["majority"]) == ("retrieval", "cosine_spearman", 0.0)
    assert results["collapsed"] is (healed["cosine_spearman"] <= 0)
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert steps == [name for name in frame if name.startswith("step_")]
    assert read(folder) == json.loads(json.dumps(results))
    assert not any(name.startswith(("embedder", "pooler")) for name in load_file(f"{folder}/model.safetensors"))
    features = np.array(pipeline("feature-extraction", model=folder, tokenizer=folder)("the good film"))
    assert features.shape == (1, 5, 32)


def test_run_that_was_interrupted_goes_on_to_the_same_figures(run_flags, files, tmp_path):
    settings = run_flags | files | {"pooling": "mean", "save_model": True}
    whole = run_with(settings, num_train_epochs=2)
    other = str(tmp_path / "other")
    checkpoint = sorted((tmp_path / "run").glob("checkpoint-*"))[0]
    again = run_with(settings | {"output_dir": other}, num_train_epochs=2, resume_from_checkpoint=str(checkpoint))
    assert again["resumed_from"] == checkpoint.name
    assert again["metrics"]["healed"] == whole["metrics"]["healed"]


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"healing": "linear_probe"}, "--healing linear_probe needs one vector"),
        ({"probe_layers": "0,2"}, "--probe_layers needs one vector"),
        ({"trace_healing": True}, "--trace_healing needs one sequence of tokens"),
        ({"reuse_frozen": True}, "--reuse_frozen needs one sequence of tokens"),
        ({"healing": "distill"}, "--healing distill needs one sequence of tokens"),
        ({"tsne": True}, "--tsne pictures classes"),
    ],
)
def test_what_needs_one_text_is_refused(run_flags, files, flags, message):
    with pytest.raises(UserError, match=message):
        make_arguments(**run_flags | files | flags)


def test_adapter_is_merged_or_refused(run_flags, files):
    settings = run_flags | files | {"pooling": "mean", "save_model": True, "healing": "lora"}
    with pytest.raises(UserError, match="--healing lora with keep=adapter: .*use keep=merged"):
        run_with(settings, healing_options="keep=adapter")
    settings["output_dir"] += "-merged"
    run_with(settings, num_train_epochs=1)
    frame, rows = predictions(settings["output_dir"]), pandas.read_csv(files["validation_file"])
    assert frame["prediction"].tolist() == pytest.approx(by_hand(settings["output_dir"], rows, "mean"), abs=1e-4)


def test_one_text_is_refused_and_figures_that_are_none(load, files, put):
    with pytest.raises(UserError, match="compares two texts, and 'sentence1' is one"):
        load(**files | {"text_column_names": "sentence1"})
    bad = put("bad.csv", pairs(4, 1) | {"label": ["1", "two", "3", "4"]})
    with pytest.raises(UserError, match=r"no number, the first 'two' .*line 3"):
        load(**files | {"train_file": bad})


def test_decoder_needs_the_mean(run_flags, files, tmp_path, tiny_bert):
    from transformers import GPT2Config, GPT2Model

    size = len(AutoTokenizer.from_pretrained(tiny_bert))
    GPT2Model(GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2)).save_pretrained(tmp_path / "gpt2")
    settings = run_flags | files | {"model_name_or_path": str(tmp_path / "gpt2"), "tokenizer_name": tiny_bert}
    with pytest.raises(UserError, match="first token of a gpt2 model sees none of its text; give --pooling mean"):
        run_with(settings)
