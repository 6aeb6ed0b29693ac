"""The embedding trains on the rows whose tokens occur."""

import numpy as np
import pyarrow.compute as pc
import torch
from torch import nn

from ...models.vocabulary import embedding_of
from .base import FastPath, why_not_whole

# Optimizers to which a row without gradient and without moments stays as it is, whatever other rows do.
BY_ELEMENT = ("adamw_torch", "adamw_torch_fused", "adagrad", "rmsprop", "sgd")


class OccurringRows(FastPath):
    """Cuts the input embedding down to the rows whose tokens occur in the run, and puts them back after training.

    The others have no gradient, so that nothing would change them. What is saved while training is the whole
    embedding all the same, and what is loaded may be.
    """

    while_training = True

    def why_not(self, scene):
        training = scene.training
        if training.weight_decay:
            return "weight decay changes rows that do not occur"
        if training.optim.value not in BY_ELEMENT:
            return f"--optim {training.optim.value} may look at more than one element at a time"
        if scene.trainer.training_inputs:
            return "tokens are put in place of others while training"
        if scene.traced:
            return "the trace compares whole embeddings"
        return why_not_whole(training) or scene.trainer.strategy.why_whole or _why_not_embedding(scene)

    def start(self, scene):
        self.embedding = module = embedding_of(scene.model)
        special = {*scene.special_ids, module.padding_idx} - {None}
        rows = occurring_ids(scene.splits.values(), special, len(module.weight))
        self.whole, self.rows = module.weight.detach().cpu().clone(), torch.from_numpy(rows)
        self.padding, places = module.padding_idx, torch.full((len(self.whole),), len(rows))  # no such row
        places[self.rows] = torch.arange(len(rows))
        module.weight.data = self._cut(module.weight.data)
        module.padding_idx = None if self.padding is None else int(places[self.padding])
        self.places = places.to(module.weight.device)
        self.hooks = [
            module.register_forward_pre_hook(lambda _, given: (self._place(given[0]), *given[1:])),
            module.register_state_dict_post_hook(lambda _, state, prefix, *__: self._save(state, f"{prefix}weight")),
            module.register_load_state_dict_pre_hook(
                lambda _, state, prefix, *__: self._load(state, f"{prefix}weight")
            ),
        ]

    def stop(self):
        for hook in self.hooks:
            hook.remove()
        weight = self.embedding.weight
        weight.grad = None
        weight.data = self._put_back(weight.data)
        self.embedding.padding_idx = self.padding

    def _place(self, ids):
        self.places = self.places.to(ids.device)
        return self.places[ids]

    def _cut(self, whole):
        return whole.index_select(0, self.rows.to(whole.device))

    def _put_back(self, part):
        return self.whole.index_copy(0, self.rows, part.detach().to(self.whole)).to(part.device)

    def _save(self, state, name):
        state[name] = self._put_back(state[name])

    def _load(self, state, name):
        if name in state:
            self.whole.copy_(state[name])
            state[name] = self._cut(state[name])


def occurring_ids(splits, special_ids, rows):
    """The token ids that batches of these splits can hold, in order: numpy.ndarray of int64.

    Args:
        splits: iterable of tokenized `datasets.Dataset`.
        special_ids: ids that may occur beside.
        rows: of the embedding; higher ones of ``special_ids`` have none, and are left out.
    """
    found = [np.array([one for one in special_ids if 0 <= one < rows], dtype=np.int64)]
    for split in splits:
        ids = split.select_columns(["input_ids"]).with_format("arrow")[:].column(0)
        found.append(pc.unique(pc.list_flatten(ids, recursive=True)).to_numpy())
    return np.unique(np.concatenate(found)).astype(np.int64)


def _why_not_embedding(scene):
    module = embedding_of(scene.model)
    if type(module) is not nn.Embedding or module.max_norm is not None or module.sparse or module.scale_grad_by_freq:
        return "the model has no plain table of embeddings"
    named = scene.model.named_parameters(remove_duplicate=False)
    if sum(parameter is module.weight for _, parameter in named) != 1:
        return "the embedding shares its weights"
    if not module.weight.requires_grad:
        return "the embedding does not train"
    return None if all("input_ids" in rows.column_names for rows in scene.splits.values()) else "there are no token ids"
