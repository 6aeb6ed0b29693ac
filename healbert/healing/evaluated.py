"""What each evaluation of a training gave, kept in its checkpoint: the chosen one is not evaluated once more."""

import json
import pathlib

import numpy as np
from transformers.trainer_utils import PredictionOutput

FILE = "evaluation.safetensors"  # in a checkpoint: tensors "<split> predictions" and "<split> labels"


class LastEvaluation:
    """The outputs of the last evaluated step, by what was evaluated; what is no single array of numbers is not kept."""

    def __init__(self):
        self._step, self._tensors, self._metrics = None, {}, {}

    def keep(self, split, step, output):
        """Notes an `EvalLoopOutput` of a split after a step; its metrics begin with the name of the split."""
        if step != self._step:
            self._step, self._tensors, self._metrics = step, {}, {}
        arrays = {"predictions": output.predictions, "labels": output.label_ids}
        if all(isinstance(array, np.ndarray) and array.dtype.kind in "fiu" for array in arrays.values()):
            # A copy: safetensors writes memory as it lies, which is another order after a transposition.
            self._tensors |= {f"{split} {name}": np.ascontiguousarray(array) for name, array in arrays.items()}
            numbers = {name: value for name, value in output.metrics.items() if isinstance(value, (int, float))}
            self._metrics[split] = json.dumps(numbers)

    def write(self, folder, step):
        """Writes what is kept of a step, if anything, into the folder of its checkpoint."""
        from safetensors.numpy import save_file

        if self._tensors and step == self._step:
            save_file(self._tensors, pathlib.Path(folder) / FILE, metadata=self._metrics)


def evaluation_in(checkpoint, split):
    """What the evaluation of a checkpoint gave on a split.

    Args:
        checkpoint: its folder, or None.
        split: "eval", or "scored".

    Returns:
        PredictionOutput: predictions and labels in the order of the dataset; None where the checkpoint holds none.
    """
    from safetensors import safe_open

    path = checkpoint and pathlib.Path(checkpoint) / FILE
    if not path or not path.is_file():
        return None
    with safe_open(path, framework="numpy") as file:
        metrics = (file.metadata() or {}).get(split)
        if metrics is None:
            return None
        arrays = [file.get_tensor(f"{split} {name}") for name in ("predictions", "labels")]
    return PredictionOutput(*arrays, json.loads(metrics))
