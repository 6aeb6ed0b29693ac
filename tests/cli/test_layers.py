"""`healbert layers`: a model's layers and components, and what a damage would hit."""

import json
import sys

import pytest
from helpers.architectures import LAYERS, build

from healbert import CorruptionSpec, corrupt
from healbert.cli.layers import layers
from healbert.cli.main import main


@pytest.fixture
def folder(tmp_path):
    build("bert").save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "model.safetensors").unlink()  # it needs no weights
    return str(tmp_path / "bert")


def shown(capsys, *arguments):
    layers([*map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out)


def test_layers_and_components(folder, capsys):
    found, model = shown(capsys, folder), build("bert")
    named = dict(model.base_model.named_parameters())
    for index, layer in enumerate(found["layers"]):
        inside = [name for name in named if name.startswith(f"encoder.layer.{index}.")]
        assert layer["names"] == inside and layer["parameters"] == sum(named[name].numel() for name in inside)
    assert len(found["layers"]) == LAYERS and found["hit"]["names"] == []
    parts = {name: part["parameters"] for name, part in found["components"].items()}
    assert parts["attention"] == sum(parts[word] for word in ("query", "key", "value", "attention_output"))
    assert parts["query"] == LAYERS * (32 * 32 + 32) and parts["ffn_in"] == LAYERS * (64 * 32 + 64)


@pytest.mark.parametrize(
    "flags, spec",
    [
        (["--corrupt_level", "0.5"], {"level": 0.5}),
        (["--corrupt_layers", "1,3", "--keep_norms"], {"layers": "1,3", "keep_norms": True}),
        (["--corrupt_components", "value,bias"], {"components": "value,bias"}),
    ],
)
def test_says_what_the_damage_hits(folder, capsys, flags, spec):
    hit = shown(capsys, folder, *flags)["hit"]
    receipt = corrupt(build("bert"), CorruptionSpec(**spec))
    assert hit["names"] == [entry["name"] for entry in receipt.tensors]
    assert hit["parameters"] == receipt.summary["scalars"]
    assert hit["fraction_of_encoder"] == pytest.approx(receipt.summary["fraction_of_encoder"])


def test_text(folder, capsys):
    layers([folder, "--corrupt_components", "query", "--corrupt_layers", "0"])
    text = capsys.readouterr().out
    assert f"layers 0-{LAYERS - 1}  " in text and "    attention.self.query.weight, bias" in text
    assert "This damage would hit 2 tensors, 1,056 parameters" in text
    layers([folder])
    assert "This damage would hit nothing" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags, named",
    [
        (["--corrupt_components", "atention"], "did you mean 'attention'"),
        (["--corrupt_layers", "9"], "there is no layer 9; the model has layers 0 to 3"),
        (["--learning_rate", "1"], "unrecognized arguments: --learning_rate"),
    ],
)
def test_refused(folder, capsys, monkeypatch, flags, named):
    monkeypatch.setattr(sys, "argv", ["healbert", "layers", folder, *flags])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code == 2 and named in capsys.readouterr().err
