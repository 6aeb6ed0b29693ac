"""What passes through a model's layers, read without leaving a trace in it: hidden states and attention."""

import contextlib
import dataclasses
import inspect

import numpy as np
import torch
from transformers import DataCollatorWithPadding

from ..healing.samplers import longest_first
from ..models.pooling import mean_of_tokens
from ..models.wrappers import base_of
from .features import mask_of, run_with_states

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclasses.dataclass
class Inner:
    """States (examples, hidden) by depth, 0 for the embeddings, averaged over the real tokens of each example.

    ``entropy`` is that of the attention in each layer, (layers,), in nats: the mean over real tokens and heads of
    -sum p log p. None where the model does not give its attention, for the reason in ``why``.
    """

    states: list
    entropy: np.ndarray | None = None
    why: str | None = None


def read_inner(model, rows, tokenizer, training):
    """The `Inner` of some examples. Its mode, device and way to attend, and random generators, stay as they are.

    Args:
        model: a classifier.
        rows: a tokenized `datasets.Dataset`.
        tokenizer: its tokenizer, for padding.
        training: `transformers.TrainingArguments`: batch size, device and precision.

    Raises:
        UserError: if the model does not show one hidden state for each of its layers.
    """
    names = [name for name in rows.column_names if name in tokenizer.model_input_names]
    rows, size = rows.select(longest_first(rows)).select_columns(names), training.per_device_eval_batch_size
    collate, parts = DataCollatorWithPadding(tokenizer), []
    with _undisturbed(model, training.device), _precision(training), _eager(model) as why:
        for start in range(0, len(rows), size):
            batch = collate([rows[place] for place in range(start, min(start + size, len(rows)))])
            parts.append(_read_batch(model, batch.to(training.device), why is None))
    states = [np.concatenate(depth) for depth in zip(*(part[0] for part in parts), strict=True)]
    entropies = [part[1] for part in parts]
    why = why or next((entropy for entropy in entropies if isinstance(entropy, str)), None)
    if why:
        return Inner(states, None, why)
    sums, tokens = np.sum(entropies, axis=0), sum(part[2] for part in parts)
    return Inner(states, sums / tokens)


def _read_batch(model, inputs, attends):
    """States by depth (examples, hidden), summed entropy by layer or why there is none, how many real tokens."""
    encoder = model if getattr(model.config, "is_encoder_decoder", False) else base_of(model)
    mask = inputs["attention_mask"]
    outputs, states = run_with_states(encoder, {**inputs, **({"output_attentions": True} if attends else {})})
    pooled = [mean_of_tokens(state.float(), mask_of(state, mask)).cpu().numpy() for state in states]
    given = outputs.get("encoder_attentions") or outputs.get("attentions") or ()
    length, layers = mask.shape[1], len(states) - 1
    if len(given) != layers or any(one is None or one.shape[-2:] != (length, length) for one in given):
        return pooled, f"{type(encoder).__name__} gives no attention of every token to every token in each layer", 0
    real = mask.to(torch.float64)
    sums = [float((torch.special.entr(one.double()).sum(-1).mean(1) * real).sum()) for one in given]
    return pooled, sums, float(real.sum())


@contextlib.contextmanager
def _undisturbed(model, device):
    """Evaluation mode on a device without gradients; afterwards all is as it was."""
    modes, home = {module: module.training for module in model.modules()}, next(model.parameters()).device
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            model.to(device).eval()
            yield
    finally:
        model.to(home)
        for module, mode in modes.items():
            module.training = mode


def _precision(training):
    kind = PRECISIONS.get(training.mixed_precision)
    return torch.autocast(training.device.type, kind, enabled=kind is not None)


@contextlib.contextmanager
def _eager(model):
    """Has a model attend in the way that gives its attention, where it can; yields why it cannot, or None."""
    base, config = base_of(model), base_of(model).config
    takes = inspect.signature(base.forward).parameters
    known = "output_attentions" in takes or any(one.kind is one.VAR_KEYWORD for one in takes.values())
    before, why = getattr(config, "_attn_implementation", None), None
    try:
        if not known:
            raise ValueError("it takes no output_attentions")
        if before != "eager":
            base.set_attn_implementation("eager")
    except (ValueError, AttributeError, ImportError) as error:
        why = f"{type(base).__name__} does not give its attention: {' '.join(str(error).split())}"
    try:
        yield why
    finally:
        if before is not None and config._attn_implementation != before:
            base.set_attn_implementation(before)
