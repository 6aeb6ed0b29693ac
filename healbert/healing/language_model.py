"""The model that is healed, under the language-modelling head of its architecture."""

import transformers
from transformers import set_seed

from ..models.heads import load_language_model, predicts_what_it_sees
from ..models.masking import IGNORED, mask_tokens
from ..utils.errors import UserError
from .places import generator_for

HEADS = {"masked": "AutoModelForMaskedLM", "causal": "AutoModelForCausalLM"}  # the first that an architecture has


def kind_of_language_model(model):
    """ "masked" or "causal": how a model is trained on text.

    Raises:
        UserError: if its architecture has no such head, or a decoder beside its encoder.
    """
    config = model.base_model.config
    for kind, name in HEADS.items():
        has_it = type(config) in getattr(transformers, name)._model_mapping and not config.is_encoder_decoder
        if has_it and not (kind == "causal" and predicts_what_it_sees(config)):
            return kind
    raise UserError(
        f"--healing continued_pretraining: models of type {config.model_type} have no language model that transformers "
        "knows for an encoder or a decoder alone; choose another --healing"
    )


def with_language_head(model, kind, source, seed):
    """A language model whose base is that of ``model``: training it trains that.

    The head is the checkpoint's. Where the checkpoint has none, the architecture's head is drawn by ``seed``, and its
    output layer shares the weights of the input embeddings.

    Args:
        model: the model that is healed.
        kind: "masked" or "causal".
        source: `ModelSource` of the pretrained model.
        seed: of a head's new weights.

    Returns:
        tuple: a transformers model, and whether its head is the checkpoint's.

    Raises:
        UserError: if the architecture's language model has another base.
    """
    set_seed(seed)
    language, missing = load_language_model(source, HEADS[kind])
    prefix, base = language.base_model_prefix, model.base_model
    if type(language.base_model) is not type(base):
        raise UserError(
            f"--healing continued_pretraining: {type(language).__name__} is no language model of "
            f"{type(base).__name__}; choose another --healing"
        )
    missing = [name for name in missing if not name.startswith(f"{prefix}.")]
    rows = base.get_input_embeddings().num_embeddings
    if language.get_input_embeddings().num_embeddings != rows:
        language.resize_token_embeddings(rows)
    setattr(language, prefix, base)
    language.tie_weights()
    output = language.get_output_embeddings()
    if missing and output is not None and output.weight.shape == base.get_input_embeddings().weight.shape:
        output.weight = base.get_input_embeddings().weight
    return language, not missing


def text_loss(kind, tokenizer, share, seed):
    """The loss of a language model, as `train_on_text` takes it: function(trainer, model, inputs).

    Args:
        kind: "masked" or "causal".
        tokenizer: the model's tokenizer.
        share: of the tokens that are masked.
        seed: of what is masked: the draw depends on it, the epoch and the texts of the batch alone.

    Raises:
        UserError: if the tokenizer has no mask to train with.
    """
    if kind == "masked" and tokenizer.mask_token_id is None:
        raise UserError(
            "--healing continued_pretraining: the tokenizer has no mask token; give another --tokenizer_name"
        )

    def loss(trainer, model, inputs):
        row = inputs["row"].tolist()
        inputs = {name: value for name, value in inputs.items() if name != "row"}
        ids = inputs["input_ids"]
        if kind == "masked":
            generator = generator_for("cpu", "mask", seed, int(trainer.state.epoch or 0), *row)
            masked, labels = mask_tokens(ids.cpu(), tokenizer, share, generator)
            inputs |= {"input_ids": masked.to(ids.device)}
            labels = labels.to(ids.device)
        else:
            real = inputs.get("attention_mask")
            labels = ids if real is None else ids.masked_fill(real == 0, IGNORED)
        return model(**inputs, labels=labels)["loss"]

    return loss
