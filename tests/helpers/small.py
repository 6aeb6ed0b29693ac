"""Texts, tiny models on disk, the commands as a user runs them."""

import os
import pathlib
import random
import shutil
import string
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


SHARED_DATA = ROOT.parent / "shared" / "data"


WORDS = {
    "good": "good great lovely warm bright fine sweet superb".split(),
    "bad": "bad awful dull cold grim poor bitter dreadful".split(),
}


FILLER = "the film was a story of people in town and we saw it once more".split()


def make_rows(count, seed=0, words=WORDS):
    """Sentences whose class shows in one word: a list of (text, label name)."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        label = sorted(words)[i % len(words)]
        text = [rng.choice(FILLER) for _ in range(rng.randint(2, 14))]
        text.insert(rng.randrange(len(text) + 1), rng.choice(words[label]))
        rows.append((" ".join(text), label))
    return rows


def write_csv(path, rows):
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


def save_tiny_tokenizer(folder, **options):
    """Writes a WordPiece tokenizer that knows the words above; returns the size of its vocabulary."""
    from transformers import BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list(string.ascii_lowercase) + [f"##{c}" for c in string.ascii_lowercase]
    words = sorted({*FILLER, *sum(WORDS.values(), [])} - set(letters))
    vocabulary = {token: i for i, token in enumerate(specials + letters + words)}
    BertTokenizerFast(vocab=vocabulary, **options).save_pretrained(folder)
    return len(vocabulary)


ONE_TEXT = {"model_input_names": ["input_ids", "attention_mask"]}  # of models that know no pairs


def save_tiny_t5(folder):
    """Writes a T5 with a head, of two layers on either side, and the same tokenizer."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    ids = {"pad_token_id": 0, "eos_token_id": 3, "decoder_start_token_id": 0}
    config = T5Config(vocab_size=save_tiny_tokenizer(folder, **ONE_TEXT), **sizes, **ids)
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def save_tiny_bart(folder, **options):
    """Writes a BART with a head, of two layers on either side, and the same tokenizer."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    sizes = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "max_position_embeddings": 64}
    sizes |= {
        f"{side}_{of}": size
        for side in ("encoder", "decoder")
        for of, size in (("attention_heads", 4), ("ffn_dim", 64))
    }
    ids = {
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 3,
    }
    config = BartConfig(vocab_size=save_tiny_tokenizer(folder, **ONE_TEXT), **sizes | ids | options)
    torch.manual_seed(0)
    BartForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def save_tiny_bert(folder, num_hidden_layers=4, **options):
    """Writes a BertModel of hidden size 32 and a WordPiece tokenizer that knows the words above."""
    import torch
    from transformers import BertConfig, BertModel

    size = save_tiny_tokenizer(folder)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 64}
    config = BertConfig(vocab_size=size, num_hidden_layers=num_hidden_layers, **sizes | options)
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return str(folder)


def to_flags(settings):
    """The command line of a dict of settings."""
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


def run_script(*arguments, timeout=120, **environment):
    """Runs run_corrupt_glue.py as a user would; returns the finished process with its text output."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run_corrupt_glue.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )


def run_module(*arguments, timeout=120, cwd=None, **environment):
    """Runs `python -m healbert` as a user would; returns the finished process with its text output."""
    return subprocess.run(
        [sys.executable, "-m", "healbert", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def without_privileges(*command):
    """A command for which permissions count, also where tests run as root."""
    if os.geteuid():
        return [*command]
    if not shutil.which("setpriv"):
        import pytest

        pytest.skip("root is let in everywhere, and setpriv is not here")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]


def folder_files(folder):
    """The files of a folder as `Hub.create` takes them: a dict from path to bytes."""
    paths = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def save_bare_gpt2(folder):
    """A tiny GPT-2 whose tokenizer adds no special tokens and drops what it does not know."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE({"<|endoftext|>": 0, "g": 1, "o": 2, "d": 3, "a": 4, "go": 5}, [("g", "o")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 128, "eos_token_id": 0, "bos_token_id": 0}
    GPT2Model(GPT2Config(vocab_size=6, **sizes)).save_pretrained(folder)
    return str(folder)
