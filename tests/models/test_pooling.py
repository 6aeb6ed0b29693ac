"""Mean pooling: padding never counts, the encoder stays as it was loaded, a saved model opens in a fresh process."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas
import pytest
import torch
from helpers.architectures import ARCHITECTURES, NAMES, build
from helpers.classifiers import LABELS, TEXTS, batch_of, classifier, every_architecture, every_head, pad_of
from helpers.small import ROOT, make_rows, save_bare_gpt2
from helpers.spoiled import SPOILED
from safetensors.torch import load_file
from torch import nn
from transformers import AutoTokenizer, BertModel, PreTrainedTokenizerFast

from healbert import CorruptionSpec, UserError, corrupt, make_arguments, run_experiment
from healbert.arguments.groups import ModelArguments
from healbert.models.loading import load_model
from healbert.models.pooling import MeanPoolingForSequenceClassification, mean_of_tokens


def test_mean_of_tokens_by_hand():
    padding = 100.0
    hidden = torch.tensor(
        [
            [[1.0, 2.0], [3.0, 4.0], [8.0, 0.0]],  # [CLS] good [SEP]: specials count
            [[5.0, -1.0], [7.0, 1.0], [padding, padding]],
            [[padding, padding], [padding, padding], [2.0, 9.0]],  # padded on the left
        ]
    )
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 1]])
    expected = torch.tensor([[4.0, 2.0], [6.0, 0.0], [2.0, 9.0]])
    assert torch.equal(mean_of_tokens(hidden, mask), expected)
    assert torch.equal(mean_of_tokens(hidden, mask.bool()), expected)
    assert torch.equal(mean_of_tokens(hidden[:1], None), expected[:1])
    assert mean_of_tokens(hidden.bfloat16(), mask).dtype == torch.bfloat16


def test_text_without_real_tokens_gives_zeros_and_no_nan():
    assert torch.equal(mean_of_tokens(torch.ones(1, 3, 2), torch.zeros(1, 3, dtype=torch.long)), torch.zeros(1, 2))


def test_no_gradient_reaches_padding():
    hidden = torch.randn(2, 3, 4, requires_grad=True)
    mean_of_tokens(hidden, torch.tensor([[1, 1, 0], [1, 1, 1]])).sum().backward()
    assert torch.equal(hidden.grad[0], torch.tensor([0.5, 0.5, 0.0])[:, None].expand(3, 4))


@every_head
@every_architecture
def test_padding_of_a_batch_does_not_change_the_logits(name, pooling):
    model = classifier(name, pooling)
    with torch.no_grad():
        together = model(**batch_of(TEXTS, pad_of(model))).logits
        alone = torch.cat([model(**batch_of([text], pad_of(model))).logits for text in TEXTS])
        more = model(**batch_of([*TEXTS, [30] * 25], pad_of(model))).logits[:-1]
    assert together.shape == (3, 3)
    assert torch.allclose(together, alone, atol=1e-5) and torch.allclose(more, alone, atol=1e-5)
    assert (alone - alone[0])[1:].abs().max() > 1e-3, "texts that score alike prove nothing"


@every_architecture
def test_logits_are_a_linear_layer_on_the_mean(name):
    model = classifier(name, "mean")
    with torch.no_grad():
        hidden = model.encoder(torch.tensor([TEXTS[0]])).last_hidden_state[0]  # (tokens, hidden)
        expected = hidden.mean(0) @ model.classifier.weight.T + model.classifier.bias
        found = model(**batch_of(TEXTS, pad_of(model))).logits[0]
    assert torch.allclose(found, expected, atol=1e-5)


@every_head
@every_architecture
def test_every_parameter_is_trained(name, pooling):
    # A parameter without a gradient would stop distributed training.
    model = classifier(name, pooling).train()
    model(**batch_of(TEXTS, pad_of(model)), labels=torch.tensor([0, 1, 2])).loss.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    stack = model.base_model.get_submodule(ARCHITECTURES[name].stack)
    assert all(p.grad.abs().max() > 0 for n, p in stack[0].named_parameters() if n.endswith("weight"))


def test_loss_is_the_mean_cross_entropy():
    model, labels = classifier("bert", "mean"), torch.tensor([2, 0, 1])
    with torch.no_grad():
        output = model(**batch_of(TEXTS, 0), labels=labels)
    by_hand = -output.logits.log_softmax(1)[torch.arange(3), labels].mean()
    assert output.loss == pytest.approx(by_hand.item(), abs=1e-6)


@every_architecture
def test_head_drops_out_as_much_as_the_architectures_own(name):
    own = build(name)
    inside = set(own.base_model.modules())
    outside = [module.p for module in own.modules() if isinstance(module, nn.Dropout) and module not in inside]
    expected = outside[-1] if outside else own.config.resid_pdrop  # GPT-2's head has none
    assert classifier(name, "mean").dropout.p == expected


@pytest.mark.parametrize("dropout", [0.4, 0.0])
def test_head_drops_out_in_training_alone(dropout):
    encoder = build("bert", head=False, hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0)
    model = MeanPoolingForSequenceClassification.around(encoder, **LABELS).eval()
    inputs = batch_of(TEXTS, pad_of(model))
    assert torch.equal(model(**inputs).logits, model(**inputs).logits)
    model.dropout.train()
    assert torch.equal(model(**inputs).logits, model(**inputs).logits) == (dropout == 0)


@every_architecture
def test_pretrained_weights_are_kept_bit_for_bit(name, tmp_path):
    build(name, head=False).save_pretrained(tmp_path)
    model = load_model(ModelArguments(str(tmp_path), pooling="mean"), ["a", "b", "c"], 0)
    saved, found = load_file(tmp_path / "model.safetensors"), model.encoder.state_dict()
    assert {key for key in saved if not key.startswith("pooler.")} == set(found)
    assert all(torch.equal(saved[key], value) for key, value in found.items())
    assert model.config.num_labels == 3 and model.config.id2label == LABELS["id2label"]


@every_head
def test_saved_mean_pooling_model_is_loaded_as_one(pooling, tmp_path):
    model = classifier("bert", "mean")
    model.save_pretrained(tmp_path)
    again = load_model(ModelArguments(str(tmp_path), pooling=pooling), ["x", "y", "z"], 0)
    assert again.config.id2label == {0: "x", 1: "y", 2: "z"}
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_the_same_under_either_head(name):
    spec = CorruptionSpec(level=0.5, seed=3, unit="parameter" if name == "albert" else "layer")
    encoder, states = build(name, head=False).state_dict(), {}
    for pooling in ("cls", "mean"):
        model = classifier(name, pooling)
        model.base_model.load_state_dict(encoder, strict=False)
        before = {key: value.clone() for key, value in model.base_model.state_dict().items()}
        corrupt(model, spec)
        states[pooling] = model.base_model.state_dict()
        assert any(not torch.equal(before[key], value) for key, value in states[pooling].items())
    shared = set(states["cls"]) & set(states["mean"])
    assert all(torch.equal(states["cls"][key], states["mean"][key]) for key in shared)
    assert {key.split(".")[0] for key in set(states["cls"]) ^ set(states["mean"])} <= {"pooler"}


def test_new_head_follows_the_seed(tiny_bert):
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        model = load_model(ModelArguments(tiny_bert, pooling="mean"), ["a", "b"], 0)
        heads.append(model.classifier.weight.detach())
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    assert 0.01 < heads[0].std() < 0.03 and not model.classifier.bias.any()


@pytest.mark.parametrize("spoil, named", SPOILED.values(), ids=SPOILED.keys())
def test_folder_that_is_no_model_is_refused(tiny_bert, tmp_path, spoil, named):
    BertModel.from_pretrained(tiny_bert).save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError) as caught:
        load_model(ModelArguments(str(tmp_path), pooling="mean"), ["a", "b"], 0)
    for part in (str(tmp_path), *named):
        assert part in str(caught.value)


def test_token_types_do_no_harm_where_an_encoder_takes_none(run_flags, tiny_bert, tmp_path):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=AutoTokenizer.from_pretrained(tiny_bert).backend_tokenizer,
        pad_token="[PAD]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(tmp_path / "model")
    build("distilbert", head=False).save_pretrained(tmp_path / "model")
    model = {"model_name_or_path": str(tmp_path / "model"), "max_seq_length": 40, "num_train_epochs": 1}
    results = run_experiment(make_arguments(**run_flags | model, pooling="mean", disable_tqdm=True))
    assert results["status"] == "completed"


def test_gradient_checkpointing_gives_the_same_metrics(run_flags, tmp_path):
    runs = [
        run_experiment(
            make_arguments(
                **run_flags | {"output_dir": str(tmp_path / str(on)), "gradient_checkpointing": on},
                pooling="mean",
                disable_tqdm=True,
            )
        )
        for on in (False, True)
    ]
    assert runs[0]["metrics"] == runs[1]["metrics"]


@pytest.mark.parametrize("pooling", ["clss", "max", ""])
def test_unknown_pooling_is_refused(pooling):
    with pytest.raises(UserError, match="pooling"):
        make_arguments(pooling=pooling)


def test_cls_of_gpt2_is_the_last_real_token():
    model = build("gpt2", num_labels=3)
    with torch.no_grad():
        for texts in (TEXTS, TEXTS[:1], TEXTS[2:]):
            hidden = [model.transformer(torch.tensor([text])).last_hidden_state[0, -1] for text in texts]
            assert torch.allclose(model(**batch_of(texts, 0)).logits, model.score(torch.stack(hidden)), atol=1e-5)


# A saved run, opened by another process.

OPEN = """
import json, sys
import torch
import healbert.models.pooling
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
texts = json.load(sys.stdin)
found = {}
for folder in sys.argv[1:]:
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in texts]
        together = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.tolist()
    classify = pipeline("text-classification", folder)
    found[folder] = {"class": type(model).__name__, "logits": logits, "together": together, "pipeline": classify(texts)}
    found[folder]["weights"] = sum(p.double().abs().sum().item() for p in model.parameters())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def reopened(tiny_bert, csv_files, tmp_path_factory):
    """Runs with mean pooling and what a fresh process makes of them: a dict from name to (folder, findings)."""
    models = {"bert": tiny_bert, "gpt2": save_bare_gpt2(tmp_path_factory.mktemp("gpt2"))}
    runs = {name: str(tmp_path_factory.mktemp("runs") / name) for name in models}
    shared = {"pooling": "mean", "save_model": True, "use_cpu": True, "num_train_epochs": 2, "disable_tqdm": True}
    shared |= {"learning_rate": 1e-3, "corrupt_level": 0.5, "torch_num_threads": 1}
    for name, model in models.items():
        run_experiment(make_arguments(model_name_or_path=model, output_dir=runs[name], **csv_files, **shared))
    done = subprocess.run(
        [sys.executable, "-c", OPEN, *runs.values()],
        input=json.dumps([text for text, _ in make_rows(42, seed=2)]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (run, found[run]) for name, run in runs.items()}


saved_models = pytest.mark.parametrize("name", ["bert", "gpt2"])


@saved_models
def test_saved_model_gives_the_logits_of_its_run_in_a_fresh_process(reopened, name):
    folder, found = reopened[name]
    predictions = pandas.read_parquet(f"{folder}/predictions.parquet")
    expected = np.stack(predictions["logits"])
    assert found["class"] == "MeanPoolingForSequenceClassification"
    assert np.ptp(expected, axis=0).min() > 1e-4, "logits that are all alike prove nothing"
    assert np.allclose(np.array(found["logits"])[predictions["id"]], expected, atol=1e-5, rtol=0)
    assert np.allclose(found["together"], found["logits"], atol=1e-5, rtol=0)


@saved_models
def test_pipeline_answers_with_the_label_names(reopened, name):
    folder, found = reopened[name]
    predictions = pandas.read_parquet(f"{folder}/predictions.parquet").set_index("id").sort_index()
    logits = np.stack(predictions["logits"]).astype(float)
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert [answer["label"] for answer in found["pipeline"]] == [("bad", "good")[p] for p in predictions["prediction"]]
    assert np.allclose([answer["score"] for answer in found["pipeline"]], scores.max(1), atol=1e-5)


def test_saved_configuration_names_the_labels_and_the_encoder(reopened):
    config = json.loads(pathlib.Path(reopened["bert"][0], "config.json").read_text())
    assert config["id2label"] == {"0": "bad", "1": "good"} and config["label2id"] == {"bad": 0, "good": 1}
    assert (config["model_type"], config["encoder"]["model_type"]) == ("healbert_mean_pooling", "bert")


OPEN_BARE = """
import json, sys
import torch
import healbert.models.pooling
from transformers import AutoModelForSequenceClassification
inputs = {key: torch.tensor(value) for key, value in json.load(sys.stdin).items()}
with torch.no_grad():
    print(json.dumps([AutoModelForSequenceClassification.from_pretrained(folder)(**inputs).logits.tolist()
                      for folder in sys.argv[1:]]))
"""


@pytest.mark.slow
def test_every_architecture_gives_the_same_logits_in_a_fresh_process(tmp_path):
    models, inputs = {name: classifier(name, "mean") for name in NAMES}, batch_of(TEXTS, 0)
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", OPEN_BARE, *(str(tmp_path / name) for name in NAMES)],
        input=json.dumps({key: value.tolist() for key, value in inputs.items()}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for (name, model), found in zip(models.items(), json.loads(done.stdout.splitlines()[-1]), strict=True):
        with torch.no_grad():
            expected = model(**inputs).logits
        assert np.ptp(expected.numpy(), axis=0).min() > 1e-4, "logits that are all alike prove nothing"
        assert torch.allclose(torch.tensor(found), expected, atol=1e-5, rtol=0), name
