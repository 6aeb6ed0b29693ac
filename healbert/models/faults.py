"""What is wrong with the files of a model: damaged JSON, values of a wrong type, sizes that cannot be."""

import contextlib
import json
import pathlib

from ..utils.errors import UserError

MODEL_FILES = ("config.json",)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")

KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}

SPECIAL_TOKENS = [f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]

FIELDS = {  # of tokenizer_config.json and special_tokens_map.json
    **dict.fromkeys(SPECIAL_TOKENS, (str, dict)),
    "added_tokens_decoder": (dict,),
    "additional_special_tokens": (list,),
    "do_lower_case": (bool,),
    "extra_special_tokens": (list, dict),
    "model_max_length": (int, float),
    "padding_side": (str,),
    "tokenizer_class": (str,),
    "truncation_side": (str,),
}

SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
OTHERS = {"chunk_size_feed_forward": int, "output_attentions": bool, "output_hidden_states": bool, "return_dict": bool}
MOST = 2**31  # no table has more rows
MOST_LAYERS = 2000  # models of 1,000 layers were published

MOST_PARAMETERS = 4  # for each byte of the weights: 4-bit weights have two, and a pooler may be missing


def find_fault(what, source):
    """The file of a model or tokenizer that is damaged, and how; None if none is known to be.

    It is asked once loading has failed: libraries then seldom say which file it was.

    Args:
        what: "model" or "tokenizer".
        source: a `ModelSource`.
    """
    for name in TOKENIZER_FILES if what == "tokenizer" else MODEL_FILES:
        path = _path(source, name)
        fault = path and _fault(path)
        if fault:
            return f"{name} {fault}"
    return None


def _path(source, name):
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if source.folder:
        found = pathlib.Path(source.folder) / name
        with contextlib.suppress(PermissionError):  # what may not be looked at is said when it is loaded
            return found if found.is_file() else None
        return None
    options = source.hub_options()
    try:
        found = try_to_load_from_cache(source.name, name, options["cache_dir"], options["revision"])
    except HFValidationError:
        return None
    return pathlib.Path(found) if isinstance(found, str) else None


def _fault(path):
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, RecursionError) as error:
        return f"is no valid JSON ({error})"
    if not isinstance(content, dict):
        return f"holds {KINDS.get(type(content), 'null')}, not an object"
    if path.name == "tokenizer.json":
        return _tokenizer_fault(path)
    wrong = (f"says {name!r}: {json.dumps(content[name])[:60]}, which is {found}" for name, found in _wrong(content))
    return next(wrong, None) if path.name in TOKENIZER_FILES else None


def _tokenizer_fault(path):
    from tokenizers import Tokenizer

    try:
        Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: B902 - the library raises nothing narrower
        return f"is no tokenizer of the tokenizers library ({error})"
    return None


def _wrong(content):
    """Yields (field, what it is) of the fields that hold values of a wrong type."""
    for name, kinds in FIELDS.items():
        value = content.get(name)
        if value is None:
            continue
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield name, f"{KINDS[type(value)]}, not {' or '.join(dict.fromkeys(KINDS[kind] for kind in kinds))}"
        elif name in SPECIAL_TOKENS and isinstance(value, dict) and not isinstance(value.get("content"), str):
            yield name, "an object without a text as its 'content'"


def check_values(config, name):
    """Refuses values of a configuration that no model has, before anything of such a size is made.

    Args:
        config: a transformers configuration.
        name: what the user called the model.

    Raises:
        UserError: naming the value.
    """
    for key, kind in OTHERS.items():  # transformers finds out in the first evaluation
        value = getattr(config, key, None)
        if value is not None and not isinstance(value, kind):
            raise UserError(f"config.json of model '{name}' says {key} {value!r}, which is not {KINDS[kind]}")
    for key in SIZES:
        value = getattr(config, key, None)
        if isinstance(value, (bool, str)) or (isinstance(value, int) and value < 1):
            raise UserError(f"config.json of model '{name}' says {key} {value!r}, which is no size")
    sizes = {key: value for key, value in vars(config).items() if isinstance(value, int)}
    for key, value in sizes.items():
        most = MOST_LAYERS if "layers" in key else MOST
        if abs(value) > most:
            raise UserError(f"config.json of model '{name}' says {key} {value}, which no model has (at most {most:,})")


def check_weights_hold(config, source):
    """Refuses a configuration with far more parameters than the weights can hold, before they are allocated.

    Args:
        config: a transformers configuration; one of remote code is not looked at.
        source: the `ModelSource` of the weights; those that are not on this machine yet are not looked at.

    Raises:
        UserError: with both numbers.
    """
    import torch
    from transformers import AutoModel

    size = _weights_size(source)
    if not size or type(config) not in AutoModel._model_mapping or hasattr(config, "auto_map"):
        return
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # the draw of the head must not move
        count = sum(parameter.numel() for parameter in AutoModel.from_config(config).parameters())
    if count > MOST_PARAMETERS * size:
        raise UserError(
            f"model '{source.name}' would have {count:,} parameters by its config.json, but its weights are a file of "
            f"{size:,} bytes; they do not belong together"
        )


def _weights_size(source):
    """Bytes of the weights of a folder, all shards of them; 0 if there are none."""
    folder = source.folder and pathlib.Path(source.folder)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder else 0
