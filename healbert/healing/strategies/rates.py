"""Learning rates that differ within the model."""

from ...utils.options import Option
from ...utils.registry import register
from ..places import depths, hit_names, hit_paths
from .full import TrainsAll


@register("strategy", "layerwise_decay")
class LayerwiseDecay(TrainsAll):
    """The rate falls with depth: the head has the whole one, each step down ``decay`` times that (ELECTRA).

    Clark et al. 2020 (arXiv 2003.10555); the exponents are those of their code, see `places.depths`.
    """

    says = "All of its parameters were fine-tuned, at a learning rate that falls with depth"
    options = {"decay": Option(0.8, "the rate of a layer as part of that of the layer above", least=0.01, most=1)}

    def rate_factors(self, model):
        found, top = depths(model)
        return {name: self.settings["decay"] ** (top - depth) for name, depth in found.items()}


@register("strategy", "damaged_rate")
class DamagedRate(TrainsAll):
    """What was hit has another rate than the rest."""

    says = "All of its parameters were fine-tuned, what was damaged at a learning rate of its own"
    options = {"factor": Option(5.0, "the rate of what was hit, in learning rates", least=0)}
    contradicts = {"intact_only": "nothing that was hit trains"}

    def prepare(self, model, receipt):
        super().prepare(model, receipt)
        self.paths = hit_paths(receipt)

    def rate_factors(self, model):
        return dict.fromkeys(hit_names(model, self.paths), self.settings["factor"])
