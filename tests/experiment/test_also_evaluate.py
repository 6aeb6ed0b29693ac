"""Runs that are scored as language models, too: intact, damaged and healed, and nothing else is changed by it."""

import json

import numpy as np
import pandas
import pytest
import torch
from helpers.runs import read, run_with
from helpers.small import make_rows, save_bare_gpt2, save_tiny_bart, save_tiny_tokenizer, write_csv
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, TrainingArguments

from healbert import CorruptionSpec, UserError, corrupt, load_results, make_arguments
from healbert.arguments.groups import DataArguments
from healbert.cli.main import command
from healbert.experiment.language_head import _training
from healbert.experiment.loading import LoadCache, load
from healbert.results.summary import table_rows
from healbert.tasks.load import as_text_alone
from healbert.tasks.types import task_type

TEXTS = [text for text, _ in make_rows(42, seed=2)]  # of the validation file
STAGES = ("intact", "damaged", "healed")


def masked_scores(model, tokenizer):
    """Mean loss of the hidden tokens of all texts, and how many are found, one text at a time."""
    encode, _ = task_type("masked_lm").encode_split(
        "evaluation", None, tokenizer, DataArguments(task_name="docstrings")
    )
    rows, losses, hits = encode({"text": TEXTS}), [], []
    for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
        labels = torch.tensor(labels)
        with torch.no_grad():
            scores = model.eval()(torch.tensor([ids])).logits[0].log_softmax(-1)
        for place in (labels != -100).nonzero()[:, 0]:
            losses.append(-scores[place, labels[place]].item())
            hits.append((scores[place].argmax() == labels[place]).item())
    return {"masked_loss": np.mean(losses), "masked_accuracy": np.mean(hits)}


def with_base(language, base):
    """A language model on another base of the same architecture, weight by weight."""
    own, given = language.base_model.state_dict(), base.state_dict()
    language.base_model.load_state_dict({name: given[name] for name in own})
    return language


@pytest.fixture
def settings(run_flags, tmp_path):
    found = run_flags | {"also_evaluate": "masked_lm", "save_model": True, "output_dir": str(tmp_path / "runs" / "one")}
    return found | {"corrupt_method": "gaussian_noise", "corrupt_strength": 1.0}


def test_scores_are_those_of_the_head_on_each_base(settings, tiny_bert, tmp_path):
    results = run_with(settings)
    found, folder = results["language_model"], settings["output_dir"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    (kept,) = (tmp_path / "runs" / ".heads").glob("*.safetensors")
    assert found["head"] == {"trained_on": 96, "epochs": 3, "content": kept.stem}

    def language():
        model = AutoModelForMaskedLM.from_pretrained(tiny_bert)
        model.load_state_dict(load_file(kept), strict=False)
        return model

    damaged = AutoModel.from_pretrained(tiny_bert)
    corrupt(damaged, CorruptionSpec(level=0.5, method="gaussian_noise", strength=1.0))
    bases = {
        "intact": AutoModel.from_pretrained(tiny_bert),
        "damaged": damaged,
        "healed": AutoModel.from_pretrained(folder),
    }
    for stage, base in bases.items():
        by_hand = masked_scores(with_base(language(), base), tokenizer)
        assert {name: found[stage][name] for name in by_hand} == pytest.approx(by_hand, rel=1e-4)
    assert len({found[stage]["masked_loss"] for stage in STAGES}) == 3
    assert (found["type"], found["primary_metric"], found["examples"]) == ("masked_lm", "masked_loss", 42)
    assert found["text_column"] == "text" and found["baseline"] > 0
    assert read(folder) == json.loads(json.dumps(results))
    (row,) = load_results(folder).to_dict("records")
    assert row["language_healed_masked_loss"] == found["healed"]["masked_loss"]
    said = dict(table_rows(results, folder))["language model"]
    assert said.startswith(f"masked loss {found['intact']['masked_loss']:.4f} intact, ")


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"healing": "lora"}, {"pooling": "mean", "healing": "linear_probe"}])
def test_nothing_else_is_changed_by_it(settings, tmp_path, more):
    cache = LoadCache()
    found = run_with(settings, cache, **more)
    plain = {**settings, "also_evaluate": None, "output_dir": str(tmp_path / "plain" / "one")}
    without = run_with(plain, **more)
    assert found["metrics"] == without["metrics"] and "language_model" not in without
    if "healing" in more:
        scores = [found["language_model"][stage]["masked_loss"] for stage in ("damaged", "healed")]
        assert (scores[0] == scores[1]) is (more["healing"] == "linear_probe"), "which trains the head alone"
    again = run_with(settings, cache, corrupt_level=0, output_dir=str(tmp_path / "runs" / "intact"), **more)
    assert again["language_model"]["damaged"] == again["language_model"]["intact"] == found["language_model"]["intact"]


@pytest.mark.slow
def test_a_head_depends_on_no_other_run(settings, tmp_path):
    """Neither on how a run trains, nor on which run of the process was the first."""
    cache = LoadCache()

    def made(where, cache=None, **more):
        flags = settings | {"output_dir": str(tmp_path / where / "one"), "save_model": False, "num_train_epochs": 1}
        found = run_with(flags, cache, **more)["language_model"]
        heads = sorted((tmp_path / where / ".heads").glob("*.safetensors"))
        return found["intact"], found["baseline"], found["head"], [path.read_bytes() for path in heads]

    plain = made("plain")
    assert plain == made("other", lr_scheduler_type="constant", optim="sgd", max_grad_norm=0.01, adam_beta1=0.5)
    assert made("first", cache) == plain
    assert made("second", cache, selection="dev") == made("alone", selection="dev") != plain
    smoothed = {"selection": "dev", "label_smoothing_factor": 0.2}
    assert made("third", cache, **smoothed) == made("smoothed", **smoothed)


def test_the_head_of_a_language_model_does_not_know_what_an_earlier_run_held_out(settings, tmp_path):
    cache, asked = LoadCache(), {"also_evaluate": None, "task_type": "masked_lm", "save_model": False}

    def scores(where, cache=None, **more):
        flags = settings | asked | {"output_dir": str(tmp_path / where / "one"), "num_train_epochs": 1}
        return run_with(flags, cache, **more)["metrics"]

    scores("first", cache)
    assert scores("second", cache, selection="dev") == scores("alone", selection="dev")
    assert scores("third", cache, selection="dev", bf16=True) == scores("alone in bf16", selection="dev", bf16=True)


def test_each_tokenizer_has_a_head_of_its_own(settings, tiny_bert, tmp_path):
    save_tiny_tokenizer(tmp_path / "cased", do_lower_case=False)
    heads = set()
    for number, tokenizer in enumerate((tiny_bert, str(tmp_path / "cased"))):
        rows = [(text.capitalize(), label) for text, label in make_rows(24)]
        flags = {"train_file": write_csv(tmp_path / "capitals.csv", rows), "tokenizer_name": tokenizer}
        flags |= {"output_dir": str(tmp_path / "runs" / str(number)), "num_train_epochs": 1}
        heads.add(run_with(settings | flags)["language_model"]["head"]["content"])
    assert len(heads) == 2


def test_output_layer_that_shares_the_embeddings_goes_on_sharing_them(settings, tiny_bert, tmp_path):
    torch.manual_seed(1)
    whole = AutoModelForMaskedLM.from_pretrained(tiny_bert)
    whole.save_pretrained(tmp_path / "whole")
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.save_pretrained(tmp_path / "whole")
    shared = {"model_name_or_path": str(tmp_path / "whole"), "corrupt_embeddings": True, "corrupt_level": 1}
    found = run_with(settings | shared, num_train_epochs=1)["language_model"]
    assert found["head"] is None
    assert found["intact"]["masked_loss"] == pytest.approx(masked_scores(whole, tokenizer)["masked_loss"], rel=1e-4)
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "whole")
    corrupt(model, CorruptionSpec(level=1, method="gaussian_noise", strength=1.0, embeddings=True))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert found["damaged"]["masked_loss"] == pytest.approx(masked_scores(model, tokenizer)["masked_loss"], rel=1e-4)


def test_decoder_is_scored_by_bits_per_byte(settings, tmp_path):
    gpt2 = save_bare_gpt2(tmp_path / "gpt2")
    torch.manual_seed(1)
    AutoModelForCausalLM.from_pretrained(gpt2).save_pretrained(gpt2)
    more = {"model_name_or_path": gpt2, "also_evaluate": "causal_lm"}
    found = run_with(settings | more, num_train_epochs=1)["language_model"]
    assert found["primary_metric"] == "bits_per_byte" and found["head"] is None
    assert len({found[stage]["bits_per_byte"] for stage in STAGES}) == 3


def test_report_says_what_became_of_the_language_model(settings, tmp_path):
    means = {}
    for level in (0, 0.5):
        out = {"output_dir": str(tmp_path / "runs" / str(level)), "corrupt_level": level, "save_model": False}
        means[level] = run_with(settings | out, num_train_epochs=1)["language_model"]
    command("report")([str(tmp_path / "runs"), "--output", str(tmp_path / "report")])
    (path,) = (tmp_path / "report" / "tables").glob("language-model-masked-loss*.csv")
    rows = pandas.read_csv(path)
    assert rows["level"].tolist() == [0, 0.5]
    for stage in STAGES:
        assert rows[stage].tolist() == pytest.approx([means[level][stage]["masked_loss"] for level in (0, 0.5)])


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"also_evaluate": "masked"}, "--also_evaluate 'masked' is not known.*masked_lm"),
        ({"task_type": "masked_lm"}, "--also_evaluate masked_lm is the task itself"),
        ({"task_type": "token_classification"}, "examples of type token_classification are lists of words"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, flags, message):
    with pytest.raises(UserError, match=message):
        make_arguments(**settings | flags)


def test_models_without_such_a_head_are_refused(settings, tmp_path, tiny_bert):
    gpt2 = save_bare_gpt2(tmp_path / "gpt2")
    with pytest.raises(UserError, match="of type gpt2, which has no head for masked_lm"):
        run_with(settings | {"model_name_or_path": gpt2})
    both = save_tiny_bart(tmp_path / "bart")
    with pytest.raises(UserError, match="needs an encoder or a decoder alone, and a model of type bart has both"):
        run_with(settings | {"model_name_or_path": both})


def test_texts_are_the_rows_of_the_task_whatever_is_held_out(settings, tmp_path):
    one = {name: value for name, value in settings.items() if name != "validation_file"}
    arguments = make_arguments(**one, validation_fraction=0.25, selection="dev", max_train_samples=40)
    task, tokenizer, _, _ = load(arguments, LoadCache(0))
    alone = as_text_alone(task, task_type("masked_lm"))
    for split in ("train", "evaluation"):
        assert alone.splits[split]["text"][:] == task.texts[split]["text"][:]
        assert len(alone.splits[split]) == len(task.splits[split])
    assert set(alone.splits) == {"train", "evaluation"}, "what is held out trains nothing"
    assert alone.fingerprint != task.fingerprint


def test_side_of_a_pair_with_more_text_counts(settings, tmp_path):
    path = tmp_path / "pairs.csv"
    pairs = [f"good film {number},{text},{number % 2}" for number, text in enumerate(TEXTS)]
    path.write_text("\n".join(["question,answer,label", *pairs]))
    files = {"train_file": str(path), "validation_file": str(path), "text_column_names": "question,answer"}
    found = run_with(settings | files, num_train_epochs=1)["language_model"]
    assert found["text_column"] == "answer" and found["examples"] == len(TEXTS)


def test_a_head_is_trained_on_one_gpu(monkeypatch, tmp_path):
    """As the runs are that share it: on four its batches would be four times as large."""
    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: vars(self).get("_n_gpu") or 4))
    found = _training(make_arguments(output_dir="x", use_cpu=True).training, str(tmp_path))
    assert (found.n_gpu, found.train_batch_size) == (1, found.per_device_train_batch_size)
