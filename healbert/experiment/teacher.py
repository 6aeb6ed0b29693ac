"""The model that `--healing distill` learns from: found beside the run, fine-tuned first if it is not there, checked.

The intact run of the same settings is the teacher where it lies beside the run and kept its model. Else the teacher is
a run of its own in ``.teachers`` there, which all runs beside it share: one process makes it, the others wait.
"""

import copy
import dataclasses
import pathlib

from ..arguments.identity import folder_in
from ..arguments.marker import differences, is_marker
from ..arguments.teacher import teacher_arguments
from ..models.heads import listed_labels, load_classifier, saved_labels
from ..models.loading import load_tokenizer
from ..models.source import ModelSource
from ..models.vocabulary import embedding_rows
from ..results.read import read_sound
from ..results.schema import TEACHERS
from ..utils.errors import UserError
from .folder import RunBusy, read_marker, remove_checkpoints
from .loading import check_lengths, highest_met
from .turns import agreed, turn

TRIED = "The Café is NOT 42% (un)believable, is it?"  # two tokenizers with one vocabulary may still cut it otherwise


@dataclasses.dataclass
class Teacher:
    """Which model it is. ``kind`` is "finetuned", "pretrained" or "given"; ``scores`` are its own on the task."""

    kind: str
    source: ModelSource
    scores: dict | None = None

    def describe(self):
        """What results.json says of it."""
        name = self.source.name if self.kind != "finetuned" else pathlib.Path(self.source.name).name
        return {"kind": self.kind, "name": name, "commit": self.source.commit, "scores": self.scores}


def find_teacher(arguments, run):
    """The `Teacher` of a run, fine-tuned first if need be; None of a strategy that learns from none.

    Args:
        arguments: `Arguments`.
        run: function that makes the run of some `Arguments` and returns its results.

    Raises:
        UserError: if its run cannot be made, failed or diverged.
    """
    kind = arguments.run.strategy().learns_from
    if kind is None:
        return None
    if arguments.sources.teacher:
        return Teacher("given", arguments.sources.teacher)
    if kind == "pretrained":
        return Teacher("pretrained", arguments.sources.model)
    parent, wanted = pathlib.Path(arguments.training.output_dir).parent, teacher_arguments(arguments)
    name = wanted.name()
    folder = folder_in(parent, name)
    results = agreed(_finished(folder, wanted), arguments.training)
    if results is None:
        folder = folder_in(parent / TEACHERS, name)
        results = _make(teacher_arguments(arguments, folder), folder, run)
    if results["status"] != "completed":
        raise UserError(
            f"the teacher in {folder} {results['status']}, so that nothing can be learnt from it; choose other "
            "settings, or name a --teacher"
        )
    model = dataclasses.replace(
        arguments.model,
        model_name_or_path=str(folder),
        config_name=None,
        tokenizer_name=None,
        model_revision="main",
    )
    return Teacher("finetuned", ModelSource(model), results["metrics"]["healed"])


def _finished(folder, arguments):
    """The results of the same run in ``folder`` if it diverged, or kept its model; else None."""
    try:
        marker = read_marker(folder)
        if not is_marker(marker) or differences(marker, arguments):
            return None
        results = read_sound(folder)
    except (OSError, ValueError):
        return None
    kept = results["status"] == "completed" and (folder / "config.json").is_file()
    return results if kept or results["status"] == "diverged" else None


def _make(arguments, folder, run):
    with turn(folder, arguments.training, "teacher", "fine-tuning") as waited:
        if arguments.training.process_index == 0 and (waited or _finished(folder, arguments) is None):
            print(f"the teacher is the intact model, fine-tuned in {folder}", flush=True)
        try:
            results = run(arguments)
            remove_checkpoints(folder)  # its model is what is kept
            return results
        except RunBusy:
            raise
        except UserError as error:
            raise UserError(f"the teacher in {folder} cannot be fine-tuned: {error}") from error


def load_teacher(teacher, experiment):
    """The model of a `Teacher`, intact and frozen, in evaluation mode.

    Args:
        teacher: a `Teacher`.
        experiment: an `Experiment` whose model is not damaged yet.

    Raises:
        UserError: if it cannot be loaded, or cannot teach this model.
    """
    task, tokenizer = experiment.task, experiment.tokenizer
    if teacher.kind == "pretrained":
        return copy.deepcopy(experiment.model).requires_grad_(False).eval()
    if teacher.kind == "given":
        check_given(experiment.arguments, task.type.outputs(task.label_names), tokenizer)
    model = load_classifier(teacher.source, task.type.auto_class)
    if teacher.kind == "given":
        check_lengths(task, model, f"--teacher {teacher.source.name}")
    rows, highest = embedding_rows(model), highest_met(experiment.arguments, task, tokenizer)
    if rows is not None and highest >= rows:
        raise UserError(
            f"teacher {teacher.source.name} has no embedding of token id {highest}; name another: --teacher"
        )
    return model.requires_grad_(False).eval()


def check_given(arguments, label_names, tokenizer):
    """Refuses a ``--teacher`` whose labels or tokenizer are not those of the run.

    Args:
        arguments: `Arguments`.
        label_names: of the model's outputs, in order.
        tokenizer: the model's.

    Raises:
        UserError: naming what differs.
    """
    source = arguments.sources.teacher
    theirs = saved_labels(source)
    if theirs != list(label_names):
        raise UserError(
            f"--teacher {source.name} has other labels than the task: {listed_labels(theirs)} there, "
            f"{listed_labels(label_names)} here, in this order; name a classifier of this task"
        )
    model = dataclasses.replace(arguments.model, model_name_or_path=source.name, config_name=None, tokenizer_name=None)
    other = load_tokenizer(model, source)
    differs = _difference(tokenizer, other)
    if differs:
        raise UserError(
            f"--teacher {source.name} has another tokenizer than the model: {differs}; name another teacher"
        )


def _difference(here, there):
    """How two tokenizers differ, in words; an empty string if they cut texts alike."""
    ours, theirs = here.get_vocab(), there.get_vocab()
    if ours != theirs:
        token = min(token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token))
        numbers = f"{token!r} is {theirs.get(token, 'nothing')} there, {ours.get(token, 'nothing')} here"
        return f"{len(theirs)} entries there, {len(ours)} here, of which {numbers}"
    cut = [tokenizer(TRIED)["input_ids"] for tokenizer in (here, there)]
    return "" if cut[0] == cut[1] else f"it cuts {TRIED!r} otherwise, though it has the same vocabulary"
