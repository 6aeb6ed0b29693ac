"""A small model of any architecture in transformers, by the settings in tests/damage/architectures/sizes.yaml."""

import functools
import pathlib

import torch
import yaml
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForSequenceClassification, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

FOLDER = pathlib.Path(__file__).parents[1] / "damage" / "architectures"
CLASSIFIERS = tuple(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)


@functools.cache
def sizes():
    return yaml.safe_load((FOLDER / "sizes.yaml").read_text())


def small_config(name, **options):
    """A configuration of model type ``name`` that makes a small model."""
    return _small(CONFIG_MAPPING[name], name, options)


def small_model(name, head=True, seed=0, noise=True, device="cpu", **options):
    """A small model of type ``name``, with a head that classifies texts where there is one and ``head`` asks for it.

    With noise on every parameter, so that no bias is 0, no norm weight 1, nothing at its initial value.
    """
    torch.manual_seed(seed)
    auto = AutoModelForSequenceClassification if head and name in CLASSIFIERS else AutoModel
    with torch.device(device):
        model = auto.from_config(small_config(name, **options)).eval()
    if noise and device == "cpu":
        add_noise(model, seed)
    return model


def add_noise(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)


def _small(kind, name, options=()):
    plain, table = kind(), sizes()
    values = {key: value for key, value in table["sizes"].items() if _is_number(plain, key)}
    values |= {key: value for key, value in table["tokens"].items() if hasattr(plain, key)}
    values = {kind.attribute_map.get(key, key): value for key, value in values.items()}
    for part in kind.sub_configs or {}:  # the configurations of a model of several parts
        inner = getattr(plain, part, None)
        if isinstance(inner, PreTrainedConfig):
            values[part] = _small(type(inner), inner.model_type).to_dict()
    values |= table["special"].get(name, {}) | dict(options)
    return kind(**{key: value for key, value in values.items() if value is not None})


def _is_number(config, name):
    value = getattr(config, name, None)
    return isinstance(value, int) and not isinstance(value, bool)


def save_small(name, folder, tiny_bert, **options):
    """Writes a small model of type ``name`` and a tokenizer that it can use; returns the folder.

    The tokenizer has the words of that of ``tiny_bert`` and ends every text with [SEP], its end token.
    """
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokens = AutoTokenizer.from_pretrained(tiny_bert)
    backend = tokens._tokenizer
    ends = [("[CLS]", tokens.cls_token_id), ("[SEP]", tokens.sep_token_id)]
    backend.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {"pad_token": "[PAD]", "eos_token": "[SEP]", "cls_token": "[CLS]", "unk_token": "[UNK]"}
    inputs = ["input_ids", "attention_mask"]
    PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=inputs, **names).save_pretrained(folder)
    if hasattr(CONFIG_MAPPING[name](), "eos_token_id"):
        options["eos_token_id"] = tokens.sep_token_id
    small_model(name, head=False, **options).save_pretrained(folder)
    return str(folder)
