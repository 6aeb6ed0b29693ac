"""Training on unlabelled text (``--heal_text``) before the task: a stage with checkpoints of its own."""

import copy
import gc
import math
import time

from transformers import DataCollatorWithPadding

from .checkpoints import last_complete_checkpoint
from .cost import batches_of_step, flops_of_batch, typical_batch
from .strategies.base import Strategy
from .trainer import HealingTrainer

TENTH = 10  # the log has so many parts, of which the first and the last are reported


class TextStage(Strategy):
    """What of a run's strategy holds while it trains on text: rates, and what happens in each step.

    What trains at some time of the task trains all the time here, and the task's penalties are not added.
    """

    needs_row = True

    def __init__(self, outer):
        super().__init__()
        self.outer, self.called = outer, outer.called

    def prepare(self, model, receipt):
        """Nothing: what trains is marked."""

    def on_step(self, trainer, step):
        self.outer.on_step(trainer, step)

    def optimizer_groups(self, model, training):
        return self.outer.optimizer_groups(model, training)


class TextTrainer(HealingTrainer):
    """A `HealingTrainer` whose loss is ``text_loss(trainer, model, inputs)``."""

    def __init__(self, *args, text_loss, **kwargs):
        self.text_loss = text_loss
        super().__init__(*args, **kwargs)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        loss = self.text_loss(self, model, inputs)
        return (loss, None) if return_outputs else loss


def train_on_text(trainer, model, supplies, settings, text_loss):
    """Trains on the texts, or goes on from where an interrupted run was, and describes it.

    Args:
        trainer: the run's `HealingTrainer`, which has not trained yet.
        model: what is trained; it has the parameters of the model that is healed.
        supplies: `Supplies`.
        settings: values of `strategies.texts.TEXT_OPTIONS`.
        text_loss: function(trainer, model, inputs) -> scalar tensor; ``inputs`` has the batch's ``row``.

    Returns:
        dict: ``examples``, ``epochs``, ``steps``, ``seconds`` (of a resumed stage, since then), ``flops`` (of all
        steps), and ``loss_first`` and ``loss_last``, the mean losses over the first and the last whole tenth of the
        steps (a tenth rounded down to whole steps, counted from the first: what is left over is in neither).

    Raises:
        Diverged: if the loss becomes NaN or infinite.
    """
    began, training = time.perf_counter(), _training(trainer.args, supplies, settings)
    stage = TextTrainer(
        model=model,
        args=training,
        train_dataset=supplies.text,
        data_collator=DataCollatorWithPadding(supplies.tokenizer),
        compute_metrics=None,
        strategy=TextStage(trainer.strategy),
        text_loss=text_loss,
    )
    flops = flops_of_batch(stage, typical_batch(stage)) * batches_of_step(training)
    main = stage.is_world_process_zero()
    checkpoint = last_complete_checkpoint(supplies.folder, training.world_size, set_aside=main)
    stage.train(resume_from_checkpoint=checkpoint)
    losses = [entry["loss"] for entry in stage.state.log_history if "loss" in entry]
    found = {
        "examples": len(supplies.text),
        "epochs": settings["text_epochs"],
        "steps": stage.state.global_step,
        "seconds": round(time.perf_counter() - began, 3),
        "flops": flops * stage.state.global_step,
        "loss_first": losses[0] if losses else None,
        "loss_last": losses[-1] if losses else None,
    }
    del stage
    gc.collect()  # what has several processes average gradients would do so in the task, too, as long as it is there
    return found


def _training(args, supplies, settings):
    """The run's TrainingArguments, for this stage: a copy."""
    found = copy.copy(args)
    found.output_dir, found.max_steps, found.num_train_epochs = str(supplies.folder), -1, settings["text_epochs"]
    found.learning_rate = settings["text_learning_rate"] or args.learning_rate
    found.eval_strategy, found.load_best_model_at_end, found.metric_for_best_model = "no", False, None
    found.resume_from_checkpoint, found.save_strategy = None, "epoch"  # also where the task is saved within epochs
    batch = found.train_batch_size * found.world_size * found.gradient_accumulation_steps
    steps = found.num_train_epochs * math.ceil(len(supplies.text) / batch)
    found.logging_strategy, found.logging_steps = "steps", max(1, steps // TENTH)
    return found
