"""Parts of the model that begin to train later than others."""

import math

from ...utils.options import Option
from ...utils.registry import register
from ..places import depths, head_names, hit_names, hit_paths
from .full import TrainsAll


@register("strategy", "gradual_unfreezing")
class GradualUnfreezing(TrainsAll):
    """The head and what lies above the layers train first; every so many steps a layer joins, the embeddings last.

    From the top, as Howard and Ruder (2018, arXiv 1801.06146) do it with a layer an epoch. From the damaged: the layers
    that were hit first (embeddings too), the upper ones before the lower, then the others by how near they are to one.
    """

    says = "All of its parameters were fine-tuned in the end, a layer more at a time"
    sharded = False
    options = {
        "from": Option("top", "which layer is first", choices=("top", "damaged")),
        "every": Option(100, "steps of the optimizer from one layer to the next", least=1),
    }

    def contradiction(self, name, other):
        if name == "intact_only" and self.settings["from"] == "damaged":
            return "from=damaged begins with what does not train"
        return super().contradiction(name, other)

    def prepare(self, model, receipt):
        super().prepare(model, receipt)
        self.paths = hit_paths(receipt)

    def opens(self, model, steps):
        found, top = depths(model)
        hit = {found[name] for name in hit_names(model, self.paths)} if self.settings["from"] == "damaged" else set()
        layers = range(0 if 0 in hit else 1, top - 1)
        turn = {depth: place for place, depth in enumerate(_order(layers, hit), 1)}
        turn = {0: len(turn) + 1} | turn | {top - 1: 0, top: 0}
        return {name: turn[depth] * self.settings["every"] for name, depth in found.items()}


def _order(layers, hit):
    """Depths of layers in the order in which they join: by distance to those that were hit, the upper ones first."""
    hit = [depth for depth in layers if depth in hit] or [max(layers)]
    return sorted(layers, key=lambda depth: (min(abs(depth - other) for other in hit), -depth))


@register("strategy", "two_phase")
class TwoPhase(TrainsAll):
    """What was hit and the head train alone for a share of the steps, then everything does."""

    says = "What was damaged and its head were fine-tuned first, then all of its parameters"
    sharded = False
    options = {"share": Option(0.3, "part of all steps in which the damaged parts train alone", least=0, most=1)}
    contradicts = {
        "damaged_only": "its second phase would train nothing more",
        "intact_only": "its first phase would train the head alone",
        "gradual_unfreezing": "both say when a layer begins to train",
    }

    def prepare(self, model, receipt):
        super().prepare(model, receipt)
        self.paths = hit_paths(receipt)

    def opens(self, model, steps):
        first = hit_names(model, self.paths) | head_names(model)
        start = math.floor(self.settings["share"] * steps + 0.5)
        return {name: 0 if name in first else start for name, _ in model.named_parameters()}
