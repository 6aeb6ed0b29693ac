"""What a healing strategy is: which parameters train, and what happens on the way."""

from ...utils.errors import UserError
from ...utils.options import read_options


class Strategy:
    """One way to heal a damaged model. A strategy derives from this class and overrides what it does otherwise.

    Attributes of the class:
        says: a sentence for the model card, without its full stop.
        options: {name: `Option`} of ``--healing_options``.
        version: raised by a change that alters figures, which renames the runs of this strategy and no others.
        fixed_features: what the classification layer sees never changes, so that it is computed once.
        contradicts: {name of a strategy: why it cannot go with it}; see `contradiction`.
        adapts: `prepare` marks all and then calls `adapt`; of a combination, `adapt` alone is called, after the others.
        sharded: it works where processes share out each parameter (FSDP, DeepSpeed).
        learns_from: the teacher that it needs: "finetuned", the intact model after the task, "pretrained", before it.
        reads_text: whether ``--heal_text`` "may" or "must" be given.
        needs_row: its loss is given ``row``, the numbers of the batch's examples in the training split.
        by_damage: what trains depends on where the damage is.
        needs_classes: of one that works where an example is of one class alone: what to do elsewhere, in words.
        asks: what the model is asked for in training: keyword arguments of its forward.
        why_whole: why its embedding must keep every row while it trains, in words; None if it need not (see `fast`).
        seed: of its random draws; a run sets it to ``--seed``.

    Args:
        settings: values of its options by name; the others have their defaults. They are in ``self.settings``.

    Raises:
        UserError: for what is no option of the strategy, or out of range.
    """

    says, options, version, fixed_features = None, {}, 1, False
    contradicts, adapts, sharded, seed = {}, False, True, 0
    by_damage, needs_classes = False, None
    learns_from, reads_text, needs_row, asks, why_whole = None, None, False, {}, None

    def __init__(self, **settings):
        self.called = type(self).__name__
        self.settings = read_options(self.called, settings, {self.called: self.options})[self.called]

    def contradiction(self, name, other):
        """Why it cannot go with another strategy, in words; None if it can.

        Args:
            name: the other's name.
            other: the other, a `Strategy`.
        """
        return self.contradicts.get(name)

    def adjusted(self, training):
        """The settings that it trains with: those given, or a changed copy.

        Args:
            training: `transformers.TrainingArguments`.

        Raises:
            UserError: if it cannot train with them.
        """
        if not self.sharded and (training.fsdp or training.deepspeed):
            raise UserError(f"--healing {self.called} needs whole parameters; leave out --fsdp and --deepspeed")
        return training

    def prepare(self, model, receipt):
        """Marks the parameters that train (``requires_grad``), in place, before anything is trained.

        Args:
            model: the damaged model, with its head.
            receipt: `CorruptionReceipt` of the damage: it names the tensors that were hit.
        """
        raise NotImplementedError(f"{self.called} does not say which parameters train")

    def adapt(self, model, receipt):
        """Where ``adapts``: what it does to a model in which what trains is marked; arguments as of `prepare`."""

    def bring(self, supplies):
        """Called after `prepare` with what the run has for strategies that need more: `Supplies`."""

    def begin(self, trainer):
        """Called once before training, and again when a run is resumed; the model is as the damage left it."""

    def read_text(self, trainer):
        """Trains on ``--heal_text`` before the task, and returns what results.json says of it: a dict or None."""

    def trainer_parts(self, model, tokenizer, splits, read):
        """What `HealingTrainer` trains, and on which rows.

        Args:
            model: the model, after `prepare`.
            tokenizer: its tokenizer.
            splits: {name: tokenized `datasets.Dataset`}.
            read: function of such rows: what the classification layer sees of them, numpy (examples, features).

        Returns:
            tuple: keyword arguments of `HealingTrainer`, and the splits that go with them.

        Raises:
            UserError: if no parameter trains.
        """
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(f"strategy {self.called} leaves no parameter to train; choose another --healing")
        if self.needs_row:
            splits = splits | {"train": splits["train"].add_column("row", list(range(len(splits["train"]))))}
        if not self.fixed_features:
            return {"model": model, "processing_class": tokenizer, "strategy": self}, splits
        from ..head import ClassificationLayer, batch_of_features

        parts = {"model": ClassificationLayer(model), "data_collator": batch_of_features, "strategy": self}
        return parts, {name: _with_features(rows, read(rows)) for name, rows in splits.items()}

    def passes(self, model):
        """The models through which every training example goes once, before training: a list; asked after `begin`."""
        return [model] if self.fixed_features else []

    def rate_factors(self, model):
        """{name of a parameter: what its learning rate is multiplied by}; of those left out, 1."""
        return {}

    def optimizer_groups(self, model, training):
        """The optimizer's parameter groups: a list of dict with ``params`` and, where they differ, ``lr`` and so on.

        Args:
            model: what is trained, wrapped as the optimizer sees it.
            training: `transformers.TrainingArguments`.

        Returns:
            list, or None for Trainer's own: all that trains, with weight decay on neither norms nor biases.
        """
        factors = self.rate_factors(model)
        return groups_by_rate(model, training, factors) if factors else None

    def opens(self, model, steps):
        """{name of a parameter: the step of the optimizer before which it does not train}; of those left out, 0.

        Args:
            model: what is trained.
            steps: steps of the whole training, as planned.
        """
        return {}

    def stops(self, trainer):
        """Whether training ends here; asked before each epoch. It may depend on ``trainer.state`` alone."""
        return False

    def on_epoch(self, trainer, epoch):
        """Called before each epoch; the first is 0. What it does may depend on ``epoch`` alone: runs are resumed."""

    def on_step(self, trainer, step):
        """Called before each step of the optimizer, of which ``step`` are done. It may depend on ``step`` alone."""

    def loss(self, trainer, model, inputs, outputs, loss):
        """The loss of a training batch; evaluation reports the task's own.

        Args:
            trainer: the `HealingTrainer`.
            model: what is trained, wrapped as it runs.
            inputs: dict of the batch's tensors, labels among them, and ``row`` where it ``needs_row``.
            outputs: what the model returned for them.
            loss: the task's loss, a scalar tensor.
        """
        return loss

    @property
    def changes_at_end(self):
        """Whether `finish` does anything, after which what was evaluated before no longer counts."""
        return type(self).finish is not Strategy.finish

    def finish(self, model):
        """Called after training, with the chosen epoch's weights: what it leaves is scored as healed, and saved."""

    def save(self, trainer, model, tokenizer, folder):
        """Writes the healed model so that ``from_pretrained`` alone opens it. Called on every process."""
        if trainer.model is model:
            trainer.save_model(str(folder))  # every process has to take part where parameters are sharded
        elif trainer.is_world_process_zero():  # only a part of the model was in the trainer
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)


def groups_by_rate(model, training, factors):
    """Parameter groups, one for each rate, with and without weight decay: a list of dict, the lowest rate first.

    Args:
        model: what is trained.
        training: `transformers.TrainingArguments`.
        factors: {name of a parameter: what its learning rate is multiplied by}.
    """
    from transformers import Trainer

    decayed = set(Trainer.get_decay_parameter_names(None, model))  # a method that reads nothing of a trainer
    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((factors.get(name, 1.0), name in decayed), []).append(parameter)
    return [
        {
            "params": groups[factor, decays],
            "lr": training.learning_rate * factor,
            "weight_decay": training.weight_decay if decays else 0.0,
        }
        for factor, decays in sorted(groups)
    ]


def _with_features(rows, features):
    return rows.add_column("features", list(features)).with_format("torch")
