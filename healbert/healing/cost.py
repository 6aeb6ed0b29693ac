"""What a way of healing costs: what trains, what the optimizer keeps, and time and arithmetic of a step."""

import math
import statistics
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from transformers import TrainerCallback

from .hooks import Phases
from .samplers import token_lengths


def _attention(query, key, value, *_, **__):
    return sdpa_flop_count(query, key, value)


def _attention_backward(gradient, query, key, value, *_, **__):
    return sdpa_backward_flop_count(gradient, query, key, value)


# PyTorch's counter knows the attention kernels of GPUs; on a CPU it would leave attention out. By shapes.
CPU_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}


class Cost(TrainerCallback):
    """Measures what healing costs: what can be counted at once, time while it trains.

    Args:
        trainer: a `HealingTrainer` that has not trained yet, in which everything is marked that will train.
        model: the whole model; the trainer may have a part of it.
        before: FLOPs of what is done once before the first step; None if they are not known.
    """

    def __init__(self, trainer, model, before=0):
        self.trainer, self.before, self.seconds, self._began = trainer, before, [], None
        self.phases = Phases(trainer.strategy, trainer.model, planned_steps(trainer))
        counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
        self.marked, self.all = sum(count for count, trains in counts if trains), sum(count for count, _ in counts)
        self.flops = self._flops_by_phase()
        trainer.add_callback(self)

    def on_step_begin(self, *_, **__):
        self._began = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.seconds.append(time.perf_counter() - self._began)

    def describe(self):
        """What results.json says of it, after training: a dict."""
        steps = self.trainer.state.global_step
        # What was to join after the last step that was done has never trained.
        trained = self.marked - sum(p.numel() for p, start in self.phases.parameters if start >= max(1, steps))
        return {
            "trainable_parameters": trained,
            "trainable_share": trained / self.all,
            "optimizer_bytes": _optimizer_bytes(self.trainer.optimizer),
            "steps": steps,
            "seconds_per_step": round(statistics.median(self.seconds), 6) if self.seconds else None,
            "flops_per_step": _mean_flops(self.flops, steps),
            "flops_before": self.before,
        }

    def _flops_by_phase(self):
        """{first step of a phase: FLOPs of a step in it, of all processes}; None where parameters are shared out."""
        if shared_out(self.trainer.args):
            return None
        inputs, batches, found = typical_batch(self.trainer), batches_of_step(self.trainer.args), {}
        for start in self.phases.starts:
            self.phases.enter(start)
            found[start] = flops_of_batch(self.trainer, inputs) * batches
        self.phases.enter(math.inf)
        return found


def _optimizer_bytes(optimizer):
    """Bytes of all tensors that an optimizer keeps of its parameters, on this process; None where there is none."""
    if optimizer is None:
        return None
    tensors = [value for kept in optimizer.state.values() for value in kept.values() if torch.is_tensor(value)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _mean_flops(by_start, steps):
    """The mean over the steps that were done; ``by_start`` is {first step of a phase: FLOPs of a step}, or None."""
    if not by_start:
        return None
    starts = sorted(by_start)
    ends = [*starts[1:], math.inf]
    done = {start: max(0, min(end, steps) - start) for start, end in zip(starts, ends, strict=True)}
    return round(sum(by_start[start] * count for start, count in done.items()) / steps) if steps else None


def planned_steps(trainer):
    """Steps of the optimizer in a whole training, as Trainer will count them."""
    args = trainer.args
    if args.max_steps > 0:
        return args.max_steps
    batches = math.ceil(len(trainer.train_dataset) / (args.train_batch_size * args.world_size))
    return math.ceil(args.num_train_epochs * math.ceil(batches / args.gradient_accumulation_steps))


def shared_out(args):
    """Whether processes share out each parameter, so that FLOPs cannot be counted on one of them."""
    return bool(args.fsdp or args.deepspeed)


def batches_of_step(args):
    """How many batches, as a device gets them, all processes pass in a step of the optimizer."""
    return args.gradient_accumulation_steps * args.world_size


def typical_batch(trainer):
    """A batch of the training examples of middling length, as a device gets it: a dict of tensors."""
    rows = _typical_rows(trainer.train_dataset, trainer.args.per_device_train_batch_size)
    rows = trainer._remove_unused_columns(rows, "training")
    return trainer._prepare_inputs(trainer.data_collator([rows[position] for position in range(len(rows))]))


def _typical_rows(rows, size):
    size = min(size, len(rows))
    if "input_ids" not in rows.column_names:
        return rows.select(range(size))
    order = np.argsort(token_lengths(rows), kind="stable")
    return rows.select(order[(len(order) - size) // 2 :][:size])


def flops_before(trainer, model, rows, tokenizer, past=()):
    """FLOPs of what goes through models once before training: what is frozen, and a teacher; None if not known.

    Args:
        trainer: a `HealingTrainer`.
        model: the whole model.
        rows: the tokenized training examples.
        tokenizer: their tokenizer.
        past: columns with which the model passes over layers that were passed once; none without such layers.
    """
    if shared_out(trainer.args):
        return None

    def count(model, more=()):
        return flops_of_pass(model, rows, tokenizer, trainer.args.per_device_train_batch_size, more)

    taken = count(model) - count(model, past) if past else 0
    return taken + sum(map(count, trainer.strategy.passes(model)))


def flops_of_pass(model, rows, tokenizer, size, more=()):
    """FLOPs of passing every example through a model once, forward: those of a batch of middling length, times all.

    Args:
        model: a transformers model.
        rows: tokenized `datasets.Dataset`.
        tokenizer: its tokenizer.
        size: examples in a batch.
        more: columns that the model is given beside the tokenizer's.
    """
    chosen = _typical_rows(rows, size)
    chosen = chosen.select_columns([n for n in (*tokenizer.model_input_names, *more) if n in rows.column_names])
    batch = tokenizer.pad([chosen[position] for position in range(len(chosen))], return_tensors="pt")
    was_training, counter = model.training, _counter()
    model.eval()
    try:
        with torch.no_grad(), counter:
            model(**batch.to(next(model.parameters()).device))
    finally:
        model.train(was_training)
    return round(counter.get_total_flops() * len(rows) / len(chosen))


def _counter():
    return FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION)


def flops_of_batch(trainer, inputs):
    """FLOPs of one batch, forward and backward, counted while it is done (2 for each multiplication and addition).

    What PyTorch's counter counts are matrix products, convolutions and attention. Nothing that follows is changed:
    neither weights nor random generators, nor buffers that training updates.
    """
    model, device = trainer.model, trainer.args.device
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    was_training = model.training
    devices = [device] if device.type == "cuda" else []
    counter = _counter()
    with torch.random.fork_rng(devices), counter:
        model.train()
        with trainer.compute_loss_context_manager():
            loss = trainer.compute_loss(model, inputs)
        loss.backward()
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    with torch.no_grad():
        for buffer, value in buffers:
            buffer.copy_(value)
    return counter.get_total_flops()
