"""Architectures whose embeddings and positions are not BERT's, from the command line to the results."""

import json
import shutil

import pytest
from helpers.small import FILLER, WORDS, run_script, save_tiny_bert, to_flags


def save_tiny_xlnet(folder):
    """XLNet has no limit of positions: its configuration says -1."""
    from transformers import XLNetConfig, XLNetModel, XLNetTokenizerFast

    specials = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    words = sorted({*FILLER, *sum(WORDS.values(), [])})
    letters = [(letter, -10.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    pieces = [(token, 0.0) for token in specials] + [(f"▁{word}", -5.0) for word in words] + letters
    XLNetTokenizerFast(vocab=pieces, unk_id=0).save_pretrained(folder)
    sizes = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "pad_token_id": 5}
    XLNetModel(XLNetConfig(vocab_size=len(pieces), **sizes)).save_pretrained(folder)


def save_tiny_canine(folder):
    """CANINE hashes its characters: it has no embedding with a row for each token."""
    from transformers import CanineConfig, CanineModel, CanineTokenizer

    CanineTokenizer().save_pretrained(folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    hashes = {"num_hash_functions": 4, "num_hash_buckets": 256, "local_transformer_stride": 32}
    CanineModel(CanineConfig(max_position_embeddings=256, **sizes, **hashes)).save_pretrained(folder)


def save_small_ibert(folder):
    """I-BERT refuses to resize its quantized embedding, and this one has fewer rows than the tokenizer entries."""
    from transformers import IBertConfig, IBertModel

    save_tiny_bert(folder)
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    IBertModel(IBertConfig(vocab_size=60, max_position_embeddings=66, **sizes)).save_pretrained(folder)


@pytest.fixture
def run_folder(csv_files, tmp_path):
    """Runs the script on a model folder; returns the finished process and the folder of the run."""

    def call(model):
        settings = {"model_name_or_path": model, **csv_files, "output_dir": tmp_path / "run", "corrupt_level": 0.5}
        done = run_script(*to_flags(settings | {"num_train_epochs": 1, "torch_num_threads": 1}), "--use_cpu")
        return done, tmp_path / "run"

    return call


@pytest.mark.slow
@pytest.mark.parametrize("save", [save_tiny_xlnet, save_tiny_canine])
def test_a_model_without_our_limits_runs_to_its_end(run_folder, tmp_path, save):
    save(tmp_path / "model")
    done, folder = run_folder(tmp_path / "model")
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((folder / "results.json").read_text())
    assert results["status"] == "completed" and "resized_embeddings" not in results["model"]


def test_an_embedding_that_cannot_be_resized_is_one_line(run_folder, tmp_path):
    save_small_ibert(tmp_path / "model")
    done, folder = run_folder(tmp_path / "model")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and "beyond the 60 rows of the embedding, which cannot be resized" in line
    assert "Traceback" not in done.stderr and not (folder / "results.json").exists()


def test_a_resized_embedding_is_in_the_receipt_and_in_the_results(run_folder, tiny_bert, tmp_path):
    from transformers import AutoTokenizer

    model = shutil.copytree(tiny_bert, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["film", "unheard"])
    tokenizer.add_special_tokens({"pad_token": "[NEWPAD]"})
    tokenizer.save_pretrained(model)
    done, folder = run_folder(model)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((model / "config.json").read_text())["vocab_size"]
    resized = {"from": rows, "to": len(tokenizer)}
    assert json.loads((folder / "corruption.json").read_text())["summary"]["resized_embeddings"] == resized
    results = json.loads((folder / "results.json").read_text())
    assert results["model"]["resized_embeddings"] == results["corruption"]["resized_embeddings"] == resized
