"""Who trains beside us: a plain `transformers.Trainer` with settings as people have them."""

import dataclasses

from ..healing.services import take_one_gpu

OURS = "healbert"


@dataclasses.dataclass(frozen=True)
class Reference:
    """Settings of a plain Trainer.

    Args:
        says: what they are, in words.
        pads_to_most: pads every text to --max_seq_length in place of a batch's longest.
        sampling: of `TrainingArguments`, ``train_sampling_strategy``.
        eval_batch_size: texts of a batch in evaluation.
    """

    says: str
    pads_to_most: bool = False
    sampling: str = "random"
    eval_batch_size: int = 8


REFERENCES = {
    "stock": Reference("transformers' example as it is: padded to --max_seq_length, evaluated by 8", pads_to_most=True),
    "dynamic": Reference("padded to the longest of a batch, evaluated by 8"),
    "grouped": Reference("batches of similar length, evaluated by 64", sampling="group_by_length", eval_batch_size=64),
}


def reference_trainer(reference, arguments, task, tokenizer, model, splits, folder):
    """A plain `transformers.Trainer` with a reference's settings; what they leave open is as the run's `Arguments` say.

    Args:
        reference: a `Reference`.
        arguments: `Arguments`: batch size, precision, device, seed and longest text.
        task: `TaskData`.
        tokenizer, model: of the task.
        splits: tokenized ``train`` and ``evaluation``.
        folder: for its checkpoint.
    """
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    training, collator = arguments.training, padding(task, tokenizer)
    if reference.pads_to_most:
        collator = DataCollatorWithPadding(tokenizer, "max_length", longest(arguments, tokenizer))
    args = TrainingArguments(
        folder,
        num_train_epochs=1,
        per_device_train_batch_size=training.per_device_train_batch_size,
        per_device_eval_batch_size=reference.eval_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=training.learning_rate,
        train_sampling_strategy=reference.sampling,
        eval_strategy="epoch",
        save_strategy="epoch",
        report_to=[],
        disable_tqdm=True,
        seed=training.seed,
        bf16=training.bf16,
        use_cpu=training.use_cpu,
        dataloader_pin_memory=training.device.type == "cuda",
    )
    take_one_gpu(args)  # as a run does
    return Trainer(
        model=model,
        args=args,
        train_dataset=splits["train"],
        eval_dataset=splits["evaluation"],
        data_collator=collator,
        processing_class=tokenizer,
        compute_metrics=task.type.compute_metrics,
    )


def longest(arguments, tokenizer):
    """The most tokens that a text is given."""
    return min(arguments.data.max_seq_length, tokenizer.model_max_length)


def padding(task, tokenizer):
    """What pads rows of a task to the longest of a batch, and makes tensors of them."""
    from transformers import DataCollatorWithPadding

    return task.type.collator(tokenizer) or DataCollatorWithPadding(tokenizer)
