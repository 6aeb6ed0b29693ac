"""What the classifier sees, probes by depth, and separation of the classes."""

import json
import pathlib

import numpy as np
import pandas
import pytest
import torch
from datasets import Dataset
from helpers.architectures import ARCHITECTURES, LAYERS, UNSHARED, build
from helpers.classifiers import classifier, every_architecture, every_head
from helpers.small import make_rows
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import CorruptionSpec, UserError, corrupt, make_arguments, run_experiment
from healbert.arguments.groups import FeatureArguments
from healbert.healing.head import classification_layer
from healbert.probing.feature_file import FeatureFile
from healbert.probing.features import read_features
from healbert.probing.probes import check_layers, probe, probe_by_depth
from healbert.probing.separation import separation

DEPTHS = tuple(range(LAYERS + 1))


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    return AutoTokenizer.from_pretrained(tiny_bert)


@pytest.fixture(scope="module")
def arguments(csv_files, tmp_path_factory):
    """`Arguments` by pooling."""
    shared = {"output_dir": str(tmp_path_factory.mktemp("out")), "use_cpu": True, "disable_tqdm": True}
    return {
        pooling: make_arguments(**csv_files, **shared, pooling=pooling, per_device_eval_batch_size=4)
        for pooling in ("cls", "mean")
    }


@pytest.fixture(scope="module")
def random_rows():
    """Token ids of different lengths, not in order of length, padded with 0."""
    rng = np.random.default_rng(0)
    ids = [rng.integers(3, 90, size=size).tolist() for size in (7, 12, 3, 12, 20, 2, 9, 15, 4)]
    columns = {"input_ids": ids, "attention_mask": [[1] * len(i) for i in ids]}
    return Dataset.from_dict(columns | {"label": [i % 2 for i in range(len(ids))], "id": range(len(ids))})


def sentences(tokenizer, count, seed):
    rows = make_rows(count, seed)
    columns = dict(tokenizer([text for text, _ in rows]))
    return Dataset.from_dict(columns | {"label": [int(name == "good") for _, name in rows], "id": range(count)})


def one_by_one(model, rows, **options):
    """The model's output for each example alone, in evaluation mode."""
    with torch.no_grad():
        return [model.eval()(input_ids=torch.tensor([ids]), **options) for ids in rows["input_ids"]]


# Settings.


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


# Reading.


def pooled_by_hand(hidden_states, name, pooling):
    """Hidden states (1, tokens, hidden) of one text without padding -> numpy (hidden,)."""
    if pooling == "mean":
        return hidden_states[0].mean(0).numpy()
    return hidden_states[0, -1 if name == "gpt2" else 0].numpy()


@every_head
@every_architecture
def test_features_and_hidden_states_are_those_of_an_independent_pass(name, pooling, arguments, random_rows, tokenizer):
    model = classifier(name, pooling).train()
    found, by_depth = read_features(model, arguments[pooling], random_rows, tokenizer, DEPTHS)
    outputs = one_by_one(model, random_rows, output_hidden_states=True)
    layer = classification_layer(model)
    with torch.no_grad():
        logits = layer(torch.from_numpy(found)).numpy()
    assert np.allclose(logits, np.concatenate([output.logits for output in outputs]), atol=2e-5)
    assert np.ptp(logits, axis=0).max() > 1e-3, "rows that are all alike prove no order"
    assert tuple(by_depth) == DEPTHS
    for depth in DEPTHS:
        expected = [pooled_by_hand(output.hidden_states[depth], name, pooling) for output in outputs]
        assert np.allclose(by_depth[depth], expected, atol=2e-5), depth


@pytest.mark.parametrize("name", UNSHARED)
def test_layer_k_is_what_the_kth_layer_returns(name, arguments, random_rows, tokenizer):
    model, seen = classifier(name, "mean"), {}
    _, by_depth = read_features(model, arguments["mean"], random_rows, tokenizer, DEPTHS)
    for depth, layer in enumerate(model.encoder.get_submodule(ARCHITECTURES[name].stack), start=1):

        def keep(module, given, output, depth=depth):
            seen.setdefault(depth, []).append(output[0] if isinstance(output, tuple) else output)

        layer.register_forward_hook(keep)
    one_by_one(model, random_rows)
    last = LAYERS if name not in ("gpt2", "modernbert") else LAYERS - 1  # these normalise what the last one returns
    for depth in range(1, last + 1):
        assert np.allclose(by_depth[depth], [states[0].mean(0) for states in seen[depth]], atol=2e-5), depth


def test_layer_0_is_the_embedding_output(arguments, random_rows, tokenizer):
    model = classifier("bert", "mean")
    _, by_depth = read_features(model, arguments["mean"], random_rows, tokenizer, (0,))
    with torch.no_grad():
        expected = [
            model.encoder.embeddings(torch.tensor([ids]))[0].mean(0).numpy() for ids in random_rows["input_ids"]
        ]
    assert list(by_depth) == [0] and np.allclose(by_depth[0], expected, atol=1e-5)


def test_features_of_bert_by_hand(arguments, random_rows, tokenizer):
    model = build("bert").train()
    found, none = read_features(model, arguments["cls"], random_rows, tokenizer)
    hidden = [output.last_hidden_state[0, 0].numpy() for output in one_by_one(model.bert, random_rows)]
    pooler = model.bert.pooler.dense
    expected = np.tanh(np.stack(hidden) @ pooler.weight.detach().numpy().T + pooler.bias.detach().numpy())
    assert np.allclose(found, expected, atol=1e-5) and none == {}
    assert found.shape == (len(random_rows), 32) and found.dtype == np.float32


def test_token_types_reach_the_model(arguments, tokenizer):
    pairs = tokenizer(["good film", "the town"], ["bad story of people", "we saw it"])
    assert {1} < {kind for row in pairs["token_type_ids"] for kind in row}
    rows = Dataset.from_dict(dict(pairs) | {"label": [0, 1], "id": [0, 1]})
    model = build("bert")
    found, _ = read_features(model, arguments["cls"], rows, tokenizer)
    with torch.no_grad():
        expected = model(**tokenizer.pad(dict(pairs), return_tensors="pt")).logits
        assert torch.allclose(model.classifier(torch.from_numpy(found)), expected, atol=1e-5)


def test_last_token_of_gpt2_is_the_one_that_it_scores_whatever_the_text_ends_with(arguments, tokenizer):
    # GPT-2 goes by the padding token, which is often the token that ends a text as well.
    ids = [[5, 6, 7, 8], [5, 6, 7, 0], [9, 0, 3, 0, 0], [4]]
    rows = Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * len(i) for i in ids], "label": [0, 1, 0, 1]})
    model = build("gpt2")
    found, _ = read_features(model, arguments["cls"], rows, tokenizer)
    expected = torch.cat([output.logits for output in one_by_one(model, rows)])
    assert torch.allclose(model.score(torch.from_numpy(found)), expected, atol=1e-5)


def test_reading_leaves_the_model_as_it_was(arguments, random_rows, tokenizer):
    model = build("bert")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, _ = read_features(model, arguments["cls"], random_rows, tokenizer, (1,))
    again, _ = read_features(model, arguments["cls"], random_rows, tokenizer)
    assert np.array_equal(first, again)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not classification_layer(model)._forward_pre_hooks


# Probes.


def test_probe_on_separable_features_is_perfect_whatever_their_scale():
    rng = np.random.default_rng(0)
    labels = {name: np.arange(size) % 3 for name, size in (("train", 150), ("evaluation", 60))}
    features = {}
    for name, own in labels.items():
        telling = np.eye(3)[own] * 1e-4 + rng.normal(scale=5e-6, size=(len(own), 3))
        features[name] = np.hstack([telling, rng.normal(scale=1e4, size=(len(own), 2))])
    score = probe(features["train"], labels["train"], features["evaluation"], labels["evaluation"])
    assert score == 1.0
    assert probe(features["train"], labels["train"], features["evaluation"], (labels["evaluation"] + 1) % 3) == 0.0


def test_probe_is_weighted_f1_of_the_evaluation_examples():
    train, labels = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    evaluation, truth = np.array([[-1.0], [-1.0], [-1.0], [1.0]]), np.array([0, 0, 1, 1])
    # predicted 0 0 0 1: F1 of class 0 is 4/5, of class 1 is 2/3, two examples each
    assert probe(train, labels, evaluation, truth) == pytest.approx((4 / 5 + 2 / 3) / 2)
    # predicted 0 0 0 1 against 0 0 0 0: 6/7, all four examples
    assert probe(train, labels, evaluation, np.zeros(4, int)) == pytest.approx(6 / 7)


@pytest.mark.parametrize("spoiled", [0, 2])
def test_features_that_are_not_finite_have_no_figures(spoiled):
    data = [np.arange(12.0).reshape(6, 2), np.arange(6) % 2] * 2
    assert isinstance(probe(*data), float)
    data[spoiled] = np.full((6, 2), np.inf)
    assert probe(*data) is None
    assert separation(np.full((6, 2), np.nan), data[1]) == {"silhouette": None, "neighbour_agreement": None}


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
        figures[level] = probe_by_depth(model, arguments["mean"], splits, tokenizer, DEPTHS)
    same = [np.array_equal(states[0.0][depth], states[0.5][depth]) for depth in DEPTHS]
    assert same == [depth < first_lost for depth in DEPTHS]
    assert figures[0.0][:first_lost] == figures[0.5][:first_lost]
    assert figures[0.0] != figures[0.5]
    assert [entry["layer"] for entry in figures[0.5]] == list(DEPTHS)


def test_probes_take_one_pass_over_each_split(arguments, splits, tokenizer):
    model, seen = build("bert", vocab_size=200), []
    model.register_forward_hook(lambda module, given, output: seen.append(len(output.logits)))
    probe_by_depth(model, arguments["cls"], splits, tokenizer, DEPTHS)
    assert sum(seen) == 96 + 42


def test_probes_are_of_the_evaluation_split_and_trained_on_train(arguments, splits, tokenizer):
    model = build("bert", vocab_size=200)
    found = probe_by_depth(model, arguments["mean"], splits, tokenizer, (1,))
    turned = {"train": splits["evaluation"], "evaluation": splits["train"]}
    states = {
        name: read_features(model, arguments["mean"], rows, tokenizer, (1,))[1][1] for name, rows in splits.items()
    }
    for parts, score in ((splits, found), (turned, probe_by_depth(model, arguments["mean"], turned, tokenizer, (1,)))):
        train, evaluation = (states["train" if len(parts[name]) == 96 else "evaluation"] for name in parts)
        labels = [np.array(parts[name]["label"]) for name in parts]
        assert score[0]["f1_weighted"] == pytest.approx(by_hand_probe(train, labels[0], evaluation, labels[1]))


def by_hand_probe(train, train_labels, evaluation, labels):
    """Logistic regression on standardised features, F1 of two classes from scratch."""
    scale = StandardScaler().fit(train)
    predicted = LogisticRegression(max_iter=1000).fit(scale.transform(train), train_labels)
    predicted = predicted.predict(scale.transform(evaluation))
    total = 0.0
    for c in (0, 1):
        both = ((predicted == c) & (labels == c)).sum()
        total += (labels == c).mean() * 2 * both / max(1, (predicted == c).sum() + (labels == c).sum())
    return total


# Separation.


def brute_separation(features, labels, count):
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    silhouettes, agreement = [], []
    for i, row in enumerate(distance):
        others = np.delete(np.arange(len(labels)), i)
        nearest = others[np.argsort(row[others], kind="stable")[:count]]
        agreement.append((labels[nearest] == labels[i]).mean())
        own = [row[j] for j in others if labels[j] == labels[i]]
        apart = min(row[labels == c].mean() for c in set(labels) - {labels[i]})
        silhouettes.append((apart - np.mean(own)) / max(apart, np.mean(own)) if own else 0.0)
    return {"silhouette": np.mean(silhouettes), "neighbour_agreement": np.mean(agreement)}


@pytest.mark.parametrize("size, neighbours", [(60, 10), (12, 10), (11, 10), (6, 5)])
def test_separation_against_brute_force(size, neighbours):
    rng = np.random.default_rng(size)
    labels = np.arange(size) % 3
    features = rng.normal(size=(size, 4)) + labels[:, None] * 0.8
    assert separation(features, labels) == pytest.approx(brute_separation(features, labels, neighbours), abs=1e-6)


def test_separation_by_hand():
    # Two pairs, 1 apart inside and 10 or more between: (10.5 - 1) / 10.5 for the outer, (9.5 - 1) / 9.5 for the inner.
    features, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    found = separation(features, labels)
    assert found["silhouette"] == pytest.approx((9.5 / 10.5 + 8.5 / 9.5) / 2)
    assert found["neighbour_agreement"] == pytest.approx(1 / 3)  # each has 3 neighbours, one of its own class
    assert separation(features, np.array([0, 1, 0, 1]))["silhouette"] < 0


def test_separation_of_classes_far_apart_is_nearly_one():
    labels = np.repeat([0, 1], 20)
    features = np.random.default_rng(0).normal(size=(40, 3)) + labels[:, None] * 1000
    found = separation(features, labels)
    assert found["silhouette"] > 0.99 and found["neighbour_agreement"] == 1.0


def test_examples_that_all_have_their_own_class_have_no_silhouette():
    assert separation(np.random.default_rng(0).normal(size=(4, 2)), np.arange(4)) == {
        "silhouette": None,
        "neighbour_agreement": 0.0,
    }


# In a run.


@pytest.fixture(scope="module")
def inside(tiny_bert, csv_files, tmp_path_factory):
    """A run of each healing with probes and features: a dict from healing to (folder, results)."""
    flags = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "disable_tqdm": True}
    flags |= {"num_train_epochs": 3, "learning_rate": 2e-3, "corrupt_level": 0.5, "torch_num_threads": 1}
    flags |= {"probe_layers": "0,3", "tsne": True, "tsne_perplexity": 5, "save_model": True, "pooling": "mean"}
    runs = {}
    for healing in ("full", "linear_probe"):
        folder = str(tmp_path_factory.mktemp("runs") / healing)
        run_experiment(make_arguments(**flags, output_dir=folder, healing=healing))
        runs[healing] = (folder, json.loads(pathlib.Path(folder, "results.json").read_text()))
    return runs


def test_results_have_probes_of_the_damaged_and_the_healed_model(inside):
    probes = inside["full"][1]["probes"]
    assert list(probes) == ["damaged", "healed"]
    for entries in probes.values():
        assert [entry["layer"] for entry in entries] == [0, 3]
        assert all(0 <= entry["f1_weighted"] <= 1 for entry in entries)
    assert probes["damaged"] != probes["healed"]
    assert list(inside["linear_probe"][1]["probes"]) == ["damaged"], "the encoder is the same after a linear probe"
    assert inside["linear_probe"][1]["probes"]["damaged"] == probes["damaged"]


def test_probes_of_the_healed_model_are_those_of_the_saved_one(inside, arguments, csv_files):
    folder, results = inside["full"]
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    features, labels = {}, {}
    for split in ("train", "validation"):
        rows = pandas.read_csv(csv_files[f"{split}_file"])
        labels[split] = (rows["label"] == "good").to_numpy().astype(int)
        ids = [tokenizer(text)["input_ids"] for text in rows["text"]]
        outputs = one_by_one(model, {"input_ids": ids}, output_hidden_states=True)
        features[split] = np.stack([output.hidden_states[3][0].mean(0).numpy() for output in outputs])
    score = by_hand_probe(features["train"], labels["train"], features["validation"], labels["validation"])
    assert results["probes"]["healed"][1]["f1_weighted"] == pytest.approx(score, abs=0.03)


def test_feature_file_of_a_run_has_the_examples_that_it_names(inside, csv_files):
    folder, results = inside["full"]
    file = FeatureFile.read(f"{folder}/features.npz")
    rows = pandas.read_csv(csv_files["validation_file"])
    assert [file.label_names[i] for i in file.labels] == rows["label"][file.ids].tolist()
    assert (file.task, file.level, file.region, file.label_names) == ("train", 0.5, "bottom", ["bad", "good"])
    assert file.f1 == {stage: results["metrics"][stage]["f1_weighted"] for stage in ("damaged", "healed")}
    predictions = pandas.read_parquet(f"{folder}/predictions.parquet").set_index("id")
    layer = AutoModelForSequenceClassification.from_pretrained(folder).classifier
    with torch.no_grad():
        logits = layer(torch.from_numpy(file.stages["healed"])).numpy()
    assert np.allclose(logits, np.stack(predictions["logits"][file.ids]), atol=1e-5)
    assert not np.allclose(file.stages["damaged"], file.stages["healed"], atol=1e-3)


@pytest.mark.parametrize("healing", ["full", "linear_probe"])
def test_results_have_the_separation_of_the_features(inside, healing):
    folder, results = inside[healing]
    file = FeatureFile.read(f"{folder}/features.npz")
    found = results["features"]
    assert (found["examples"], found["dimensions"]) == (42, 32)
    for stage in ("damaged", "healed"):
        assert found[stage] == pytest.approx(brute_separation(file.stages[stage], file.labels, 10), abs=1e-4)
    assert (found["damaged"] == found["healed"]) == (healing == "linear_probe")


def test_looking_inside_does_not_change_what_is_measured(inside, run_flags):
    more = {"num_train_epochs": 3, "learning_rate": 2e-3, "per_device_train_batch_size": 32, "pooling": "mean"}
    plain = run_experiment(make_arguments(**run_flags | more, disable_tqdm=True))
    assert plain["metrics"] == inside["full"][1]["metrics"]
    assert not {"probes", "features"} & set(plain)
