"""Linear probing on features computed once against stepping the whole frozen model, side by side.

    python tests/benchmarks/bench_linear_probe.py --data_root ../shared/data

Ten epochs on 4,000 SST-2 sentences with an evaluation and a checkpoint after each, batch 32, the embedded model, its
bottom half damaged, on the CPU. The fast time has the computation of the features in it; the frozen model is kept in
evaluation mode, so that both do the same. Rounds alternate; medians and their ratio are printed. Exit status 1 if the
target is missed, or if the two do not reach the same weighted F1.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from torch import nn
from transformers import default_data_collator, set_seed
from transformers import logging as hf_logging

from healbert.arguments.parser import make_arguments
from healbert.damage.apply import corrupt
from healbert.healing.head import ClassificationLayer
from healbert.healing.strategies import make_strategy
from healbert.healing.trainer import HealingTrainer
from healbert.models.loading import load_model, load_tokenizer
from healbert.probing.features import read_features
from healbert.tasks.load import load_task, tokenize

TARGET = 6.0
SAME = 0.003  # weighted F1; logits that differ in the last bits may turn one example


def keep_in_evaluation_mode(model):
    """The model, whose `train` leaves dropout off."""
    frozen = {"train": lambda self, mode=True: nn.Module.train(self, False)}
    model.__class__ = type(f"Frozen{type(model).__name__}", (type(model),), frozen)
    return model.eval()


def whole(arguments, task, tokenizer, model):
    """A trainer that passes every batch of every epoch through the frozen model."""
    return HealingTrainer(
        model=keep_in_evaluation_mode(model),
        args=arguments.training,
        train_dataset=task.splits["train"],
        eval_dataset=task.splits["evaluation"],
        processing_class=tokenizer,
    )


def fixed(arguments, task, tokenizer, model):
    """A trainer on features that are computed here, as in `healbert.experiment`."""
    splits = {}
    for name, rows in task.splits.items():
        features, _ = read_features(model, arguments, rows, tokenizer)
        splits[name] = rows.add_column("features", list(features)).with_format("torch")
    return HealingTrainer(
        model=ClassificationLayer(model),
        args=arguments.training,
        train_dataset=splits["train"],
        eval_dataset=splits["evaluation"],
        data_collator=default_data_collator,
    )


def probe(make, arguments, task, tokenizer):
    """Seconds of a linear probe from the damaged model on, and the weighted F1 of its last epoch."""
    set_seed(0)
    model = load_model(arguments.model, task.label_names, tokenizer.pad_token_id)
    corrupt(model, arguments.corruption.spec())
    make_strategy("linear_probe").prepare(model, None)
    with tempfile.TemporaryDirectory() as folder:
        arguments.training.output_dir = folder
        start = time.perf_counter()
        trainer = make(arguments, task, tokenizer, model)
        trainer.train()
        seconds = time.perf_counter() - start
    return seconds, [entry["eval_f1_weighted"] for entry in trainer.state.log_history if "eval_loss" in entry][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    arguments = make_arguments(
        task_name="sst2",
        data_root=options.data_root,
        max_train_samples=options.samples,
        num_train_epochs=options.epochs,
        learning_rate=1e-3,
        corrupt_level=0.5,
        healing="linear_probe",
        use_cpu=True,
        disable_tqdm=True,
        log_level="error",
    )
    tokenizer = load_tokenizer(arguments.model)
    task = load_task(arguments.data, arguments.model)
    tokenize(task, tokenizer, arguments.data)
    makers = {"whole model": whole, "fixed features": fixed}
    seconds, scores = {name: [] for name in makers}, {name: [] for name in makers}
    for number in range(options.rounds):
        for name, make in makers.items():
            spent, score = probe(make, arguments, task, tokenizer)
            seconds[name].append(spent)
            scores[name].append(score)
            print(f"round {number + 1}  {name:<15} {spent:8.1f} s  weighted F1 {score:.4f}", flush=True)
    sys.exit(report({name: statistics.median(values) for name, values in seconds.items()}, scores))


def report(medians, scores):
    """Prints medians and their ratio; returns the exit status."""
    ratio = medians["whole model"] / medians["fixed features"]
    for name, median in medians.items():
        print(f"median   {name:<15} {median:8.1f} s")
    print(f"fixed features are {ratio:.1f} times as fast (target: {TARGET:g})")
    found = [score for values in scores.values() for score in values]
    if max(found) - min(found) > SAME:
        print(f"missed: weighted F1 differs by {max(found) - min(found):.4f}")
        return 1
    if ratio < TARGET:
        print(f"missed: {TARGET:g} times the whole model")
        return 1
    return 0


if __name__ == "__main__":
    main()
