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

    Args:
        settings: values of its options by name; the others have their defaults. They are in ``self.settings``.

    Raises:
        UserError: for what is no option of the strategy, or out of range.
    """

    says, options, version, fixed_features = None, {}, 1, False

    def __init__(self, **settings):
        name = type(self).__name__
        self.settings = read_options(name, settings, {name: self.options})[name]

    def prepare(self, model, receipt):
        """Marks the parameters that train (``requires_grad``), in place, before anything is trained.

        Args:
            model: the damaged model, with its head.
            receipt: `CorruptionReceipt` of the damage: it names the tensors that were hit.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which parameters train")

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
            raise UserError(f"strategy {type(self).__name__} leaves no parameter to train; choose another --healing")
        if not self.fixed_features:
            return {"model": model, "processing_class": tokenizer, "strategy": self}, splits
        from transformers import default_data_collator

        from ..head import ClassificationLayer

        parts = {"model": ClassificationLayer(model), "data_collator": default_data_collator, "strategy": self}
        return parts, {name: _with_features(rows, read(rows)) for name, rows in splits.items()}

    def optimizer_groups(self, model, training):
        """The optimizer's parameter groups: a list of dict with ``params`` and, where they differ, ``lr`` and so on.

        Args:
            model: what is trained, wrapped as the optimizer sees it.
            training: `transformers.TrainingArguments`.

        Returns:
            list, or None for Trainer's own: all that trains, with weight decay on neither norms nor biases.
        """

    def on_epoch(self, trainer, epoch):
        """Called before each epoch; the first is 0. What it does may depend on ``epoch`` alone: runs are resumed."""

    def on_step(self, trainer, step):
        """Called before each step of the optimizer, of which ``step`` are done. It may depend on ``step`` alone."""

    def loss(self, trainer, model, inputs, outputs, loss):
        """The loss of a training batch; evaluation reports the task's own.

        Args:
            trainer: the `HealingTrainer`.
            model: what is trained, wrapped as it runs.
            inputs: dict of the batch's tensors, labels among them.
            outputs: what the model returned for them.
            loss: the task's loss, a scalar tensor.
        """
        return loss

    def save(self, trainer, model, tokenizer, folder):
        """Writes the healed model so that ``from_pretrained`` alone opens it. Called on every process."""
        if trainer.model is model:
            trainer.save_model(str(folder))  # every process has to take part where parameters are sharded
        elif trainer.is_world_process_zero():  # only a part of the model was in the trainer
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)


def _with_features(rows, features):
    return rows.add_column("features", list(features)).with_format("torch")
