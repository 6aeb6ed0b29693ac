"""Model folders that do not suit the task are made to, or named in one line, before anything runs."""

import json
import pathlib
import shutil
import warnings

import pytest
import torch
from helpers.arguments import run

from healbert.arguments.groups import ModelArguments
from healbert.experiment.loading import LoadCache, load
from healbert.models.loading import load_model, load_tokenizer, longest_text
from healbert.models.vocabulary import fit_vocabulary
from healbert.utils.errors import UserError


@pytest.fixture
def changed(tiny_bert, tmp_path):
    """A copy of the tiny model with values of its JSON files replaced."""

    def change(file, **values):
        folder = tmp_path / "changed"
        if not folder.exists():
            shutil.copytree(tiny_bert, folder)
        path = pathlib.Path(folder / file)
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return str(folder)

    return change


def loaded(folder, csv_files):
    return load(run(model_name_or_path=folder, use_cpu=True, **csv_files), LoadCache(0))


def test_a_head_for_other_labels_is_kept_and_it_is_said(changed, csv_files):
    from transformers import AutoModelForSequenceClassification

    names = load(run(model_name_or_path=changed("config.json"), use_cpu=True, **csv_files), LoadCache(0))[0].label_names
    for saved, warned in ((names, False), ([name.upper() for name in names], False), (names[::-1], True)):
        folder = changed("config.json")
        labels = {"id2label": dict(enumerate(saved)), "label2id": {name: i for i, name in enumerate(saved)}}
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(saved), **labels)
        model.save_pretrained(folder)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            _, _, model, _ = loaded(folder, csv_files)
        assert model.head_was == "own"
        assert [str(w.message) for w in heard if "was trained for the labels" in str(w.message)] == (
            [
                f"the head of {folder} was trained for the labels {', '.join(saved)}, and this task has "
                f"{', '.join(names)}: its weights are kept as they are, output for output"
            ]
            if warned
            else []
        )


@pytest.mark.parametrize("kind", ["regression", "multi_label_classification"])
def test_the_head_is_for_one_label_whatever_the_checkpoint_was_for(changed, kind):
    folder = changed("config.json", problem_type=kind)
    assert load_model(ModelArguments(model_name_or_path=folder), ["a", "b"], 0).config.problem_type is None


@pytest.mark.parametrize("value", ["many", -5, 0])
def test_positions_that_make_no_sense_are_named(changed, value):
    folder = changed("config.json", max_position_embeddings=value)
    with pytest.raises(UserError, match="max_position_embeddings|cannot be loaded"):
        load_tokenizer(ModelArguments(model_name_or_path=folder))


@pytest.mark.parametrize("values", [{"hidden_size": "wide"}, {"hidden_size": -8}, {"num_attention_heads": 0}])
def test_sizes_that_make_no_sense_are_named(changed, values):
    with pytest.raises(UserError, match="cannot be loaded|is no size"):
        load_model(ModelArguments(model_name_or_path=changed("config.json", **values)), ["a", "b"], 0)


def test_minus_one_position_is_no_limit(tiny_bert):
    model = load_model(ModelArguments(model_name_or_path=tiny_bert), ["a", "b"], 0)
    model.base_model.config.max_position_embeddings = -1
    assert longest_text(model) is None


def test_a_tokenizer_without_padding_and_end_is_refused(changed):
    from transformers import AutoTokenizer

    folder = changed("config.json")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match="no padding and no end token"):
        load_tokenizer(ModelArguments(model_name_or_path=folder))


def test_an_embedding_that_is_too_small_is_resized_and_it_is_said(changed, csv_files):
    from transformers import AutoTokenizer

    folder = changed("config.json")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = len(tokenizer)
    tokenizer.add_tokens(["film", "unheard"])
    tokenizer.add_special_tokens({"pad_token": "[NEWPAD]"})
    tokenizer.save_pretrained(folder)
    task, tokenizer, model, described = loaded(folder, csv_files)
    before = described["resized_embeddings"]["from"]
    assert tokenizer.pad_token_id >= before >= rows
    assert described["resized_embeddings"]["to"] == len(model.get_input_embeddings().weight) == len(tokenizer)


def test_a_mean_pooling_model_whose_embedding_was_resized_opens_again(changed, csv_files, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = changed("config.json")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["film", "unheard"])
    model = load_model(ModelArguments(model_name_or_path=folder, pooling="mean"), ["a", "b"], 0)
    assert fit_vocabulary(model, tokenizer, len(tokenizer) - 1)["to"] == len(tokenizer)
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    ids = torch.tensor([[2, len(tokenizer) - 1, 3]])
    mask = torch.ones_like(ids)
    assert torch.equal(again.eval()(ids, attention_mask=mask).logits, model.eval()(ids, attention_mask=mask).logits)


def test_an_embedding_that_is_large_enough_stays(tiny_bert, csv_files):
    assert "resized_embeddings" not in loaded(tiny_bert, csv_files)[3]


@pytest.mark.parametrize("value", [3, -1])
def test_a_chunk_size_that_divides_no_length_is_put_aside(changed, value):
    folder = changed("config.json", chunk_size_feed_forward=value)
    model = load_model(ModelArguments(model_name_or_path=folder), ["a", "b"], 0)
    assert model.config.chunk_size_feed_forward == 0 and model(torch.arange(7)[None]).logits.shape == (1, 2)
