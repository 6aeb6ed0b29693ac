"""t-SNE of the features that runs left."""

import dataclasses
import functools

import numpy as np

from ..utils.errors import UserError

TSNE_EXAMPLES = 400  # points of a panel


@dataclasses.dataclass
class Projection:
    """A run's healed features, laid out.

    ``points`` (examples, 2) are those of ``ids`` and ``labels`` (examples,), which ``names`` has the names of. Without
    points, ``note`` says why. ``score`` is the healed model's, in ``metric``.
    """

    metric: str
    score: float
    names: list
    ids: np.ndarray
    labels: np.ndarray
    points: np.ndarray
    note: str = ""


class Projections:
    """Has the features of runs laid out; what cannot be used is named in ``problems``."""

    def __init__(self, seed):
        self.seed, self.problems, self._begun, self._found = seed, [], {}, {}

    def begin(self, run, submit=functools.partial):
        """Has a run laid out that will be asked for: ``submit(function, *given)`` gives a function of the result."""
        if run not in self._begun:
            self._begun[run] = submit(project, run.folder, self.seed)

    def of(self, run):
        """The `Projection` of a run, or None."""
        self.begin(run)
        if run not in self._found:
            try:
                self._found[run] = self._begun[run]()
            except UserError as error:
                self._found[run] = None
                self.problems.append((run.name, str(error).replace(str(run.folder) + "/", "")))
        return self._found[run]


def project(folder, seed):
    """The `Projection` of a run's features.npz; None without healed features.

    Raises:
        UserError: if the file cannot be read or laid out.
    """
    from threadpoolctl import threadpool_limits

    from ..probing.feature_file import FeatureFile
    from ..probing.tsne import check_tsne, embed, why_not

    file = FeatureFile.read(folder / "features.npz")
    if "healed" not in file.stages:
        return None
    chosen = _choose(len(file.labels), seed)
    perplexity = min(file.perplexity, (len(chosen) - 1) / 3)
    check_tsne(file.labels[chosen], perplexity)
    features, labels = file.stages["healed"][chosen], file.labels[chosen]
    names = list(map(str, file.label_names))
    if note := why_not(features, labels, perplexity):
        return Projection(file.metric, file.scores["healed"], names, file.ids[:0], labels[:0], np.zeros((0, 2)), note)
    with threadpool_limits(1):  # so few points are laid out sooner by one thread
        points = embed(features, perplexity, seed)
    return Projection(file.metric, file.scores["healed"], names, file.ids[chosen], labels, points)


def _choose(examples, seed):
    if examples <= TSNE_EXAMPLES:
        return np.arange(examples)
    # The report's seed, not the run's: runs of one dataset show the same examples, and panels can be compared.
    return np.sort(np.random.default_rng(seed).choice(examples, TSNE_EXAMPLES, replace=False))
