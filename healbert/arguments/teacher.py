"""The run whose model a distilled one learns from: the same settings, without damage and fine-tuned in full."""

import copy
import dataclasses

from .groups import CorruptionArguments
from .sources import Sources


def teacher_arguments(arguments, output_dir=None):
    """The `Arguments` of the intact run that ``--healing distill`` learns from; None where it needs none of its own.

    Args:
        arguments: `Arguments` of the run that learns.
        output_dir: the folder of the teacher's run.
    """
    if not arguments.needs_intact:
        return None
    run = dataclasses.replace(
        arguments.run,
        healing="full",
        healing_options=None,
        heal_text=None,
        save_model=True,
        intact_results=None,
        overwrite_output_dir=False,
    )
    training = copy.copy(arguments.training)
    training.push_to_hub, training.report_to, training.resume_from_checkpoint = False, [], None
    training.output_dir = output_dir and str(output_dir)
    found = dataclasses.replace(
        arguments, run=run, training=training, corruption=CorruptionArguments(corrupt_level=0.0)
    )
    sources = arguments.sources  # as they were found
    vars(found)["sources"] = Sources(sources.model, sources.data, reference=sources.reference)
    return found
