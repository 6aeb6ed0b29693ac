"""Training until it no longer helps."""

import copy

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .full import TrainsAll


@register("strategy", "longer")
class Longer(TrainsAll):
    """Goes on after ``--num_train_epochs`` until the selection metric has not risen for ``patience`` epochs.

    The learning rate's schedule spans ``max_epochs``, as the length that a run will have is not known when it begins.
    """

    says = "It was fine-tuned until its score no longer rose"
    options = {
        "patience": Option(3, "epochs without a better score after which it ends", least=1),
        "max_epochs": Option(50, "the most epochs, over which the schedule of the learning rate is laid", least=1),
    }

    least = 0  # epochs, before which it does not end

    def adjusted(self, training):
        most = self.settings["max_epochs"]
        if training.max_steps > 0:
            raise UserError("--max_steps says how long to train, and so does --healing longer; leave one out")
        if most < training.num_train_epochs:
            raise UserError(
                f"max_epochs {most} of --healing longer is below --num_train_epochs {training.num_train_epochs:g}, "
                "the least; raise it"
            )
        longer = copy.copy(super().adjusted(training))
        self.least, longer.num_train_epochs = training.num_train_epochs, most
        return longer

    def stops(self, trainer):
        # Of the log alone, which a checkpoint keeps: a run that was killed after its last epoch does not go on.
        args, log = trainer.args, trainer.state.log_history
        metric = args.metric_for_best_model or "loss"
        name = metric if metric.startswith("eval_") else f"eval_{metric}"
        scores = [entry[name] for entry in log if name in entry and float(entry["epoch"]).is_integer()]
        if not args.greater_is_better:
            scores = [-score for score in scores]
        if len(scores) < self.least:
            return False
        best = scores.index(max(scores))  # the first of equal ones, which is the one that is reported
        return len(scores) - 1 - best >= self.settings["patience"]
