"""Frozen layers passed once against passing every batch through them, side by side.

    python tests/benchmarks/bench_frozen.py --data_root ../shared/data

Ten epochs on 2,000 SST-2 sentences with an evaluation on 500 after each, batch 32, the embedded model, its top half
damaged and trained, the bottom half frozen, on the CPU. The fast time has the one pass in it. So that both do the same,
dropout is off in both. Of the arithmetic of a training step, 12 parts in 6 layers (a backward pass has two of them for
each of a forward pass), the bottom half's forward pass is 3: 1.33 times is the most that there is in training. Beside
it stands what training the whole model takes, the usual alternative. Rounds alternate; medians and their ratios are
printed. Exit status 1 if a target is missed, or if the two ways do not end with the same predictions.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import pandas
from torch import nn
from transformers import logging as hf_logging

from healbert import make_arguments
from healbert.experiment.loading import LoadCache, load
from healbert.experiment.stages import Experiment

TARGETS = {"every layer, every epoch": 1.2, "all trained": 1.5}
WAYS = {
    "every layer, every epoch": {"healing": "damaged_only"},
    "frozen layers once": {"healing": "damaged_only", "reuse_frozen": True},
    "all trained": {"healing": "full"},
}


def heal(more, options, folder):
    """Seconds from the damaged model on, healing and evaluations, and the predictions of the chosen epoch."""
    from healbert.damage.apply import corrupt

    arguments = make_arguments(
        task_name="sst2",
        data_root=options.data_root,
        max_train_samples=options.samples,
        max_eval_samples=500,
        num_train_epochs=options.epochs,
        learning_rate=1e-4,
        corrupt_level=0.5,
        corrupt_region="top",
        use_cpu=True,
        disable_tqdm=True,
        log_level="error",
        output_dir=folder,
        **more,
    )
    experiment = Experiment(arguments, *load(arguments, LoadCache(0)))
    for module in experiment.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    receipt = corrupt(experiment.model, arguments.corruption.spec())
    experiment.strategy.prepare(experiment.model, receipt)
    start = time.perf_counter()
    experiment.trainer, experiment.splits = experiment._make_trainer()
    experiment._heal()
    experiment._evaluate_healed()
    seconds = time.perf_counter() - start
    return seconds, pandas.read_parquet(pathlib.Path(folder) / "predictions.parquet")["prediction"].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    seconds, predictions = {name: [] for name in WAYS}, {}
    for number in range(options.rounds):
        for name, more in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                spent, predictions[name] = heal(more, options, folder)
            seconds[name].append(spent)
            print(f"round {number + 1}  {name:<26} {spent:8.1f} s", flush=True)
    sys.exit(report({name: statistics.median(values) for name, values in seconds.items()}, predictions))


def report(medians, predictions):
    """Prints medians and their ratios; returns the exit status."""
    slow, fast, _ = WAYS
    ratios = {name: median / medians[fast] for name, median in medians.items()}
    for name, median in medians.items():
        print(f"median   {name:<26} {median:8.1f} s, {ratios[name]:.2f} times that of '{fast}'")
    differing = sum(a != b for a, b in zip(predictions[slow], predictions[fast], strict=True))
    wanted = ", ".join(f"{least:g} of {name}" for name, least in TARGETS.items())
    print(f"targets: {wanted}; {differing} predictions differ")
    return int(differing > 0 or any(ratios[name] < least for name, least in TARGETS.items()))


if __name__ == "__main__":
    main()
