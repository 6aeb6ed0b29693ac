"""A classification head on the mean of the last hidden states, for any encoder or decoder.

Importing this module registers the model with transformers' Auto classes, after which
``AutoModelForSequenceClassification.from_pretrained`` and ``pipeline("text-classification")`` open what was saved.
"""

import inspect

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from ..utils.errors import UserError

# What configurations call the dropout of their own head; then, for those that name none, of the encoder.
DROPOUT_NAMES = (
    *("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout", "cls_dropout"),
    *("hidden_dropout_prob", "dropout", "resid_pdrop"),
)


class MeanPoolingConfig(PreTrainedConfig):
    """Configuration of `MeanPoolingForSequenceClassification`; ``encoder`` is the encoder's own, as a dict.

    ``encoder_size`` is the size of its last hidden states; None where its ``hidden_size`` says it.
    """

    model_type = "healbert_mean_pooling"

    def __init__(self, encoder=None, classifier_dropout=0.1, encoder_size=None, **kwargs):
        self.encoder = encoder
        self.classifier_dropout = classifier_dropout
        self.encoder_size = encoder_size
        super().__init__(**kwargs)

    def take_encoder(self, config):
        """Takes over the encoder's configuration, an object."""
        self.encoder = {name: value for name, value in config.to_dict().items() if name != "_name_or_path"}

    def encoder_config(self):
        """The encoder's configuration as an object."""
        options = dict(self.encoder)
        return AutoConfig.for_model(options.pop("model_type"), **options)


def mean_of_tokens(hidden_states, attention_mask):
    """Average over real tokens; padding never counts, special tokens do.

    Args:
        hidden_states: tensor (batch, tokens, hidden).
        attention_mask: tensor (batch, tokens), 1 for real tokens; None if all are.

    Returns:
        tensor (batch, hidden).
    """
    if attention_mask is None:
        return hidden_states.mean(dim=1)
    weights = attention_mask.unsqueeze(-1).to(hidden_states.dtype)  # (batch, tokens, 1)
    return (hidden_states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def classifier_loss(logits, labels, problem_type=None):
    """The loss of a model that answers once for a text, as transformers' own heads compute it.

    Args:
        logits: tensor (batch, outputs).
        labels: tensor (batch,) of classes or of figures, or (batch, outputs) of which labels an example has.
        problem_type: "regression": mean squared error; "multi_label_classification": binary cross-entropy of each
            output; else cross-entropy.

    Returns:
        scalar tensor, the mean over the batch.
    """
    if problem_type == "regression":
        return nn.functional.mse_loss(logits.squeeze(-1), labels.to(logits.dtype))
    if problem_type == "multi_label_classification":
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)


class NoPooler(nn.Module):
    """Takes the place of a pooler, which nothing here would ever use or train; some encoders call theirs unasked."""

    def forward(self, hidden_states, *others):
        """The first token's hidden state: (batch, tokens, hidden) -> (batch, hidden)."""
        return hidden_states[:, 0]


def output_size(encoder, asks="--pooling mean"):
    """The size of an encoder's last hidden states, read off a real output; ``asks`` is the flag that needs them.

    Raises:
        UserError: if the encoder does not give a hidden state for each token of a text alone.
    """
    names = inspect.signature(encoder.forward).parameters
    ids = torch.ones((1, 8), dtype=torch.long, device=encoder.device)  # any token will do
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # Reformer draws numbers
            shape = encoder(input_ids=ids).last_hidden_state.shape
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise UserError(f"{asks} cannot use {type(encoder).__name__}: it takes more than a text") from error
    if "decoder_input_ids" in names or shape[:2] != ids.shape:
        raise UserError(
            f"{asks} cannot use {type(encoder).__name__}: its last hidden states are not one for each token "
            f"of the text; leave out {asks}"
        )
    return shape[-1]


def _text_config(encoder):
    return encoder.config.get_text_config()


class MeanPoolingForSequenceClassification(PreTrainedModel):
    """An encoder, the mean of its last hidden states, dropout, and a linear layer."""

    config_class = MeanPoolingConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config, encoder=None):
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder_config()) if encoder is None else encoder
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = NoPooler()
        self.dropout = nn.Dropout(config.classifier_dropout)
        size = config.encoder_size or _text_config(self.encoder).hidden_size
        self.classifier = nn.Linear(size, config.num_labels)
        self.post_init()

    def _init_weights(self, module):
        if module is self.classifier:
            nn.init.normal_(module.weight, std=getattr(_text_config(self.encoder), "initializer_range", 0.02))
            nn.init.zeros_(module.bias)
        else:
            self.encoder._init_weights(module)

    @classmethod
    def around(cls, encoder, **options):
        """Puts a new head on a pretrained encoder.

        Args:
            encoder: what `transformers.AutoModel.from_pretrained` returns.
            options: further configuration, such as ``id2label``.

        Raises:
            UserError: if the encoder gives no hidden state for each token of a text.
        """
        config = _text_config(encoder)
        found = [getattr(config, name, None) for name in DROPOUT_NAMES]
        dropout = next((value for value in found if value is not None), 0.1)
        options["pad_token_id"] = getattr(config, "pad_token_id", None)
        size = output_size(encoder)
        if size != getattr(config, "hidden_size", None):  # else the saved configuration stays as it was
            options["encoder_size"] = size
        described = MeanPoolingConfig(classifier_dropout=dropout, **options)
        described.take_encoder(encoder.config)
        return cls(described, encoder)

    def resize_token_embeddings(self, *args, **kwargs):
        """As of transformers; the encoder's configuration, which ours holds, has the new number, too."""
        found = self.encoder.resize_token_embeddings(*args, **kwargs)
        self.config.take_encoder(self.encoder.config)
        return found

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, output_hidden_states=None):
        """Logits (batch, classes) and, with ``labels`` (batch, ...), their `classifier_loss`."""
        inputs = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        inputs |= {"input_ids": input_ids, "attention_mask": attention_mask}
        outputs = self.encoder(**inputs, output_hidden_states=output_hidden_states)
        logits = self.classifier(self.dropout(mean_of_tokens(outputs.last_hidden_state, attention_mask)))
        loss = None if labels is None else classifier_loss(logits.float(), labels, self.config.problem_type)
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=outputs.hidden_states)


AutoConfig.register(MeanPoolingConfig.model_type, MeanPoolingConfig, exist_ok=True)


AutoModelForSequenceClassification.register(MeanPoolingConfig, MeanPoolingForSequenceClassification, exist_ok=True)
