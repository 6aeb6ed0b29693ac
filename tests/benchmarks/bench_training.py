"""Training throughput of HealingTrainer against transformers.Trainer, side by side.

    python tests/benchmarks/bench_training.py --data_root ../shared/data

One epoch on 4,000 SST-2 sentences (seed 0) with one evaluation and one checkpoint, batch 32, the embedded model.
Evaluation is part of the time: in batches of 8 with transformers.Trainer, of 64 with HealingTrainer (the defaults).
Rounds alternate between the trainers, each in a process of its own; medians and ratios are printed. Exit status 1 if a
target is missed.
"""

import argparse
import concurrent.futures
import multiprocessing
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed
from transformers import logging as hf_logging

from healbert.arguments.parser import make_arguments
from healbert.healing.trainer import HealingTrainer
from healbert.models.loading import load_model, load_tokenizer
from healbert.tasks.load import load_task, tokenize
from healbert.tasks.types import TASK_TYPES

TARGETS = {"plain": 2.4, "group_by_length": 1.0}


def plain(task, tokenizer, model, folder, settings):
    return stock(task, tokenizer, model, folder)


def group_by_length(task, tokenizer, model, folder, settings):
    return stock(task, tokenizer, model, folder, train_sampling_strategy="group_by_length")


def stock(task, tokenizer, model, folder, **options):
    arguments = TrainingArguments(
        folder,
        num_train_epochs=1,
        per_device_train_batch_size=32,
        eval_strategy="epoch",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        **options,
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=task.splits["train"],
        eval_dataset=task.splits["evaluation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=TASK_TYPES["classification"].compute_metrics,
    )


def healing(task, tokenizer, model, folder, settings):
    arguments = make_arguments(**settings, output_dir=folder, disable_tqdm=True, num_train_epochs=1)
    return HealingTrainer(
        model=model,
        args=arguments.training,
        train_dataset=task.splits["train"],
        eval_dataset=task.splits["evaluation"],
        processing_class=tokenizer,
    )


MAKERS = {"plain": plain, "group_by_length": group_by_length, "HealingTrainer": healing}


def throughput(name, settings):
    """train_samples_per_second of one train() call, evaluation and checkpoint included."""
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    arguments = make_arguments(**settings)
    tokenizer = load_tokenizer(arguments.model)
    task = load_task(arguments.data, arguments.model)
    tokenize(task, tokenizer, arguments.data)
    set_seed(0)
    model = load_model(arguments.model, task.label_names, tokenizer.pad_token_id)
    with tempfile.TemporaryDirectory() as folder:
        trainer = MAKERS[name](task, tokenizer, model, folder, settings)
        return trainer.train().metrics["train_samples_per_second"]


def in_own_process(function, *args):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=4000)
    options = parser.parse_args()
    settings = {
        "task_name": "sst2",
        "data_root": options.data_root,
        "max_train_samples": options.samples,
        "use_cpu": True,
    }
    rates = {name: [] for name in MAKERS}
    for number in range(options.rounds):
        for name in MAKERS:
            rates[name].append(in_own_process(throughput, name, settings))
            print(f"round {number + 1}  {name:<16} {rates[name][-1]:7.1f} examples/s", flush=True)
    sys.exit(report({name: statistics.median(values) for name, values in rates.items()}))


def report(medians):
    ours, missed = medians["HealingTrainer"], 0
    for name, median in medians.items():
        print(f"median   {name:<16} {median:7.1f} examples/s  HealingTrainer is {ours / median:.2f} times as fast")
    for name, target in TARGETS.items():
        if ours / medians[name] < target:
            print(f"missed: {target} times {name}")
            missed = 1
    return missed


if __name__ == "__main__":
    main()
