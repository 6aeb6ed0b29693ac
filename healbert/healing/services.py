"""Keeping Trainer from reaching anything outside: what goes to the Hub and to trackers goes there by our own hand."""

import copy


def without_services(training):
    """A copy of `TrainingArguments` with which Trainer reaches nothing outside."""
    # Trainer would push every epoch, start trackers of its own, and pickle the token beside the checkpoints.
    quiet = copy.copy(training)
    quiet.push_to_hub, quiet.hub_token, quiet.report_to = False, None, []
    return quiet
