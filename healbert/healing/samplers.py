"""The order of examples: batches of similar length in training, the longest first in evaluation."""

import numpy as np
import pyarrow.compute as pc
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class FixedOrder(Sampler):
    """Yields the given positions, in that order, every time."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


class GroupedByLength(Sampler):
    """Batches of similar length, in a random order that depends on nothing but the seed and the epoch.

    The grouping is transformers' (`get_length_grouped_indices`). There it draws from the global generator, which
    dropout also uses, so that a resumed run could see another order; and it goes from long texts to short ones
    over and over. Here whole batches are shuffled as well.

    Args:
        lengths: tokens of every example.
        batch_size: examples in one step, over all processes.
        seed: seed of the order.
    """

    def __init__(self, lengths, batch_size, seed):
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        # The factor is above any number of epochs: no two pairs of seed and epoch have one order in common.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        indices = get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)
        batches = [indices[i : i + self.batch_size] for i in range(0, len(indices), self.batch_size)]
        whole = len(indices) // self.batch_size  # a short batch stays last
        order = torch.randperm(whole, generator=generator).tolist() + list(range(whole, len(batches)))
        return iter([index for position in order for index in batches[position]])

    def __len__(self):
        return len(self.lengths)


def token_lengths(rows):
    """The number of tokens of every example of a tokenized `datasets.Dataset`: numpy.ndarray (examples,).

    Of an example of several sequences, as many in each example, that of its longest.
    """
    ids = rows.select_columns("input_ids").with_format("arrow")[:]["input_ids"]
    nested = hasattr(ids.type.value_type, "value_type")
    lengths = pc.list_value_length(pc.list_flatten(ids) if nested else ids).to_numpy()
    return lengths.reshape(len(rows), -1).max(axis=1) if nested else lengths


def longest_first(rows):
    """Positions from the longest example to the shortest; of rows without token ids, as they come."""
    if "input_ids" not in rows.column_names:
        return list(range(len(rows)))
    # Stable: the order is computed a second time, to undo it, and must come out the same.
    return np.argsort(-token_lengths(rows), kind="stable").tolist()


def reorder(predictions, order):
    """Predictions (examples, ...), an array or nested tuples of arrays, in the order of these positions."""
    if isinstance(predictions, (tuple, list)):
        return tuple(reorder(part, order) for part in predictions)
    return predictions[order]
