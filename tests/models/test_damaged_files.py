"""A damaged file of a model folder is named in one line, and nothing of an impossible size is made."""

import json
import pathlib
import resource
import shutil
import subprocess
import sys

import pytest
from helpers.small import ROOT

from healbert.arguments.groups import ModelArguments
from healbert.models.loading import load_model, load_tokenizer
from healbert.utils.errors import UserError

JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json")


@pytest.fixture
def folder(tiny_bert, tmp_path):
    return shutil.copytree(tiny_bert, tmp_path / "model")


def change(path, **values):
    path = pathlib.Path(path)
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | values))


def loaded(folder):
    arguments = ModelArguments(model_name_or_path=str(folder))
    return load_model(arguments, ["a", "b"], load_tokenizer(arguments).pad_token_id)


def refused(folder):
    with pytest.raises(UserError) as caught:
        loaded(folder)
    return " ".join(str(caught.value).split())


CONTENTS = {
    "truncated": ('{"a": [1, 2', "is no valid JSON"),
    "empty": ("", "is no valid JSON"),
    "binary": (b"\xff\xfe\x00\x01", "is no valid JSON"),
    "deep": ("[" * 100_000, "is no valid JSON"),
    "a list": ("[1]", "holds a list, not an object"),
    "null": ("null", "holds null, not an object"),
    "a text": ('"x"', "holds a text, not an object"),
    "a number": ("42", "holds a number, not an object"),
}


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize("content, said", CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_is_no_json_object_is_named(folder, name, content, said):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refused(folder)
    assert f"its {name} {said}" in message and len(message) < 500


TOKENIZERS = {
    "empty object": lambda content: content.clear(),
    "no model": lambda content: content.update(model={}),
    "vocabulary that is a list": lambda content: content["model"].update(vocab=[1, 2]),
    "vocabulary of texts": lambda content: content["model"].update(vocab={"a": "x"}),
    "negative id": lambda content: content["model"]["vocab"].update(film=-3),
    "normalizer that is a number": lambda content: content.update(normalizer=3),
    "unknown post-processor": lambda content: content.update(post_processor={"type": "Foo"}),
    "truncation that is a text": lambda content: content.update(truncation="yes"),
    "added tokens that are numbers": lambda content: content.update(added_tokens=[1]),
}


@pytest.mark.parametrize("edit", TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_tokenizer_that_the_library_cannot_build_is_named(folder, edit):
    content = json.loads((folder / "tokenizer.json").read_text())
    edit(content)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert "its tokenizer.json is no tokenizer" in refused(folder)


FIELDS = {
    ("tokenizer_config.json", "pad_token"): 5,
    ("tokenizer_config.json", "cls_token"): [1],
    ("tokenizer_config.json", "mask_token"): {"a": 1},
    ("tokenizer_config.json", "tokenizer_class"): 7,
    ("tokenizer_config.json", "added_tokens_decoder"): "x",
    ("tokenizer_config.json", "do_lower_case"): "maybe",
    ("tokenizer_config.json", "extra_special_tokens"): 3,
    ("special_tokens_map.json", "pad_token"): {"content": 4},
    ("special_tokens_map.json", "additional_special_tokens"): 3,
}


@pytest.mark.parametrize("place", FIELDS, ids=" ".join)
def test_a_field_of_a_wrong_type_is_named(folder, place):
    name, field = place
    change(folder / name, **{field: FIELDS[place]})
    assert f"its {name} says '{field}': {json.dumps(FIELDS[place])}, which is a" in refused(folder)


@pytest.mark.parametrize("field, value", [("model_max_length", 2.5), ("model_input_names", ["other"])])
def test_what_would_fail_in_the_first_batch_is_named(folder, field, value):
    change(folder / "tokenizer_config.json", **{field: value})
    assert f"{field} of tokenizer" in refused(folder)


@pytest.mark.parametrize("values", [{"padding_side": "up"}, {"added_tokens_decoder": {"x": {"content": 1}}}])
def test_what_the_library_alone_knows_names_the_files(folder, values):
    change(folder / "tokenizer_config.json", **values)
    assert "tokenizer_config.json and special_tokens_map.json" in refused(folder)


SIZES = {
    "layers as a text": ({"num_hidden_layers": "12"}, "num_hidden_layers"),
    "no layer": ({"num_hidden_layers": 0}, "num_hidden_layers 0"),
    "fewer than none": ({"num_hidden_layers": -1}, "num_hidden_layers -1"),
    "more layers than there are": ({"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000"),
    "no head": ({"num_attention_heads": 0}, "num_attention_heads 0"),
    "heads that do not divide": ({"num_attention_heads": 5}, "hidden size (32)"),
    "huge vocabulary": ({"vocab_size": 10**12}, "vocab_size 1000000000000"),
    "no vocabulary": ({"vocab_size": 0}, "vocab_size 0"),
    "vocabulary beyond the weights": ({"vocab_size": 10**9}, "32,000"),
    "wide beyond the weights": ({"hidden_size": 10**6}, "do not belong together"),
    "long beyond the weights": ({"max_position_embeddings": 10**9}, "do not belong together"),
    "many types": ({"type_vocab_size": 10**12}, "type_vocab_size 1000000000000"),
    "padding outside": ({"pad_token_id": 10**6}, "Padding_idx"),
    "activation": ({"hidden_act": "nope"}, "'nope'"),
    "chunk": ({"chunk_size_feed_forward": "x"}, "chunk_size_feed_forward 'x'"),
    "attentions": ({"output_attentions": "x"}, "output_attentions 'x'"),
    "label names": ({"id2label": "x"}, "config.json"),
}


@pytest.mark.parametrize("values, named", SIZES.values(), ids=SIZES)
def test_values_of_the_configuration_that_cannot_be_are_named(folder, values, named):
    change(folder / "config.json", **values)
    message = refused(folder)
    assert named in message and "config.json" in message


BOUNDED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from healbert.arguments.groups import ModelArguments
from healbert.models.loading import load_model
from healbert.utils.errors import UserError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_model(ModelArguments(model_name_or_path=sys.argv[2]), ["a", "b"], 0)
except UserError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""


def test_an_impossible_size_is_refused_without_allocating(folder):
    change(folder / "config.json", vocab_size=10**8)  # 13 GB of embeddings
    command = [sys.executable, "-c", BOUNDED, str(ROOT), str(folder)]
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (12 << 30, 12 << 30))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **limit)
    assert done.returncode == 0, done.stderr[-2000:]
    more, message = done.stdout.split(" ", 1)
    assert "3,200,0" in message and int(more) < 1000


def test_what_is_fine_is_not_checked_against_its_weights_alone(folder):
    (folder / "special_tokens_map.json").write_text("{}")
    change(folder / "tokenizer_config.json", tokenizer_class="NoSuchTokenizer")
    assert loaded(folder).config.num_hidden_layers == 4


def test_a_negative_padding_id_is_none(folder):
    change(folder / "config.json", pad_token_id=-1)
    assert loaded(folder).config.pad_token_id == 0


def test_looking_at_the_sizes_leaves_the_draw_of_the_head_alone(folder, monkeypatch):
    from transformers import set_seed

    drawn = []
    for checked in (True, False):
        if not checked:
            monkeypatch.setattr("healbert.models.loading.check_weights_hold", lambda *arguments: None)
        set_seed(3)
        drawn.append(loaded(folder).classifier.weight)
    assert drawn[0].equal(drawn[1])
