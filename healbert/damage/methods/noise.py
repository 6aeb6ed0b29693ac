"""Noise on top of the values that are there, and values made larger, smaller or constant."""

import torch

from ...utils.options import Option
from ...utils.registry import register

ALL = {"norms": "method", "biases": "method", "others": "method"}
RELATIVE = Option(True, "whether in units of each tensor's own standard deviation")


def _unit(original, relative):
    return original.std(correction=0).item() if relative else 1.0


@register(
    "method",
    "gaussian_noise",
    options={"std": Option(0.1, "standard deviation of the noise", least=0), "relative": RELATIVE},
    strength="std",
    **ALL,
)
def gaussian_noise(original, module, generator, std, relative):
    """Adds normal noise with mean 0."""
    noise = torch.empty_like(original).normal_(0, 1, generator=generator)
    return original.add_(noise, alpha=std * _unit(original, relative))


@register(
    "method",
    "uniform_noise",
    options={"width": Option(0.1, "largest noise, to either side", least=0), "relative": RELATIVE},
    strength="width",
    **ALL,
)
def uniform_noise(original, module, generator, width, relative):
    """Adds noise that is uniform on (-width, width)."""
    noise = torch.empty_like(original).uniform_(-1, 1, generator=generator)
    return original.add_(noise, alpha=width * _unit(original, relative))


@register("method", "zero")
def zero(original, module, generator):
    """Every weight becomes 0."""
    return torch.zeros_like(original)


@register("method", "constant", options={"value": Option(0.01, "the value")})
def constant(original, module, generator, value):
    """Every weight becomes one value."""
    return torch.full_like(original, value)


@register(
    "method",
    "scale",
    options={"factor": Option(0.5, "what values are multiplied by")},
    strength="factor",
    mildest=1.0,
    **ALL,
)
def scale(original, module, generator, factor):
    """Every value is multiplied by a factor."""
    return original.mul_(factor)


@register(
    "method",
    "sign_flip",
    options={"share": Option(1.0, "share of the values, each drawn alone", least=0, most=1)},
    strength="share",
    **ALL,
)
def sign_flip(original, module, generator, share):
    """Values change their sign, each with the probability ``share``."""
    chosen = torch.rand(original.shape, generator=generator) < share
    return torch.where(chosen, -original, original)
