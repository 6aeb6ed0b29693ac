"""Sentence embeddings, two texts at a time: an encoder without a head, pooled, compared by the cosine."""

from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from ..utils.errors import UserError
from .pooling import NoPooler, mean_of_tokens, output_size

PREFIX = "embedder."  # which no encoder calls a part of its own


class SentencePairs(PreTrainedModel):
    """Embeds both texts of a pair and gives their cosine; on disk it is its encoder alone, which any library opens.

    Args:
        encoder: what `transformers.AutoModel.from_pretrained` returns.
        pooling: "mean" over the tokens of a text, or "cls", its first token.

    Raises:
        UserError: if the encoder gives no hidden state for each token of a text, or its first token sees no other.
    """

    base_model_prefix = "embedder"
    saved_whole = False  # what an adapter's names would have to say
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, encoder, pooling):
        super().__init__(encoder.config)
        output_size(encoder, "--task_type retrieval")
        if pooling == "cls" and _looks_back_only(encoder.config):
            raise UserError(
                f"the first token of a {encoder.config.model_type} model sees none of its text; give --pooling mean"
            )
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = NoPooler()
        self.embedder, self.pooling = encoder, pooling

    def embed(self, input_ids, attention_mask, **more):
        """Embeddings (texts, hidden) of token ids (texts, tokens)."""
        hidden = self.embedder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        return mean_of_tokens(hidden, attention_mask) if self.pooling == "mean" else hidden[:, 0]

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None):
        """Cosines (batch, 1) of token ids (batch, 2, tokens); with ``labels`` (batch,) their mean squared error."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        inputs |= {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        found = self.embed(**{name: value.flatten(0, 1) for name, value in inputs.items()}).unflatten(0, (-1, 2))
        cosines = nn.functional.cosine_similarity(found[:, 0].float(), found[:, 1].float(), dim=-1)
        loss = None if labels is None else nn.functional.mse_loss(cosines, labels.to(cosines.dtype))
        return SequenceClassifierOutput(loss=loss, logits=cosines.unsqueeze(-1))

    def save_pretrained(self, save_directory, state_dict=None, **options):
        """Writes the encoder; ``state_dict`` is of the whole, as Trainer gives it."""
        own = state_dict and {name.removeprefix(PREFIX): value for name, value in state_dict.items()}
        self.embedder.save_pretrained(save_directory, state_dict=own or None, **options)

    def load_state_dict(self, state_dict, *args, **options):
        """Takes weights up from what `save_pretrained` wrote, or its own `state_dict`."""
        own = {name if name.startswith(PREFIX) else PREFIX + name: value for name, value in state_dict.items()}
        return super().load_state_dict(own, *args, **options)


def load_pairs(name, pooling, options):
    """A `SentencePairs` around pretrained weights, and transformers' report of loading them.

    Args:
        name: folder or Hub id.
        pooling: "mean" or "cls".
        options: of ``from_pretrained``, ``output_loading_info`` among them.
    """
    encoder, report = AutoModel.from_pretrained(name, **options)
    return SentencePairs(encoder, pooling), report


def _looks_back_only(config):
    kind = type(config)
    return kind in AutoModelForCausalLM._model_mapping and kind not in AutoModelForMaskedLM._model_mapping
