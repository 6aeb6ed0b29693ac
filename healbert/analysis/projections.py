"""t-SNE of the features that runs left."""

import numpy as np

from ..utils.errors import UserError

TSNE_EXAMPLES = 400  # points of a panel


class Projections:
    """Reads features.npz and lays its healed features out; what cannot be used is named in ``problems``."""

    def __init__(self, seed):
        self.seed, self.problems, self._found = seed, [], {}

    def of(self, run):
        """(`FeatureFile`, chosen examples, points (examples, 2), "") of a run, or None.

        In place of the last two stand None and why there is no picture, where points are too few for one.
        """
        if run not in self._found:
            self._found[run] = self._project(run)
        return self._found[run]

    def _project(self, run):
        from threadpoolctl import threadpool_limits

        from ..probing.feature_file import FeatureFile
        from ..probing.tsne import check_tsne, embed, why_not

        try:
            file = FeatureFile.read(run.folder / "features.npz")
            if "healed" not in file.stages:
                return None
            chosen = self._choose(len(file.labels))
            perplexity = min(file.perplexity, (len(chosen) - 1) / 3)
            check_tsne(file.labels[chosen], perplexity)
        except UserError as error:
            self.problems.append((run.name, str(error).replace(str(run.folder) + "/", "")))
            return None
        features = file.stages["healed"][chosen]
        if note := why_not(features, file.labels[chosen], perplexity):
            return file, chosen, None, note
        with threadpool_limits(1):  # so few points are laid out sooner by one thread
            return file, chosen, embed(features, perplexity, self.seed), ""

    def _choose(self, examples):
        if examples <= TSNE_EXAMPLES:
            return np.arange(examples)
        # The report's seed, not the run's: runs of one dataset show the same examples, and panels can be compared.
        return np.sort(np.random.default_rng(self.seed).choice(examples, TSNE_EXAMPLES, replace=False))
