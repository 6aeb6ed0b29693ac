"""What Trainer is kept from: reaching anything outside, and taking more GPUs than a run's name says."""

import copy


def without_services(training):
    """A copy of `TrainingArguments` with which Trainer reaches nothing outside."""
    # Trainer would push every epoch, start trackers of its own, and pickle the token beside the checkpoints.
    quiet = copy.copy(training)
    quiet.push_to_hub, quiet.hub_token, quiet.report_to = False, None, []
    return quiet


def take_one_gpu(training):
    """Has one process train on one GPU; several processes take several.

    On several, as `torch.nn.DataParallel` does, its batches would be larger than `TrainingArguments` say.
    """
    training._n_gpu = min(training.n_gpu, 1)
