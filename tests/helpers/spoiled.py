"""Ways to spoil the folders of models, and what the error must name; and the results of runs."""

import json
import os

import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig


def _remove(name):
    return lambda folder: (folder / name).unlink()


def _rewrite_config(text):
    return lambda folder: (folder / "config.json").write_text(text)


def _only_pickle(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _without_weights_of_the_encoder(folder):
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.2." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _cut_short(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _without_embeddings(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["embeddings.word_embeddings.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _another_width(folder):
    BertConfig(vocab_size=87, hidden_size=16, num_attention_heads=2, intermediate_size=64).save_pretrained(folder)


def _another_depth(folder):
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 5}
    (folder / "config.json").write_text(json.dumps(config))


SPOILED = {
    "no configuration": (_remove("config.json"), ["config.json"]),
    "configuration cut short": (_rewrite_config('{"model_type": '), ["config"]),
    "configuration of no model": (_rewrite_config('{"colour": "red"}'), ["model_type"]),
    "configuration of an unknown model": (_rewrite_config('{"model_type": "elephant"}'), ["elephant"]),
    "model without a classification head": (_rewrite_config('{"model_type": "whisper_encoder"}'), ["whisper_encoder"]),
    "kind that cannot classify texts": (_rewrite_config('{"model_type": "vit"}'), ["do not belong together"]),
    "no weights": (_remove("model.safetensors"), ["safetensors"]),
    "weights in a pickle only": (_only_pickle, ["safetensors"]),
    "weights cut short": (
        lambda f: (f / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{"),
        ["do not belong together"],
    ),
    "a layer missing": (_without_weights_of_the_encoder, ["lacks 16 weights", "layer.2."]),
    "no embeddings": (_without_embeddings, ["lacks 1 weights", "word_embeddings"]),
    "weights of another width": (_another_width, ["lacks"]),
    "weights of fewer layers": (_another_depth, ["lacks 16 weights", "layer.4."]),
}


# ---------------------------------------------------------------- results.json


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def deep(levels):
    return lambda path: path.write_text("[" * levels + "]" * levels)


def with_value(**values):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | values))


SPOILED_RUNS = {
    "deep": deep(100_000),
    "deep, yet read": lambda path: with_value(config=json.loads(f'{{"a": {"[" * 200 + "]" * 200}}}'))(path),
    "400 digits": lambda path: path.write_text(path.read_text().replace("{", '{"seed": ' + "9" * 400 + ",", 1)),
    "5,000 digits": lambda path: path.write_text(path.read_text().replace("{", '{"seed": ' + "9" * 5000 + ",", 1)),
    "pipe": pipe,
    "folder": folder,
    "loop": loop,
    "unknown status": with_value(status="resting"),
    "status in a list": with_value(status=["completed"]),
    "half a character": with_value(note="\ud800"),
    "more seconds than add up": with_value(timing={"heal": 1e308, "load": 1e308}),
    "error in a list": with_value(status="failed", error=[1]),
}
