"""Training a part of the model and leaving the rest as the damage left it. The head always trains."""

from ...utils.errors import UserError
from ...utils.registry import register
from ..places import head_names, hit_names, hit_paths
from .base import Strategy


class Only(Strategy):
    """The head trains, and what `chosen` names."""

    def chosen(self, model, receipt):
        """The names of the parameters of the encoder that train: a set."""
        raise NotImplementedError

    def prepare(self, model, receipt):
        trains = self.chosen(model, receipt) | head_names(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in trains)


@register("strategy", "damaged_only")
class DamagedOnly(Only):
    """What was hit; of a model without damage, the head alone."""

    says, by_damage = "Only what was damaged and its head were fine-tuned", True

    def chosen(self, model, receipt):
        return hit_names(model, hit_paths(receipt))


@register("strategy", "intact_only")
class IntactOnly(Only):
    """What was not hit."""

    says, by_damage = "Only what was not damaged and its head were fine-tuned", True
    contradicts = {"damaged_only": "one trains what was hit, the other all but that"}

    def chosen(self, model, receipt):
        return {name for name, _ in model.named_parameters()} - hit_names(model, hit_paths(receipt))


class OfRole(Only):
    """What plays one role to its module, wherever in the encoder it is."""

    def plays(self, leaf, module):
        """Whether the parameter that a module calls ``leaf`` trains."""
        raise NotImplementedError

    def chosen(self, model, receipt):
        found = {
            f"{path}.{leaf}" if path else leaf
            for path, module in model.named_modules()
            for leaf, _ in module.named_parameters(recurse=False)
            if self.plays(leaf, module)
        } - head_names(model)
        if not found:
            raise UserError(
                f"--healing {self.called} has nothing to train: {type(model).__name__} has none in its encoder"
            )
        return found


@register("strategy", "norms_only")
class NormsOnly(OfRole):
    """Weights and biases of all norms (Frankle et al. 2021, arXiv 2003.00152, train those of batch norms alone)."""

    says = "Only its norms and its head were fine-tuned"

    def plays(self, leaf, module):
        from ...damage.norms import named_norm

        return named_norm(module)


@register("strategy", "bias_only")
class BiasOnly(OfRole):
    """All biases, those of norms among them (BitFit; Ben Zaken et al. 2022, arXiv 2106.10199)."""

    says = "Only its biases and its head were fine-tuned (BitFit)"

    def plays(self, leaf, module):
        from ...damage.rules import is_bias

        return is_bias(leaf)
