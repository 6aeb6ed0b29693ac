"""The head of a language model whose checkpoint has none: trained once, on the intact and frozen model.

It depends on the model, the texts and how they are cut, and on nothing of a run's damage, healing or seed, so that the
same head serves them all. It lies in ``.heads`` beside the runs.
"""

import hashlib
import json
import pathlib
import tempfile

from transformers import set_seed

from ..arguments.versions import MEANINGS
from ..healing.services import take_one_gpu
from ..healing.strategies.base import Strategy
from ..healing.trainer import Diverged, HealingTrainer
from ..models.wrappers import outside_base
from ..utils.errors import UserError
from ..utils.files import atomic_path
from .change import draws_kept
from .turns import agreed, turn

FOLDER = ".heads"
SEED, EPOCHS = 0, 3
# Whoever changes something here raises the version of "language_head" (versions.py).
RECIPE = {
    "seed": SEED,
    "num_train_epochs": EPOCHS,
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 32,
    "train_sampling_strategy": "group_by_length",
    "eval_strategy": "no",
    "save_strategy": "no",
    "logging_strategy": "no",
    "logging_nan_inf_filter": False,
    "report_to": "none",
}


class OnlyHead(Strategy):
    """What lies outside the base of a model trains."""

    def prepare(self, model, receipt):
        model.requires_grad_(False)
        for _, parameter in outside_base(model):
            parameter.requires_grad_(True)


def give_head(load, task, tokenizer, arguments, fingerprint):
    """A model with the head of its type of task: trained here once, or as it was kept.

    Args:
        load: function that loads the intact model; its new head is drawn from the global generator.
        task: a tokenized `TaskData`.
        tokenizer: its tokenizer.
        arguments: `Arguments`.
        fingerprint: the hash of the pretrained weights.

    Returns:
        tuple: the model, and what ``results.json`` says of its head: a dict.

    Raises:
        UserError: if there is none to be trained beside the base, training it diverges, or there are several processes
            and it is not there yet.
    """
    from safetensors.torch import load_file

    set_seed(SEED)
    model, training = load(), arguments.training
    if not outside_base(model):  # T5's stands among the weights of its base
        raise UserError(
            f"the checkpoint has no head for {task.type.name}, and none is trained for models of type "
            f"{model.config.model_type}; give a checkpoint that has one"
        )
    said = [task.type.name, task.fingerprint, fingerprint, task.splits["train"]._fingerprint]
    said += [len(tokenizer), arguments.data.max_seq_length]
    said += [training.device.type, training.mixed_precision, MEANINGS["language_head"].version]
    content = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    path = pathlib.Path(training.output_dir).parent / FOLDER / f"{content}.safetensors"
    if not agreed(path.is_file(), training):
        _make(path, model, task, tokenizer, arguments)
    kept = load_file(path)
    for name, value in outside_base(model):
        value.data.copy_(kept[name])
    return model, {"trained_on": len(task.splits["train"]), "epochs": EPOCHS, "content": content}


def _make(path, model, task, tokenizer, arguments):
    """Trains the head of a model and keeps it in ``path``, unless another process has done so in the meantime."""
    from safetensors.torch import save_file

    name = task.type.name
    if arguments.training.world_size > 1:  # a trainer of one of them would wait for the others
        raise UserError(f"a head for {name} is trained by one process; make one run without a launcher first")
    with turn(path, arguments.training, "head", "training"):
        if path.is_file():
            return
        print(f"the checkpoint has no head for {name}; one is trained on the intact model: {path}", flush=True)
        _train(model, task, tokenizer, arguments)
        with atomic_path(path) as target:
            save_file({name: value.detach().cpu().contiguous() for name, value in outside_base(model)}, target)


def _train(model, task, tokenizer, arguments):
    strategy = OnlyHead()
    strategy.prepare(model, None)
    with draws_kept(), tempfile.TemporaryDirectory() as folder:
        trainer = HealingTrainer(
            model=model,
            args=_training(arguments.training, folder),
            train_dataset=task.splits["train"],
            data_collator=task.type.collator(tokenizer),
            compute_metrics=None,
            strategy=strategy,
            training_inputs=task.type.training_inputs(tokenizer, SEED),
        )
        set_seed(SEED)
        try:
            trainer.train()
        except Diverged as error:
            raise UserError(
                "the head of the language model diverges on the intact model; give another model"
            ) from error
    model.requires_grad_(True).eval().to("cpu")


def _training(args, folder):
    """TrainingArguments for the head: of the run's, the machine, the precision and the size of evaluation's batches."""
    where = {name: getattr(args, name) for name in ("use_cpu", "bf16", "fp16", "per_device_eval_batch_size")}
    training = type(args)(output_dir=folder, **RECIPE, **where)
    take_one_gpu(training)  # as the run's own; the version stays, as on one GPU and on a CPU nothing is another
    return training
