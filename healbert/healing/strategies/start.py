"""Holding what trains near where it began: the values before healing.

Of what was hit these are the damage's random values, towards which a pull means nothing. So only what is intact is
held, unless ``of=all`` is asked for.
"""

from ...utils.options import Option
from ...utils.registry import register
from ..places import generator_for, head_names, hit_names, hit_paths, linear_maps
from .full import TrainsAll

OF = Option("intact", "what is held: what was not hit, or that too", choices=("intact", "all"))
ADAPTED = "the weights that it would hold are frozen, and an adapter starts from nothing"


class Held(TrainsAll):
    """Remembers the start of what is held; the head, which is new, is not."""

    adapts, sharded = True, False
    contradicts = {"lora": ADAPTED, "dora": ADAPTED}

    def contradiction(self, name, other):
        if name == "damaged_only" and self.settings["of"] == "intact":
            return "nothing that is intact trains; of=all would hold what was hit at the damage's values"
        return super().contradiction(name, other)

    def prepare(self, model, receipt):
        super().prepare(model, receipt)
        self.adapt(model, receipt)

    def held(self, model, receipt):
        """The names of the parameters that are held: those that train, but the head and, unless asked for, the hit."""
        left_out = head_names(model)
        if self.settings["of"] == "intact":
            left_out |= hit_names(model, hit_paths(receipt))
        return {name for name, p in model.named_parameters() if p.requires_grad and name not in left_out}


@register("strategy", "l2_to_start")
class L2ToStart(Held):
    """Adds ``strength / 2 * |w - start|^2`` to the loss (L2-SP; Xuhong Li et al. 2018, arXiv 1802.01483)."""

    says = "All of its parameters were fine-tuned, held near their start by an L2 penalty"
    why_whole = "the penalty is of whole embeddings"
    options = {"strength": Option(0.01, "of the penalty, alpha in L2-SP", least=0), "of": OF}

    def adapt(self, model, receipt):
        held = self.held(model, receipt)
        self.start = [(p, p.detach().clone()) for name, p in model.named_parameters() if name in held]

    def loss(self, trainer, model, inputs, outputs, loss):
        self.start = [(p, start.to(p.device)) for p, start in self.start]  # the trainer may have moved the model
        pulled = [((p - start) ** 2).sum() for p, start in self.start if p.requires_grad]
        return loss + self.settings["strength"] / 2 * sum(pulled)


@register("strategy", "mixout")
class Mixout(Held):
    """In each step of training, a random share of a linear map's weights is put back to its start.

    Lee, Cho and Kang 2020 (arXiv 1909.11299): with m drawn 1 with probability p,
    ``(m * start + (1 - m) * w - p * start) / (1 - p)``, which is w on average. As in their code it stands in for
    dropout and concerns the weights of linear maps, not biases, norms and embeddings.

    The draw of a weight depends on the seed, its path and the step alone: accumulated batches and processes share it.
    """

    says = "All of its parameters were fine-tuned with mixout"
    options = {
        "p": Option(0.7, "share of the weights that is put back in a step", least=0, most=0.99),
        "of": OF,
        "dropout": Option("off", "of the model's dropout layers", choices=("off", "keep")),
    }
    contradicts = Held.contradicts | dict.fromkeys(("norms_only", "bias_only"), "it trains no weight of a linear map")

    def adapt(self, model, receipt):
        held, self.step = self.held(model, receipt), 0
        self.mixed = {path: module for path, module in linear_maps(model).items() if f"{path}.weight" in held}
        for path, module in self.mixed.items():
            _swap_weight(module, _Mix(self, path, module.weight.detach().clone()))
        self.dropout = _dropout_off(model) if self.settings["dropout"] == "off" else []

    def on_step(self, trainer, step):
        self.step = step

    def finish(self, model):
        for module in self.mixed.values():
            _swap_back(module)
        for module, p in self.dropout:
            module.p = p


class _Mix:
    """What a weight is while training."""

    def __init__(self, strategy, path, start):
        self.strategy, self.path, self.start = strategy, path, start

    def __call__(self, weight):
        p, start = self.strategy.settings["p"], self.start.to(weight.device)
        generator = generator_for(weight.device, "mixout", self.strategy.seed, self.path, self.strategy.step)
        back = weight.detach().new_empty(weight.shape).bernoulli_(p, generator=generator).bool()
        return (start.where(back, weight) - p * start) / (1 - p)


def _swap_weight(module, mix):
    # A class of its own, not a function on the object: copies that DataParallel makes then use their own weight.
    plain = type(module)
    module.mix = mix
    module.__class__ = type(f"Mixed{plain.__name__}", (plain,), {"plain": plain, "forward": _mixed_forward})


def _swap_back(module):
    module.__class__ = module.plain
    del module.mix


def _mixed_forward(self, inputs):
    if not self.training:
        return self.plain.forward(self, inputs)
    from torch.nn import Linear
    from torch.nn.functional import linear

    weight = self.mix(self.weight)
    return linear(inputs, weight if isinstance(self, Linear) else weight.T, self.bias)


def _dropout_off(model):
    """Sets every dropout layer to 0: a list of (module, what it was)."""
    from torch import nn

    found = [(module, module.p) for module in model.modules() if isinstance(module, nn.Dropout)]
    for module, _ in found:
        module.p = 0.0
    return found
