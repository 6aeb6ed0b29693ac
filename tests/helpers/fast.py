"""A model, its trainer and what a fast path is asked to go with."""

from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments

from healbert import HealingTrainer
from healbert.healing.fast.base import Scene

from .small import make_rows
from .training import tokenized


def scene(folder, output_dir, model=None, strategy=None, **settings):
    """A `Scene` of 40 training and 20 evaluation sentences; ``settings`` are of `Scene` or of the training."""
    own = {name: settings.pop(name) for name in ("reuse_frozen", "traced") if name in settings}
    splits = {"train": tokenized(folder, make_rows(40, seed=1)), "evaluation": tokenized(folder, make_rows(20, seed=2))}
    defaults = {"per_device_train_batch_size": 8, "num_train_epochs": 1, "report_to": [], "save_strategy": "no"}
    training = TrainingArguments(str(output_dir), use_cpu=True, disable_tqdm=True, **defaults | settings)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trainer = HealingTrainer(
        model=model or AutoModelForSequenceClassification.from_pretrained(folder),
        args=training,
        train_dataset=splits["train"],
        eval_dataset=splits["evaluation"],
        processing_class=tokenizer,
        strategy=strategy,
    )
    return Scene(trainer.model, trainer, splits, tuple(tokenizer.all_special_ids), **own)
