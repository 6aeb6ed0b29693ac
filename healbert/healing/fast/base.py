"""What a fast path is: less work in a training step, with the same result."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a fast path is asked to go with.

    Args:
        model: the model, with its head, as a strategy has prepared it.
        trainer: its `HealingTrainer`, which has not trained yet.
        splits: {name: tokenized `datasets.Dataset`} that the model will see.
        special_ids: token ids that may occur in batches without standing in the splits: padding and so on.
        reuse_frozen: whether there are frozen layers that are passed once (`FrozenLayers`).
        traced: whether weights are compared while the model trains.
    """

    model: object
    trainer: object
    splits: dict
    special_ids: tuple = ()
    reuse_frozen: bool = False
    traced: bool = False

    @property
    def training(self):
        """The trainer's `TrainingArguments`."""
        return self.trainer.args


class FastPath:
    """One way to do less. An instance belongs to one run.

    Attributes of the class:
        while_training: it is in use while the model trains on the task, and not before and after.
    """

    while_training = False

    def why_not(self, scene):
        """Why it cannot be used, in words; None if it can.

        Args:
            scene: a `Scene`.
        """
        return

    def start(self, scene):
        """Changes the model or the trainer so that it is in use."""

    def stop(self):
        """Leaves both as they were, but for what was learnt."""


def why_not_whole(training):
    """Why a model is not in one piece on one device: words, or None."""
    if training.fsdp or training.deepspeed:
        return "processes share out each parameter"
    return "the model is compiled" if training.torch_compile else None


def why_no_cpu(training):
    """Why what is faster on a CPU is not used: words, or None."""
    return None if training.device.type == "cpu" else "it has been measured on CPUs alone"
