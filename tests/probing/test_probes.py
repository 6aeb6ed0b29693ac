"""Linear probes by depth: which layers, on which split, by which metric."""

import pathlib

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.probing import DEPTHS, by_hand_probe, sentences, weighted_f1
from transformers import AutoModelForSequenceClassification

from healbert import CorruptionSpec, UserError, corrupt, make_arguments, run_experiment
from healbert.arguments.groups import FeatureArguments
from healbert.probing.features import read_features
from healbert.probing.probes import check_layers, probe, probe_by_depth

# Which layers.


@pytest.mark.parametrize(
    "text, layers",
    [(None, None), ("all", "all"), ("0,3", [0, 3]), ("3,0,3", [0, 3]), (" 2 , 1", [1, 2]), ("0", [0]), ("12", [12])],
)
def test_layers_are_parsed(text, layers):
    assert FeatureArguments(probe_layers=text).layers() == layers


@pytest.mark.parametrize("text", ["x", "-1", "", ",", "1,", "1.5", "0 3", "All", "0,all", "²"])
def test_layers_that_are_no_numbers_are_refused(text):
    with pytest.raises(UserError, match="--probe_layers .* such as 0,3,6"):
        make_arguments(probe_layers=text)


def test_layers_to_probe():
    assert check_layers("all", 4) == [0, 1, 2, 3, 4]
    assert check_layers([0, 4], 4) == [0, 4]
    with pytest.raises(UserError, match="names layer 5, but the model has 4"):
        check_layers([1, 5, 9], 4)


def test_layer_that_does_not_exist_is_refused_before_anything_is_written(run_flags):
    with pytest.raises(UserError, match="layer 5, but the model has 4"):
        run_experiment(make_arguments(**run_flags, probe_layers="0,5"))
    assert not pathlib.Path(run_flags["output_dir"]).exists()


# Probes.


def test_probe_on_separable_features_is_perfect_whatever_their_scale():
    rng = np.random.default_rng(0)
    labels = {name: np.arange(size) % 3 for name, size in (("train", 150), ("evaluation", 60))}
    features = {}
    for name, own in labels.items():
        telling = np.eye(3)[own] * 1e-4 + rng.normal(scale=5e-6, size=(len(own), 3))
        features[name] = np.hstack([telling, rng.normal(scale=1e4, size=(len(own), 2))])
    given = (features["train"], labels["train"], features["evaluation"])
    assert probe(*given, labels["evaluation"], weighted_f1) == 1.0
    assert probe(*given, (labels["evaluation"] + 1) % 3, weighted_f1) == 0.0


def test_probe_has_the_score_of_its_predictions_for_the_evaluation_examples():
    train, labels = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    evaluation, truth = np.array([[-1.0], [-1.0], [-1.0], [1.0]]), np.array([0, 0, 1, 1])
    # predicted 0 0 0 1: F1 of class 0 is 4/5, of class 1 is 2/3, two examples each
    assert probe(train, labels, evaluation, truth, weighted_f1) == pytest.approx((4 / 5 + 2 / 3) / 2)
    # predicted 0 0 0 1 against 0 0 0 0: 6/7, all four examples
    assert probe(train, labels, evaluation, np.zeros(4, int), weighted_f1) == pytest.approx(6 / 7)
    seen = []
    probe(train, labels, evaluation, truth, lambda *given: seen.extend(map(list, given)) or 0.5)
    assert seen == [[0, 0, 0, 1], [0, 0, 1, 1]], "predictions first, then labels"


@pytest.mark.parametrize("spoiled", [0, 2])
def test_features_that_are_not_finite_have_no_figures(spoiled):
    data = [np.arange(12.0).reshape(6, 2), np.arange(6) % 2] * 2
    assert isinstance(probe(*data, weighted_f1), float)
    data[spoiled] = np.full((6, 2), np.inf)
    assert probe(*data, weighted_f1) is None


@pytest.fixture(scope="module")
def splits(tokenizer):
    return {"train": sentences(tokenizer, 96, 1), "evaluation": sentences(tokenizer, 42, 2)}


@pytest.mark.parametrize("region, first_lost", [("top", 3), ("bottom", 1)])
def test_where_information_is_lost_is_visible(tiny_bert, arguments, splits, tokenizer, region, first_lost):
    states, figures = {}, {}
    for level in (0.0, 0.5):
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(tiny_bert)
        corrupt(model, CorruptionSpec(level=level, region=region))
        _, states[level] = read_features(model, arguments["mean"], splits["evaluation"], tokenizer, DEPTHS)
        figures[level] = probe_by_depth(model, arguments["mean"], splits, tokenizer, DEPTHS, weighted_f1, "f1")
    same = [np.array_equal(states[0.0][depth], states[0.5][depth]) for depth in DEPTHS]
    assert same == [depth < first_lost for depth in DEPTHS]
    assert figures[0.0][:first_lost] == figures[0.5][:first_lost]
    assert figures[0.0] != figures[0.5]
    assert [list(entry) for entry in figures[0.5]] == [["layer", "f1"]] * len(DEPTHS)
    assert [entry["layer"] for entry in figures[0.5]] == list(DEPTHS)


def test_probes_take_one_pass_over_each_split(arguments, splits, tokenizer):
    model, seen = build("bert", vocab_size=200), []
    model.register_forward_hook(lambda module, given, output: seen.append(len(output.logits)))
    probe_by_depth(model, arguments["cls"], splits, tokenizer, DEPTHS, weighted_f1, "f1")
    assert sum(seen) == 96 + 42


def test_probes_are_of_the_evaluation_split_and_trained_on_train(arguments, splits, tokenizer):
    model = build("bert", vocab_size=200)
    more = (tokenizer, (1,), weighted_f1, "f1")
    found = probe_by_depth(model, arguments["mean"], splits, *more)
    turned = {"train": splits["evaluation"], "evaluation": splits["train"]}
    states = {
        name: read_features(model, arguments["mean"], rows, tokenizer, (1,))[1][1] for name, rows in splits.items()
    }
    for parts, score in ((splits, found), (turned, probe_by_depth(model, arguments["mean"], turned, *more))):
        train, evaluation = (states["train" if len(parts[name]) == 96 else "evaluation"] for name in parts)
        labels = [np.array(parts[name]["label"]) for name in parts]
        assert score[0]["f1"] == pytest.approx(by_hand_probe(train, labels[0], evaluation, labels[1]))
