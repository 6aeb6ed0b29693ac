"""Pretrained weights load with a seeded head and named labels; what is no model is refused in one line."""

import json
import shutil

import pytest
import torch
from helpers.small import run_script, save_tiny_bert, to_flags
from helpers.spoiled import SPOILED
from safetensors.torch import load_file, save_file
from transformers import BertModel, set_seed

from healbert.arguments.groups import ModelArguments
from healbert.damage.apply import corrupt
from healbert.damage.spec import CorruptionSpec
from healbert.models.loading import describe_model, load_model, load_tokenizer
from healbert.utils.errors import UserError

NAMES = ["bad", "good", "M&A | Investments"]


def load(folder, names=NAMES, pad_token_id=0, **settings):
    return load_model(ModelArguments(model_name_or_path=str(folder), **settings), names, pad_token_id)


@pytest.fixture
def model_copy(tiny_bert, tmp_path):
    """A folder with a tiny BERT, to be spoiled."""
    return shutil.copytree(tiny_bert, tmp_path / "model")


def test_label_names_are_in_the_configuration(tiny_bert, tmp_path):
    model = load(tiny_bert)
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["id2label"] == {"0": "bad", "1": "good", "2": "M&A | Investments"}
    assert config["label2id"] == {"bad": 0, "good": 1, "M&A | Investments": 2}
    assert model.config.num_labels == 3 and model.classifier.weight.shape == (3, 32)


def test_pretrained_weights_arrive_unchanged_in_float32(tmp_path):
    folder = save_tiny_bert(tmp_path / "model")
    pretrained = BertModel.from_pretrained(folder)
    pretrained.bfloat16().save_pretrained(folder)
    model = load(folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    state = pretrained.state_dict()
    for name, value in model.bert.state_dict().items():
        assert torch.equal(value, state[name].float()), name


def test_head_depends_on_the_seed_and_not_on_the_damage(tiny_bert):
    heads = []
    for seed, level in ((1, 0.0), (1, 1.0), (2, 0.0)):
        set_seed(seed)
        model = load(tiny_bert)
        corrupt(model, CorruptionSpec(level=level, seed=seed))
        heads.append(model.classifier.weight.detach().clone())
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_description_follows_the_pretrained_weights_alone(tiny_bert, model_copy):
    set_seed(1)
    first = describe_model(load(tiny_bert), "tiny")
    set_seed(2)  # another head
    assert describe_model(load(model_copy), "tiny") == first
    assert (first["architecture"], first["name"]) == ("BertForSequenceClassification", "tiny")
    weights = load_file(model_copy / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][3] += 1
    save_file(weights, model_copy / "model.safetensors", metadata={"format": "pt"})
    assert describe_model(load(model_copy), "tiny")["fingerprint"] != first["fingerprint"]


def test_description_leaves_out_a_pooler_that_is_drawn(model_copy):
    weights = load_file(model_copy / "model.safetensors")
    rest = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    save_file(rest, model_copy / "model.safetensors", metadata={"format": "pt"})
    found = []
    for seed in (1, 2):
        set_seed(seed)
        model = load(model_copy)
        found.append((describe_model(model, "tiny"), model.bert.pooler.dense.weight.sum().item()))
    assert len(rest) < len(weights) and model.drawn_weights == {"pooler.dense.weight", "pooler.dense.bias"}
    assert found[0][0] == found[1][0] and found[0][1] != found[1][1]


def test_configuration_and_tokenizer_of_their_own(tiny_bert, model_copy, tmp_path):
    config = json.loads((model_copy / "config.json").read_text()) | {"hidden_dropout_prob": 0.5}
    (model_copy / "config.json").write_text(json.dumps(config))
    assert load(tiny_bert, config_name=str(model_copy)).config.hidden_dropout_prob == 0.5
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model_copy / name).unlink()
    settings = ModelArguments(model_name_or_path=str(model_copy), tokenizer_name=tiny_bert)
    assert load_tokenizer(settings)("good")["input_ids"] == load_tokenizer(ModelArguments(tiny_bert))("good").input_ids


def test_gpt2_pads_with_its_end_token(tmp_path):
    from helpers.small import save_bare_gpt2

    settings = ModelArguments(model_name_or_path=save_bare_gpt2(tmp_path / "model"))
    tokenizer = load_tokenizer(settings)
    assert tokenizer.pad_token == "<|endoftext|>"
    model = load_model(settings, NAMES, tokenizer.pad_token_id).eval()
    assert model.config.pad_token_id == tokenizer.pad_token_id == 0
    with torch.no_grad():
        alone = model(**tokenizer(["good"], return_tensors="pt")).logits
        padded = model(**tokenizer(["good", "good good good"], padding=True, return_tensors="pt")).logits
    assert torch.allclose(alone[0], padded[0], atol=1e-5)


def test_pad_token_of_the_model_stays(tiny_bert):
    assert load(tiny_bert, pad_token_id=3).config.pad_token_id == 0


def test_earlier_head_of_other_size_is_replaced(tiny_bert, tmp_path):
    load(tiny_bert).save_pretrained(tmp_path)
    assert load(tmp_path, ["a", "b"]).classifier.weight.shape == (2, 32)


def test_missing_pooler_is_made_anew(tmp_path):
    folder = save_tiny_bert(tmp_path / "model")
    BertModel.from_pretrained(folder, add_pooling_layer=False).save_pretrained(folder)
    assert load(folder).bert.pooler is not None


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/model", "~/no-such-model-here", "a/b/c"])
def test_missing_folder_is_named(name):
    for refused in (load_tokenizer, lambda settings: load_model(settings, NAMES, 0)):
        with pytest.raises(UserError, match=f"model folder {name} does not exist; give a Hub id or a folder"):
            refused(ModelArguments(model_name_or_path=name))


@pytest.mark.parametrize("spoil, named", SPOILED.values(), ids=SPOILED.keys())
def test_folder_that_is_no_model_is_refused(model_copy, spoil, named):
    spoil(model_copy)
    with pytest.raises(UserError) as caught:
        load(model_copy)
    for part in (str(model_copy), *named):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_folder_is_said_to_be_no_model(tmp_path):
    with pytest.raises(UserError, match=r"model '.*' cannot be loaded.*: .*config.json.*give a Hub id or a folder"):
        load_tokenizer(ModelArguments(model_name_or_path=str(tmp_path)))


def test_folder_without_a_tokenizer_is_refused(model_copy):
    for path in (*model_copy.glob("tokenizer*"), *model_copy.glob("*vocab*")):
        path.unlink()
    with pytest.raises(UserError, match="tokenizer"):
        load_tokenizer(ModelArguments(model_name_or_path=str(model_copy)))


def test_file_in_place_of_a_folder_is_refused(tiny_bert):
    with pytest.raises(UserError, match="cannot be loaded"):
        load(f"{tiny_bert}/model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings, ways_on",
    [
        ({"model_name_or_path": "no-such/model", "task_name": "sst2"}, ["folder", "embedded"]),
        ({"task_name": "sst2"}, ["--data_root", "--train_file", "docstrings"]),
        ({"tokenizer_name": "no-such/tokenizer"}, ["folder"]),
    ],
    ids=["model", "dataset", "tokenizer"],
)
def test_unreachable_hub_says_how_to_go_on(tiny_bert, tmp_path, settings, ways_on):
    settings = {"model_name_or_path": tiny_bert, "output_dir": tmp_path / "run"} | settings
    nothing = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "empty")}
    done = run_script(*to_flags(settings), "--use_cpu", **nothing)
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert [line for line in lines if line.startswith("error:")] == lines[-1:]
    assert "Hub cannot be reached" in lines[-1] and all(way in lines[-1] for way in ways_on)
    assert not (tmp_path / "run").exists()
    assert "working from the local cache" in done.stderr
    assert "Retry" not in done.stderr, "half a minute is lost"
