"""Pretrained weights -> a model with a classification head."""

import contextlib
import hashlib

import transformers
from huggingface_hub.errors import HFValidationError, HTTPError, StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers import logging as hf_logging

from ..hub.errors import explain
from ..hub.reach import hub_is_off
from ..utils.errors import UserError
from .faults import check_values, check_weights_hold, find_fault
from .source import EMBEDDED_MODEL, ModelSource
from .weights import drawn_weights, head_was

FROM = {"model": "config.json", "tokenizer": "tokenizer.json, tokenizer_config.json and special_tokens_map.json"}
GIVE_A_MODEL = "give a Hub id or a folder that save_pretrained wrote"


def load_tokenizer(arguments, source=None):
    """The tokenizer that `ModelArguments` name; a tokenizer without a padding token pads with its end token.

    Args:
        arguments: `ModelArguments`.
        source: the `ModelSource` of the model, where it is known already.

    Raises:
        UserError: if it cannot be loaded.
    """
    source = source or ModelSource(arguments)
    config = load_config(source)  # first: its errors say more where a folder is no model
    files = source.tokenizer
    with load_errors("tokenizer", files):
        tokenizer = AutoTokenizer.from_pretrained(files.place, **files.hub_options())
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UserError(f"tokenizer '{files.name}' has no vocabulary; its files are missing: give --tokenizer_name")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise UserError(f"tokenizer '{files.name}' has no padding and no end token; give another --tokenizer_name")
    most, positions = tokenizer.model_max_length, _positions(config, source.name)
    if isinstance(most, bool) or not isinstance(most, (int, float)) or most < 1 or most % 1:
        raise UserError(f"model_max_length of tokenizer '{files.name}' is {most!r}, not a number of tokens")
    if "input_ids" not in tokenizer.model_input_names:
        raise UserError(f"model_input_names of tokenizer '{files.name}' lack input_ids: {tokenizer.model_input_names}")
    tokenizer.model_max_length = min(int(most), positions or int(most))
    return tokenizer


def _positions(config, name):
    """How many positions the configuration says there are; None where it says none, or -1 (XLNet: no limit)."""
    found = getattr(config, "max_position_embeddings", None)
    if found in (None, -1):
        return None
    if not isinstance(found, int) or found < 1:
        raise UserError(f"max_position_embeddings of model '{name}' is {found!r}, not a number of positions")
    return found


def load_config(source):
    """The configuration that a `ModelSource` names.

    Raises:
        UserError: if it cannot be loaded, or holds a value that no model can have.
    """
    files = source.config
    with load_errors("model", files):
        config = AutoConfig.from_pretrained(files.place, **files.hub_options())
    check_values(config, files.name)
    return config


def longest_text(model):
    """The most tokens that the model takes, or None where nothing limits it.

    Positions of RoBERTa's kind start after the padding index, which their embedding names.
    """
    base = model.base_model
    most = _positions(base.config, base.config.name_or_path)
    positions = getattr(getattr(base, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return most if most is None or padding is None else most - padding - 1


def load_model(
    arguments,
    label_names,
    pad_token_id,
    source=None,
    auto_class="AutoModelForSequenceClassification",
    problem_type=None,
):
    """A pretrained model in float32 with a head for the task; of a classifier, the one that ``--pooling`` names.

    Args:
        arguments: `ModelArguments`.
        label_names: list of str, kept in the model's configuration.
        pad_token_id: set where the configuration has none, or a negative one (decoders need it to find the last real
            token).
        source: the `ModelSource` of the model, where it is known already.
        auto_class: the name in transformers of the class that loads it; the task's type says which.
        problem_type: what the configuration calls the task; None where the loss does not depend on it.

    Returns:
        the model; its ``head_was`` says what head the checkpoint has: this one ("own"), one of another size ("other"),
        or none ("missing"); a head that is not its own is drawn. Its ``drawn_weights`` names what of its base is, too.

    Raises:
        UserError: if the model cannot be loaded, or the checkpoint lacks weights of the encoder.
    """
    source = source or ModelSource(arguments)
    labels = {"id2label": dict(enumerate(label_names)), "label2id": {n: i for i, n in enumerate(label_names)}}
    config = load_config(source)
    padding = getattr(config, "pad_token_id", None)
    if padding is None or padding < 0:  # -1 in early LLaMA: none
        config.pad_token_id = pad_token_id
    config.problem_type = problem_type  # the head is ours, and so is what it is trained for
    if getattr(config, "chunk_size_feed_forward", 0):
        config.chunk_size_feed_forward = 0  # it saves memory only, and fails on lengths that it does not divide
    with load_errors("model", source), quiet_load_report():
        check_weights_hold(config, source)
        options = dict(
            config=config,
            dtype="float32",
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **source.hub_options(),
        )
        if auto_class == "AutoModel":  # no head: sentence embeddings
            from .pairs import load_pairs

            model, report = load_pairs(source.place, arguments.pooling, options)
        else:
            of = getattr(transformers, auto_class)
            model, report = POOLINGS[arguments.pooling](source.place, labels, options, of)
    model.drawn_weights = drawn_weights(model, report, source.name)
    model.head_was = head_was(model, report)
    return model


def load_encoder(source):
    """A pretrained model in float32 without a task head.

    Args:
        source: its `ModelSource`.

    Raises:
        UserError: if it cannot be loaded.
    """
    with load_errors("model", source), quiet_load_report():
        return AutoModel.from_pretrained(source.place, dtype="float32", use_safetensors=True, **source.hub_options())


def empty_model(arguments, source=None):
    """The model that `ModelArguments` name, without weights and head, for a look at its layers.

    Args:
        arguments: `ModelArguments`.
        source: the `ModelSource` of the model, where it is known already.

    Raises:
        UserError: if its configuration cannot be loaded.
    """
    import torch

    source = source or ModelSource(arguments)
    config = load_config(source)
    with torch.device("meta"), load_errors("model", source):
        return AutoModel.from_config(config, trust_remote_code=arguments.trust_remote_code)


def _own_head(name, labels, options, auto_class):
    config = options["config"]
    if labels["id2label"]:  # a language model has none
        config.num_labels = len(labels["id2label"])
        config.id2label, config.label2id = labels["id2label"], labels["label2id"]
    return auto_class.from_pretrained(name, **options)


def _mean_head(name, labels, options, auto_class):
    from .pooling import MeanPoolingConfig, MeanPoolingForSequenceClassification

    config = options["config"]
    if isinstance(config, MeanPoolingConfig):  # a saved one, which has the head already
        return _own_head(name, labels, options, auto_class)
    if type(config) not in auto_class._model_mapping and not hasattr(config, "auto_map"):
        raise ValueError(f"models of type {config.model_type} do not classify texts")
    encoder, report = AutoModel.from_pretrained(name, **options)
    report["missing_keys"] = {*report["missing_keys"], "classifier.weight"}
    problem = {} if config.problem_type is None else {"problem_type": config.problem_type}
    return MeanPoolingForSequenceClassification.around(encoder, **labels, **problem), report


# --pooling -> function(folder or Hub id, label names, from_pretrained options, Auto class): model, loading report.
POOLINGS = {"cls": _own_head, "mean": _mean_head}


def describe_model(model, name, commit=None):
    """What ``results.json`` says of the model, with a SHA-256 over the pretrained weights of its base.

    Args:
        model: a transformers model.
        name: what the user called it.
        commit: that of its repository on the Hub.
    """
    import torch

    digest = hashlib.sha256()
    # By name: another version of transformers may list the same weights in another order.
    for path, tensor in sorted(model.base_model.state_dict().items()):
        if path in model.drawn_weights:
            continue  # else another seed would seem to be another model
        digest.update(path.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(dtype=torch.uint8).numpy())
    return {
        "name": name,
        "architecture": type(model).__name__,
        "parameters": model.num_parameters(),
        "commit": commit,
        "fingerprint": digest.hexdigest(),
    }


# What transformers raises for files that are missing or damaged, or hold values of a wrong type or size.
LOAD_ERRORS = (
    OSError,
    ValueError,
    SafetensorError,
    HTTPError,
    StrictDataclassError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    ZeroDivisionError,
    AssertionError,
)
OF_OTHER_FILES = (OSError, SafetensorError, HTTPError, HFValidationError)
# And `Exception` itself, which is all that the tokenizers library raises.


@contextlib.contextmanager
def load_errors(what, source):
    """Has what transformers raises for files that cannot be used end in one line; ``what`` they are, of a source."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, LOAD_ERRORS):
            raise
        fault = find_fault(what, source)
        if hub_is_off() and source.folder is None:
            message = (
                f"{what} '{source.name}' is not on this machine and the Hub cannot be reached; "
                f"give a folder, or go on without the Hub with --model_name_or_path {EMBEDDED_MODEL}"
            )
        elif fault:
            message = f"{what} '{source.name}' cannot be loaded: its {fault}; {GIVE_A_MODEL}"
        else:
            # What is raised for a value says nothing of the file that it stands in.
            place = "" if isinstance(error, OF_OTHER_FILES) else f" with its {FROM[what]}"
            message = f"{what} '{source.name}' cannot be loaded{place}: {explain(error)} ({GIVE_A_MODEL})"
        raise UserError(message) from error


@contextlib.contextmanager
def quiet_load_report():
    """Keeps transformers from listing weights that are new or left out."""
    # The report says that the new head is new; what else it could say is checked by drawn_weights.
    verbosity = hf_logging.get_verbosity()
    hf_logging.set_verbosity_error()
    try:
        yield
    finally:
        hf_logging.set_verbosity(verbosity)
