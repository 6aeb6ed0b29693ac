"""The fast paths of a run: which are used, and why the others are not."""

from . import ALL
from .clipping import FoldedClipping
from .dropout import FastDropout
from .packed import PaddingFree
from .vocabulary import OccurringRows

# In the order in which they start: packing keeps the way to attend that dropout has set.
PATHS = {"dropout": FastDropout, "packed": PaddingFree, "vocabulary": OccurringRows, "clipping": FoldedClipping}


class FastPaths:
    """Those of a run: which are asked for, which are used, and why the others are not.

    Args:
        names: as of `fast_path_names`.
        scene: a `Scene`.
    """

    def __init__(self, names, scene):
        asked = PATHS if names == ALL else names.split(",")
        self.scene, self.left_out, self.used = scene, {}, {}
        for name in (name for name in PATHS if name in asked):
            path = PATHS[name]()
            why = "features are fixed" if scene.trainer.strategy.fixed_features else path.why_not(scene)
            if why:
                self.left_out[name] = why
            else:
                self.used[name] = path
        self.started = []
        self._start(while_training=False)

    def begin_training(self):
        """Called before the model trains on the task."""
        self._start(while_training=True)

    def end_training(self):
        """Called after that, when the chosen epoch's weights are loaded."""
        for path in [path for path in self.started if path.while_training]:
            self._stop(path)

    def end(self):
        """Called when all is measured, before the model is saved."""
        for path in reversed(self.started):
            self._stop(path)

    def describe(self):
        """What results.json says of them: a dict."""
        return {"used": sorted(self.used), "not_used": self.left_out}

    def _start(self, while_training):
        for path in self.used.values():
            if path.while_training == while_training:
                path.start(self.scene)
                self.started.append(path)

    def _stop(self, path):
        path.stop()
        self.started = [other for other in self.started if other is not path]
