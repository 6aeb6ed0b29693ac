"""The parts of a run's `Arguments`, made of its settings: our groups and transformers.TrainingArguments."""

import copy
import json

from transformers import TrainingArguments

from ..healing.services import take_one_gpu
from ..utils.errors import UserError

# What TrainingArguments only holds, so that nothing else differs between two that differ in these.
HELD = ("learning_rate", "seed")


class Parts:
    """Makes the parts of one run."""

    def group(self, kind, settings):
        """The ``kind`` of `groups` that is made of these settings."""
        return kind(**settings)

    def training(self, settings):
        """TrainingArguments of these settings, and what they hold as a dict where that is known already.

        Raises:
            UserError: for what they refuse, or lack.
        """
        _check_json(settings)
        try:
            training = TrainingArguments(**settings)
        # deepspeed is not installed; a file it names is missing; --accelerator_config has what it does not know
        except (ValueError, ImportError, OSError, TypeError) as error:
            raise UserError(str(error)) from error
        # Those that were checked: transformers adds one of its own where the environment has it (Kubeflow).
        training.report_to = [name for name in training.report_to if name in settings.get("report_to", ())]
        take_one_gpu(training)
        if training.device.type == "cpu":
            training.dataloader_pin_memory = False  # torch warns each time otherwise
        return training, None


def _check_json(settings):
    """Refuses what is no JSON by the name of its flag, which transformers does not say."""
    for name in TrainingArguments._VALID_DICT_FIELDS:
        given = settings.get(name)
        if isinstance(given, str) and given.startswith("{"):
            try:
                json.loads(given)
            except ValueError as error:
                raise UserError(f"--{name} {given} is not JSON: {error}") from error


class SharedParts(Parts):
    """Makes the parts of the many runs of a sweep: those of equal settings once, as that is what takes the time.

    The runs share them, so that they are to be read, and not to be changed.
    """

    def __init__(self):
        self._groups, self._training = {}, {}

    def group(self, kind, settings):
        key = (kind, repr([*settings.values()]))  # a text tells 1, 1.0 and True apart
        if key not in self._groups:
            self._groups[key] = super().group(kind, settings)
        return self._groups[key]

    def training(self, settings):
        # Into the configuration of DeepSpeed, transformers fills in the learning rate.
        held = {} if settings["deepspeed"] else {name: settings[name] for name in HELD}
        key = repr([value for name, value in settings.items() if name not in held])
        if key not in self._training:
            training, _ = super().training(settings)
            self._training[key] = training, training.to_dict()
        training, known = self._training[key]
        training = copy.copy(training)
        vars(training).update(held)
        return training, known | held
