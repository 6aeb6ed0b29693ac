"""A few batches that stand for an epoch, and a few examples that stand for a split."""

import numpy as np
from torch.utils.data import DataLoader

from ..healing.samplers import token_lengths

WARM_UP = 2  # steps before the clock starts
SEED = 0  # of the order in which batches are trained on


class _Given:
    """A batch sampler that yields these batches, lists of positions."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def spread(sizes, count):
    """Positions of ``count`` of the sizes, spread evenly from the smallest to the largest: numpy (at most count,)."""
    order = np.argsort(sizes, kind="stable")
    count = min(count, len(order))
    return order[((np.arange(count) + 0.5) * len(order) / count).astype(int)]


def examples_of(rows, count):
    """As many rows of a tokenized split, their lengths spread as those of the whole, in the order that they had."""
    return rows.select(np.sort(spread(token_lengths(rows), count)))


def use_few_batches(trainer, steps):
    """Has a trainer train on a few batches of its epoch, among them short and long ones as in the whole.

    The batches are those that its own sampler makes of the whole epoch; whole ones only, as long as there are any.
    The first `WARM_UP` steps are of middling batches, which come again.

    Args:
        trainer: a `transformers.Trainer`.
        steps: steps of the optimizer that count; fewer if an epoch has fewer.

    Returns:
        list: of each batch that counts, in the order of training, the positions of its examples.
    """
    loader, lengths = trainer.get_train_dataloader(), token_lengths(trainer.train_dataset)
    batches = [list(map(int, batch)) for batch in loader.batch_sampler]
    largest = max(map(len, batches))
    batches = [batch for batch in batches if len(batch) == largest]
    of_step = trainer.args.gradient_accumulation_steps
    widths = [lengths[batch].max() for batch in batches]
    wanted = max(1, min(steps, len(batches) // of_step)) * of_step
    chosen = [batches[place] for place in spread(widths, wanted)]
    first = [chosen[len(chosen) // 2]] * (WARM_UP * of_step)
    chosen = [chosen[place] for place in np.random.default_rng(SEED).permutation(len(chosen))]
    few = DataLoader(
        loader.dataset,
        batch_sampler=_Given(first + chosen),
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
    )
    few = trainer.accelerator.prepare(few)
    trainer.get_train_dataloader = lambda: few
    return chosen


def real_lengths(rows):
    """The tokens of every example that are not padding: numpy (examples,)."""
    if "attention_mask" in rows.column_names:
        return np.array([sum(mask) for mask in rows["attention_mask"]])
    return token_lengths(rows)
