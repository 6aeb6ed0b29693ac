"""Several strategies at once: `--healing lora,damaged_only`."""

from ...utils.errors import UserError
from .base import Strategy


class Combined(Strategy):
    """What several strategies do together.

    A parameter trains where every one of them would have it train; learning rates multiply; each sees every step, adds
    to the loss, and may end training.

    Args:
        parts: {name: `Strategy`}, two or more.

    Raises:
        UserError: if two of them contradict each other.
    """

    def __init__(self, parts):
        super().__init__()
        self.names, self.parts, self.called = list(parts), list(parts.values()), ",".join(parts)
        self.settings = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.settings.items()}
        self.fixed_features = any(part.fixed_features for part in self.parts)
        self.needs_row = any(part.needs_row for part in self.parts)
        self.needs_classes = next(filter(None, (part.needs_classes for part in self.parts)), None)
        self.asks = {name: value for part in self.parts for name, value in part.asks.items()}
        self.learns_from = next(filter(None, (part.learns_from for part in self.parts)), None)
        self.why_whole = next(filter(None, (part.why_whole for part in self.parts)), None)
        self.reads_text = next(filter(None, (part.reads_text for part in self.parts)), None)
        _refuse_contradictions(parts)

    @property
    def seed(self):
        return self.parts[0].seed

    @seed.setter
    def seed(self, value):
        for part in self.parts:
            part.seed = value

    def adjusted(self, training):
        for part in self.parts:
            training = part.adjusted(training)
        return training

    def prepare(self, model, receipt):
        trains = {name for name, _ in model.named_parameters()}
        for part in self.parts:
            if not part.adapts:
                part.prepare(model, receipt)
                trains &= {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in trains)
        for part in self.parts:
            if part.adapts:
                part.adapt(model, receipt)

    def bring(self, supplies):
        for part in self.parts:
            part.bring(supplies)

    def begin(self, trainer):
        for part in self.parts:
            part.begin(trainer)

    def read_text(self, trainer):
        found = [part.read_text(trainer) for part in self.parts]
        return next(filter(None, found), None)

    def passes(self, model):
        return [passed for part in self.parts for passed in part.passes(model)]

    def rate_factors(self, model):
        found = {}
        for part in self.parts:
            for name, factor in part.rate_factors(model).items():
                found[name] = found.get(name, 1.0) * factor
        return found

    def optimizer_groups(self, model, training):
        own = [part for part in self.parts if type(part).optimizer_groups is not Strategy.optimizer_groups]
        return own[0].optimizer_groups(model, training) if own else super().optimizer_groups(model, training)

    def opens(self, model, steps):
        found = [part.opens(model, steps) for part in self.parts]
        return {name: max(part.get(name, 0) for part in found) for name in {name for part in found for name in part}}

    def stops(self, trainer):
        return any(part.stops(trainer) for part in self.parts)

    def on_epoch(self, trainer, epoch):
        for part in self.parts:
            part.on_epoch(trainer, epoch)

    def on_step(self, trainer, step):
        for part in self.parts:
            part.on_step(trainer, step)

    def loss(self, trainer, model, inputs, outputs, loss):
        for part in self.parts:
            loss = part.loss(trainer, model, inputs, outputs, loss)
        return loss

    @property
    def changes_at_end(self):
        return any(part.changes_at_end for part in self.parts)

    def finish(self, model):
        for part in self.parts:
            part.finish(model)

    def save(self, trainer, model, tokenizer, folder):
        own = next((part for part in self.parts if type(part).save is not Strategy.save), super())
        own.save(trainer, model, tokenizer, folder)


def _refuse_contradictions(parts):
    for name, part in parts.items():
        for other, second in parts.items():
            why = part.contradiction(other, second) if other != name else None
            if why:
                raise UserError(f"--healing {name} and {other} contradict each other: {why}; leave one out")
    for name, part in parts.items():
        if type(part).trainer_parts is not Strategy.trainer_parts:
            raise UserError(f"--healing {name} says itself what is trained, and goes with no other; name it alone")
    readers = [name for name, part in parts.items() if part.reads_text]
    if len(readers) > 1:
        raise UserError(
            f"--healing {readers[0]} and {readers[1]} contradict each other: each trains on --heal_text "
            "first; leave one out"
        )
    for what, words in (("optimizer_groups", "arranges the learning rates"), ("save", "says how the model is saved")):
        own = [name for name, part in parts.items() if getattr(type(part), what) is not getattr(Strategy, what)]
        rates = [name for name, part in parts.items() if type(part).rate_factors is not Strategy.rate_factors]
        both = own + (rates if own and what == "optimizer_groups" else [])
        if len(both) > 1:
            raise UserError(f"--healing {both[0]} and {both[1]} contradict each other: each {words}; leave one out")
