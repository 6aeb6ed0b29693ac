"""The damage of a run, and a damaged model that is kept as it is (``--corrupt_only``)."""

import pathlib

from transformers import logging as hf_logging

from ..arguments.marker import marker
from ..damage.apply import corrupt
from ..damage.severity import match_severity
from ..models.loading import load_encoder
from ..results.kept import BEGUN, KEPT, WHOLE, keeps_damaged
from ..utils.errors import UserError
from ..utils.files import write_json
from .change import Change
from .disk import faults_of_the_disk
from .folder import finished_results, open_run
from .loading import LoadCache, load
from .offline import require_hub_or_cache


def damage(arguments, task, tokenizer, model, description):
    """Damages a loaded model as the arguments say; what is to be measured of the intact one is measured before.

    Args:
        arguments: `Arguments`; the others are what `load` gave.

    Returns:
        tuple: `CorruptionReceipt`, and the `Change`, None where it is not measured.
    """
    asked = arguments.corruption
    severity = asked.severity()
    donors = {} if asked.intact else {name: load_encoder(one) for name, one in arguments.sources.donors.items()}
    change = Change(arguments, task, tokenizer, model) if asked.measured() else None
    if severity is None:
        receipt = corrupt(model, asked.spec(), undoable=False, donor=donors)
    else:
        evaluate = change.severity(severity.metric) if severity.evaluates else None
        receipt = match_severity(model, asked.spec(), severity, evaluate, undoable=False, donor=donors)
    receipt.summary |= {key: value for key, value in description.items() if key == "resized_embeddings"}
    return receipt, change


def keep_damaged(arguments):
    """Writes the damaged model, its tokenizer, corruption.json and settings.json, and trains nothing.

    The folder is no run, and its settings.json says so; the model in it can be loaded, and healed by another run.

    Args:
        arguments: `Arguments` with ``--corrupt_only``.

    Returns:
        bool: whether it was there already, so that nothing was written.

    Raises:
        UserError: if something that the user gave cannot be used, or the folder holds something else.
    """
    if arguments.training.push_to_hub:
        raise UserError("--push_to_hub goes with a healed model; leave it out, or leave out --corrupt_only")
    output_dir = pathlib.Path(arguments.training.output_dir)
    hf_logging.disable_progress_bar()
    if _is_there(output_dir, arguments):
        return True
    require_hub_or_cache(arguments)
    task, tokenizer, model, description = load(arguments, LoadCache(0))
    receipt, change = damage(arguments, task, tokenizer, model, description)
    if change:
        receipt.summary["change"] = change.describe(*change.look(model))
    with open_run(output_dir, arguments, receipt), faults_of_the_disk(output_dir):
        if arguments.training.process_index == 0:
            _mark(output_dir, arguments, BEGUN)
            model.save_pretrained(output_dir)
            tokenizer.save_pretrained(output_dir)
            _mark(output_dir, arguments, WHOLE)
    return False


def _is_there(output_dir, arguments):
    finished_results(output_dir, arguments)  # refuses what is not this
    return keeps_damaged(output_dir) == WHOLE and not arguments.run.overwrite_output_dir


def _mark(output_dir, arguments, state):
    found = marker(arguments)
    write_json(output_dir / "settings.json", found | {"healbert": found["healbert"] | {KEPT: state}})
