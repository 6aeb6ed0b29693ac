"""What a run leaves behind in the memory of a worker, which makes hundreds of them."""

import gc

import torch
from helpers.runs import run_with

from healbert.experiment.loading import LoadCache


def held():
    """How many tensors there are, and the bytes behind them."""
    gc.collect()
    behind = {}
    for one in gc.get_objects():
        if issubclass(type(one), torch.Tensor):
            storage = one.untyped_storage()
            behind[storage.data_ptr()] = storage.nbytes()
    return len(behind), sum(behind.values())


def test_a_run_leaves_nothing_but_what_the_next_can_use(settings, tmp_path):
    cache, found = LoadCache(), []
    for seed in range(5):
        run_with(settings, cache, seed=seed, num_train_epochs=1, output_dir=str(tmp_path / f"run{seed}"))
        found.append(held())
    assert found[2] == found[3] == found[4]
