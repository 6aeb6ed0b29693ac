"""What the model holds inside: the classifier's features, and pooled hidden states by depth."""

import contextlib

import torch
from torch import nn

from ..healing.head import classification_layer
from ..healing.services import without_services
from ..healing.trainer import HealingTrainer
from ..models.layers import find_layers
from ..models.pooling import mean_of_tokens
from ..utils.errors import UserError


def last_token(hidden_states, attention_mask):
    """The hidden state of the last real token: (batch, tokens, hidden) -> (batch, hidden)."""
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = (attention_mask * positions).argmax(dim=1)  # (batch,)
    return hidden_states[torch.arange(len(last), device=last.device), last]


def first_token(hidden_states, attention_mask):
    """The hidden state of the first real token, [CLS] in encoders: (batch, tokens, hidden) -> (batch, hidden)."""
    first = attention_mask.argmax(dim=1)  # (batch,): 0 unless texts are padded on the left
    return hidden_states[torch.arange(len(first), device=first.device), first]


def mask_of(hidden_states, attention_mask):
    """The mask of hidden states (batch, shorter, hidden) that a model has made of fewer positions than tokens."""
    if hidden_states.shape[1] == attention_mask.shape[1]:
        return attention_mask
    shorter = nn.functional.adaptive_max_pool1d(attention_mask.float(), hidden_states.shape[1])
    return shorter.to(attention_mask.dtype)


class FeatureReader(nn.Module):
    """Runs a classifier and returns, as ``logits``, what its classification layer sees and pooled hidden states.

    Args:
        model: a sequence classifier.
        layers: depths whose hidden states are wanted; 0 is the embedding output.
        pooling: "cls" or "mean", how hidden states (batch, tokens, hidden) become (batch, hidden).
        exact: whether the classification layer must give the model's logits for what it sees.
    """

    def __init__(self, model, layers=(), pooling="cls", exact=False):
        super().__init__()
        self.model, self.layers, self.pooling, self.config = model, tuple(layers), pooling, model.config
        self.exact = exact

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None):
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        seen = []
        hook = classification_layer(self.model).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            outputs, states = run_with_states(self.model, inputs, bool(self.layers))
        finally:
            hook.remove()
        decoder = seen[0].ndim == 3  # decoders score every token and take the last real one's logits
        scored = self._scored(input_ids) if decoder else attention_mask
        features = last_token(seen[0], scored) if decoder else seen[0]
        if self.exact:
            require_logits(self.model, features, outputs.logits)
        pool = mean_of_tokens if self.pooling == "mean" else self._cls(decoder)
        pooled = [pool(states[layer], mask_of(states[layer], scored)) for layer in self.layers]
        return {"logits": (features.float(), *(p.float() for p in pooled)) if pooled else features.float()}

    def _cls(self, decoder):
        # XLNet's [CLS] ends a text.
        return last_token if decoder or getattr(self.config, "summary_type", None) == "last" else first_token

    def _scored(self, input_ids):
        return (input_ids != self.config.get_text_config().pad_token_id).int()  # as transformers does


def run_with_states(model, inputs, wanted=True):
    """The outputs of a classifier, and the hidden states at each depth of its layers (its encoder's, if it has both).

    The model's own list of hidden states, where it has one for each depth; it may normalise the last. Else (Canine,
    which lists those of two more encoders) what goes into the first layer and what comes out of each.

    Args:
        model: a sequence classifier.
        inputs: its inputs, a dict.
        wanted: whether hidden states are wanted; without, they are an empty list.
    """
    if not wanted:
        return model(**inputs), []
    stack, caught = find_layers(model), {}
    with _catching(stack, caught):
        outputs = model(**inputs, output_hidden_states=True)
    own = outputs.get("encoder_hidden_states") or outputs.get("hidden_states") or ()
    states = own if len(own) == stack.depth + 1 else [caught[depth] for depth in sorted(caught)]
    if len(states) != stack.depth + 1:
        raise UserError(
            f"{type(model).__name__} shows hidden states at {len(states)} depths, but {stack.depth} layers were found; "
            "leave out --probe_layers"
        )
    return outputs, states


@contextlib.contextmanager
def _catching(stack, caught):
    """Puts what passes through the layers into ``caught``, by depth."""

    def before(module, given, named):
        caught.setdefault(0, given[0] if given else named["hidden_states"])

    def after(module, given, output):
        caught[max(caught, default=0) + 1] = output[0] if isinstance(output, tuple) else output

    hooks = [stack.layers[stack.order[0]].register_forward_pre_hook(before, with_kwargs=True)]
    hooks += [layer.register_forward_hook(after) for layer in stack.layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def require_logits(model, features, logits):
    """Checks that a model's classification layer makes its logits of these features.

    Args:
        model: a sequence classifier.
        features: tensor (batch, features), what the layer sees of each text.
        logits: tensor (batch, classes), what the model returns.

    Raises:
        UserError: if it does not: the head does more after that layer, such as pooling (EuroBERT's).
    """
    layer = classification_layer(model)
    again = layer(features.to(layer.weight.dtype)).float()
    rounding = 5e-2 if logits.dtype in (torch.bfloat16, torch.float16) else 1e-4  # of autocast; of float32
    if again.shape != logits.shape or (again - logits.float()).abs().max() > rounding * (
        1 + logits.float().abs().max()
    ):
        raise UserError(
            f"--healing linear_probe cannot train {type(model).__name__}: its logits are not what its last linear "
            "layer makes of one vector for each text (its head pools after that layer); use --pooling mean"
        )


def read_features(model, arguments, rows, tokenizer, layers=(), exact=False):
    """Features of every example, from one pass in evaluation mode.

    Args:
        model: a sequence classifier.
        arguments: `Arguments`.
        rows: a tokenized `datasets.Dataset`.
        tokenizer: its tokenizer, for padding.
        layers: depths to read as well; 0 is the embedding output.
        exact: whether the classification layer must give the model's logits for these features.

    Returns:
        tuple: what the classification layer sees, numpy (examples, features), and a dict from depth to
        numpy (examples, hidden).

    Raises:
        UserError: if features are to be exact and are not, or hidden states are not those of the layers.
    """
    reader = FeatureReader(model, layers, arguments.model.pooling, exact)
    inputs = rows.select_columns([name for name in rows.column_names if name != "label"])
    args = without_services(arguments.training)
    trainer = HealingTrainer(
        model=reader, args=args, processing_class=tokenizer, eval_dataset=inputs, compute_metrics=None
    )
    found = trainer.predict(inputs, metric_key_prefix="features").predictions
    found = found if isinstance(found, tuple) else (found,)
    return found[0], dict(zip(layers, found[1:], strict=True))
