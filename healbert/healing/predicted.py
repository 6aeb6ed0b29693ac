"""What every evaluation of a training predicted, kept with its checkpoints, so that an interruption loses nothing."""

import pathlib

import numpy as np

FILE = "predicted_classes.safetensors"  # in a checkpoint: a tensor (examples, ...) for each "<split> <step>"


class PredictedClasses:
    """What each evaluation so far predicted (classes, figures, sets of labels), by what was evaluated and the step.

    Args:
        predictions: function from a model's outputs to what it predicts, as `TaskType.predictions`; None keeps nothing.
            What is no array of numbers is not kept.
    """

    def __init__(self, predictions=None):
        self.predictions, self._kept = predictions, {}

    def keep(self, split, step, outputs):
        """Notes what ``outputs`` of a model on a split, after a step, predict."""
        found = np.asarray(self.predictions(outputs)) if self.predictions else np.array("")
        if found.dtype.kind in "iuf":
            kind = np.float32 if found.dtype.kind == "f" else np.int32
            self._kept[f"{split} {step}"] = np.ascontiguousarray(found, kind)

    def of(self, split):
        """{step: predictions (examples, ...)} of a split, steps ascending."""
        named = {name.partition(" ")[2]: found for name, found in self._kept.items() if name.startswith(f"{split} ")}
        return {int(step): named[step] for step in sorted(named, key=int)}

    def write(self, folder):
        """Writes all that is kept into the folder of a checkpoint."""
        from safetensors.numpy import save_file

        if self._kept:
            save_file(self._kept, pathlib.Path(folder) / FILE)

    def read(self, folder):
        """Takes up what a checkpoint holds; one of an earlier version holds nothing."""
        from safetensors.numpy import load_file

        path = pathlib.Path(folder) / FILE
        self._kept = load_file(path) if path.is_file() else {}
