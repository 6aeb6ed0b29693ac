"""What happens between the steps of a training: what trains when, and what a strategy is told."""

import math
import pathlib
import warnings

from transformers import TrainerCallback

from ..utils.errors import UserError


class Phases:
    """What of a model trains when, as a strategy's `opens` says.

    Args:
        strategy: a `Strategy`.
        model: the model, in which everything is marked that trains at some time.
        steps: steps of the whole training, as planned.

    Attributes:
        starts: the steps at which something begins to train, 0 among them, those that never come left out.
        late: {name: step} of what never trains, as its step does not come.
    """

    def __init__(self, strategy, model, steps):
        opens = strategy.opens(model, steps)
        trains = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.parameters = [(parameter, opens[name]) for name, parameter in trains.items() if name in opens]
        self.late = {name: opens[name] for name in trains if opens.get(name, 0) >= steps}
        self.starts = sorted({0, *(start for _, start in self.parameters if start < steps)})

    def enter(self, step):
        """Freezes what does not train at a step, and lets the rest train."""
        for parameter, start in self.parameters:
            parameter.requires_grad_(start <= step)


class Hooks(TrainerCallback):
    """Tells a strategy of steps and epochs, and keeps frozen what does not train yet."""

    def __init__(self, trainer):
        self.trainer, self.phases = trainer, None

    def on_train_begin(self, args, state, control, **_):
        self.phases = self.phases or Phases(self.trainer.strategy, self.trainer.model, state.max_steps)
        if self.phases.late:
            warnings.warn(
                f"{len(self.phases.late)} tensors never train: the last would begin to at step "
                f"{max(self.phases.late.values())}, and there are {state.max_steps}",
                stacklevel=2,
            )
        if state.best_global_step and args.load_best_model_at_end and self.trainer.taken_up:
            state.best_model_checkpoint = self._best_checkpoint(state)

    def _best_checkpoint(self, state):
        # What a checkpoint says of the best one is a path, which is another one in a folder that was moved.
        name, taken_up = f"checkpoint-{state.best_global_step}", self.trainer.taken_up
        here = taken_up if state.best_global_step == state.global_step else taken_up.parent / name
        places = [here, *map(pathlib.Path, filter(None, [state.best_model_checkpoint]))]
        best = next((place for place in places if place.is_dir()), None)
        if best is None and not state.is_world_process_zero:  # which may not see the first one's folder
            return state.best_model_checkpoint
        if best is None:  # else the last weights would be told as the best ones
            raise UserError(f"{name}, the best one so far, is not beside checkpoint {taken_up}; put it there, too")
        return str(best)

    def on_epoch_begin(self, args, state, control, **_):
        # What is done of an epoch that a run is taken up in does not count; what is missing from a whole is rounding.
        self.trainer.strategy.on_epoch(self.trainer, math.floor(state.epoch + 1e-6))

    def on_step_end(self, args, state, control, **_):
        # Losses since the evaluation before are all in the log, so that a checkpoint cuts no mean in two.
        control.should_log |= control.should_evaluate and args.eval_strategy == "steps"

    def on_epoch_end(self, args, state, control, **_):
        # Evaluated every so many steps, a run is evaluated after each epoch all the same: what reads epochs can.
        known = any(entry["step"] == state.global_step for entry in state.log_history if "eval_loss" in entry)
        if args.eval_strategy == "steps" and args.eval_delay <= state.global_step and not known:
            control.should_evaluate = control.should_save = True
        control.should_log |= control.should_evaluate and args.logging_strategy != "no"

    def on_step_begin(self, args, state, control, **_):
        self.phases.enter(state.global_step)
        self.trainer.strategy.on_step(self.trainer, state.global_step)
