"""What tracing the healing of a run needs: examples, an intact model, a look after each evaluation."""

import dataclasses
import pathlib

from transformers import TrainerCallback

from ..damage.shorter import layers_left
from ..models.layers import find_layers
from ..models.loading import load_model
from ..probing.trace import Trace
from ..results.schema import place_of
from ..utils.errors import UserError
from ..utils.files import read_json

ENTRY = "trace"  # of the trainer's log, which checkpoints keep: a run that is taken up has what it traced before


def make_trace(arguments, task, tokenizer, model):
    """The `Trace` of a run whose model is intact yet.

    Raises:
        UserError: if the model cannot be traced, or ``--trace_reference`` is not of an intact model like it.
    """
    training, side = arguments.training, arguments.corruption.corrupt_side
    if training.fsdp or training.deepspeed:
        raise UserError("--trace_healing needs whole parameters; leave out --fsdp and --deepspeed")
    if side != "encoder":
        raise UserError(f"--trace_healing follows the layers of the encoder; leave out --corrupt_side {side}")
    rows = task.splits["evaluation"]
    size = min(arguments.features.trace_samples, len(rows))
    if size < 4:
        raise UserError(f"--trace_healing needs 4 evaluation examples or more, there are {size}")
    chosen = rows.select(task.type.draw(rows, size, arguments.data.sample_seed))
    reference = _reference(arguments, task, tokenizer, model) if arguments.features.trace_reference else None
    left = layers_left(model, arguments.spec)
    return Trace(model, chosen, tokenizer, training, left, reference)


def _reference(arguments, task, tokenizer, model):
    name, source = arguments.features.trace_reference, arguments.sources.reference
    folder = pathlib.Path(name).expanduser()
    run = read_json(folder / "results.json") if folder.is_dir() else None
    if isinstance(run, dict) and isinstance(run.get("config"), dict):
        level, region = place_of(run["config"], run.get("corruption"))
        if level or region:  # of level 0 with a region is damage outside the layers
            where = f"{region or 'all'} {100 * level:.4g}%" if level else region
            raise UserError(f"--trace_reference {name} is of a damaged run ({where}); name the folder of an intact one")
        if not (folder / "config.json").exists():
            raise UserError(f"--trace_reference {name} holds no model; run it with --save_model")
    own = {"model_name_or_path": name, "config_name": None, "tokenizer_name": None}
    asked = dataclasses.replace(arguments.model, **own)
    kind, names = task.type, task.type.outputs(task.label_names)
    other = load_model(asked, names, tokenizer.pad_token_id, source, kind.auto_class, kind.problem_type)
    if _shapes(other) != _shapes(model):
        raise UserError(f"--trace_reference {name} has other layers than {arguments.model.model_name_or_path}")
    return other


def _shapes(model):
    stack = find_layers(model)
    outside = {name: p.shape for name, p in stack.base.named_parameters() if stack.layer_of(name) is None}
    embeddings = {name: shape for name, shape in outside.items() if "emb" in name}
    return embeddings | {path: parameter.shape for path, parameter in stack.parameters()}


class TraceEvaluations(TrainerCallback):
    """Adds an entry to the trainer's log after each evaluation of a training.

    Args:
        trace: a `Trace`, which has seen the damaged model.
        model: the whole model, of which the trainer may have a part.
    """

    def __init__(self, trace, model):
        self.trace, self.model = trace, model

    def on_evaluate(self, args, state, control, **_):
        if state.global_step:
            entry = self.trace.measure(self.model, "epoch", state.epoch, state.global_step)
            state.log_history.append({"epoch": state.epoch, "step": state.global_step, ENTRY: entry})


def traced(log):
    """The entries that `TraceEvaluations` added to a log."""
    return [entry[ENTRY] for entry in log if ENTRY in entry]
