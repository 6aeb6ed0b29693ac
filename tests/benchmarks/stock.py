"""A plain Trainer that classifies texts, as the example run_glue.py does: what benchmarks set beside a run.

    python tests/benchmarks/stock.py --model DIR --train train.parquet --validation validation.parquet --output_dir OUT

One evaluation after each epoch, the model saved at the end. Batches are of similar length and the evaluation's of 64:
the example at its best flags. With --plain all is padded to 128 tokens and evaluated by 8, as by default; with --frozen
the classification layer alone trains. Prints a line of JSON: weighted F1 of the last epoch, and the steps.
"""

import argparse
import json
import warnings

warnings.filterwarnings("ignore")

from datasets import disable_progress_bars, load_dataset
from sklearn.metrics import f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers import logging as hf_logging

LONGEST = 128


def main():
    options = read_options()
    hf_logging.set_verbosity_error()
    disable_progress_bars()
    files = {"train": options.train, "validation": options.validation}
    raw = load_dataset("parquet", data_files=files, cache_dir=options.output_dir)
    tokenizer = AutoTokenizer.from_pretrained(options.model)

    def encode(rows):
        padding = "max_length" if options.plain else False
        return tokenizer(rows["sentence"], max_length=LONGEST, truncation=True, padding=padding)

    data = raw.map(encode, batched=True)
    set_seed(options.seed)
    labels = len(set(raw["train"]["label"]))
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=labels)
    if options.frozen:
        model.base_model.requires_grad_(False)
    trainer = Trainer(
        model=model,
        args=settings(options),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=default_data_collator if options.plain else DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=lambda found: {
            "f1_weighted": f1_score(found.label_ids, found.predictions.argmax(-1), average="weighted")
        },
    )
    trainer.train()
    trainer.save_model()
    print(json.dumps({"f1_weighted": last_score(trainer), "steps": trainer.state.global_step}))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "train", "validation", "output_dir"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("plain", "frozen", "bf16"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--learning_rate", type=float, default=5e-5)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def settings(options):
    best = {} if options.plain else {"train_sampling_strategy": "group_by_length", "per_device_eval_batch_size": 64}
    return TrainingArguments(
        options.output_dir,
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        per_device_train_batch_size=32,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=options.seed,
        use_cpu=True,
        bf16=options.bf16,
        **best,
    )


def last_score(trainer):
    return [entry["eval_f1_weighted"] for entry in trainer.state.log_history if "eval_f1_weighted" in entry][-1]


if __name__ == "__main__":
    main()
