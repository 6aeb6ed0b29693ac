"""Where healing happened: how far each layer is from what it was, at the start, after each evaluation, at the end."""

import dataclasses

import numpy as np

from .inner_states import Inner, read_inner
from .layer_weights import EMBEDDINGS, LayerWeights
from .similarity import cosine, distance, linear_cka

DIGITS = 6  # of a figure


@dataclasses.dataclass
class Look:
    """A model as it was: its weights by layer (`LayerWeights.copy`) and its `Inner` states."""

    weights: dict
    inner: Inner


class Trace:
    """Compares a model on its way with the damaged one it started from, the pretrained one, and an intact one.

    Kept in memory, on the CPU: the weights of each of these (of the damaged one, those that differ), and their states,
    examples x (layers + 1) x hidden size.

    Args:
        model: the pretrained model, intact yet.
        rows: the tokenized evaluation examples that states are read of.
        tokenizer: their tokenizer.
        training: `transformers.TrainingArguments`.
        left: indices of the layers that the damage leaves in the model; None: all.
        reference: an intact fine-tuned model of the same layers, or None.

    Raises:
        UserError: if the model does not show its hidden states.
    """

    def __init__(self, model, rows, tokenizer, training, left=None, reference=None):
        self.rows, self.tokenizer, self.training = rows, tokenizer, training
        weights = LayerWeights(model)
        self.total = len(weights.numbers)
        self.numbers = weights.numbers if left is None else tuple(index + 1 for index in left)
        self.looks = {"pretrained": Look(weights.copy(), self._inner(model))}
        if reference is not None:
            self.looks["intact"] = Look(LayerWeights(reference).copy(), self._inner(reference))
        self.parts = []

    def _inner(self, model):
        return read_inner(model, self.rows, self.tokenizer, self.training)

    def measure(self, model, stage, epoch, step):
        """What results.json holds of the model as it is now. The first call is of the damaged model.

        Args:
            model: the model.
            stage: "damaged", "epoch" or "healed".
            epoch, step: how far healing is.

        Returns:
            dict: ``distance`` and ``cosine`` {reference: {component: [value by layer]}}, ``cka`` {reference: [value by
            depth]} and ``attention_entropy`` [value by layer] or None.
        """
        weights, inner = LayerWeights(model, self.numbers), self._inner(model)
        if "damaged" not in self.looks:
            self.parts = weights.parts
            self.looks = {"damaged": Look(weights.copy(self.looks["pretrained"].weights), inner), **self.looks}
        sums = weights.sums({name: look.weights for name, look in self.looks.items()})
        # One scale for all: else two distances of one layer could not be compared.
        scale = {part: {n: of[3] for n, of in found.items()} for part, found in sums["pretrained"].items()}
        return {
            "stage": stage,
            "epoch": epoch,
            "step": step,
            "distance": self._by_layer(sums, lambda of, part, n: distance(of, scale[part][n])),
            "cosine": self._by_layer(sums, lambda of, part, n: cosine(of)),
            "cka": {name: self._cka(inner, look, name) for name, look in self.looks.items()},
            "attention_entropy": _rounded(inner.entropy),
        }

    def _by_layer(self, sums, figure):
        rows = (EMBEDDINGS, *self.numbers)
        return {
            name: {
                part: _rounded([figure(of[n], part, n) if n in of else None for n in rows])
                for part, of in found.items()
            }
            for name, found in sums.items()
        }

    def _cka(self, inner, look, name):
        # Of a shorter model, what comes out of a layer is compared with what came out of the same layer before.
        shorter = name != "damaged" and len(look.inner.states) == self.total + 1 != len(inner.states)
        depths = (0, *self.numbers) if shorter else range(len(inner.states))
        return _rounded([linear_cka(now, look.inner.states[d]) for now, d in zip(inner.states, depths, strict=True)])

    def describe(self, entries):
        """The part ``trace`` of results.json: what rows and columns are, of which model what, and the entries."""
        inner = {name: look.inner for name, look in self.looks.items()}
        depths = len(inner["damaged"].states)
        return {
            "examples": len(self.rows),
            "references": list(self.looks),
            "components": self.parts,
            "layers": [EMBEDDINGS, *self.numbers],
            "depths": [0, *self.numbers] if depths == len(self.numbers) + 1 else list(range(depths)),
            "no_attention": inner["damaged"].why,
            "attention_entropy": {name: _rounded(of.entropy) for name, of in inner.items()},
            "entries": entries,
        }


def _rounded(values):
    """A list of floats of `DIGITS` digits, None where there is no value; None of None."""
    if values is None:
        return None
    return [None if v is None or not np.isfinite(v) else float(f"{v:.{DIGITS}g}") for v in values]
