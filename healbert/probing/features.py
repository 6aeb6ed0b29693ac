"""What the model holds inside: the classifier's features, and pooled hidden states by depth."""

import torch
from torch import nn

from ..healing.head import classification_layer
from ..healing.trainer import HealingTrainer
from ..models.pooling import mean_of_tokens


def last_token(hidden_states, attention_mask):
    """The hidden state of the last real token: (batch, tokens, hidden) -> (batch, hidden)."""
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = (attention_mask * positions).argmax(dim=1)  # (batch,)
    return hidden_states[torch.arange(len(last), device=last.device), last]


def first_token(hidden_states, attention_mask):
    """The hidden state of the first token, [CLS] in encoders: (batch, tokens, hidden) -> (batch, hidden)."""
    return hidden_states[:, 0]


class FeatureReader(nn.Module):
    """Runs a classifier and returns, as ``logits``, what its classification layer sees and pooled hidden states.

    Args:
        model: a sequence classifier.
        layers: depths whose hidden states are wanted; 0 is the embedding output.
        pooling: "cls" or "mean", how hidden states (batch, tokens, hidden) become (batch, hidden).
    """

    def __init__(self, model, layers=(), pooling="cls"):
        super().__init__()
        self.model, self.layers, self.pooling, self.config = model, tuple(layers), pooling, model.config

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None):
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        seen = []
        hook = classification_layer(self.model).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            outputs = self.model(**inputs, output_hidden_states=bool(self.layers))
        finally:
            hook.remove()
        decoder = seen[0].ndim == 3  # decoders score every token and take the last real one's logits
        scored = (input_ids != self.config.pad_token_id).int() if decoder else attention_mask  # as transformers does
        features = last_token(seen[0], scored) if decoder else seen[0]
        pool = mean_of_tokens if self.pooling == "mean" else last_token if decoder else first_token
        pooled = [pool(outputs.hidden_states[layer], scored) for layer in self.layers]
        return {"logits": (features.float(), *(p.float() for p in pooled)) if pooled else features.float()}


def read_features(model, arguments, rows, tokenizer, layers=()):
    """Features of every example, from one pass in evaluation mode.

    Args:
        model: a sequence classifier.
        arguments: `Arguments`.
        rows: a tokenized `datasets.Dataset`.
        tokenizer: its tokenizer, for padding.
        layers: depths to read as well; 0 is the embedding output.

    Returns:
        tuple: what the classification layer sees, numpy (examples, features), and a dict from depth to
        numpy (examples, hidden).
    """
    reader = FeatureReader(model, layers, arguments.model.pooling)
    inputs = rows.select_columns([name for name in rows.column_names if name != "label"])
    trainer = HealingTrainer(
        model=reader, args=arguments.training, processing_class=tokenizer, eval_dataset=inputs, compute_metrics=None
    )
    found = trainer.predict(inputs, metric_key_prefix="features").predictions
    found = found if isinstance(found, tuple) else (found,)
    return found[0], dict(zip(layers, found[1:], strict=True))
