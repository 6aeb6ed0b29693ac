"""Parts of a model by what they do, found in any architecture.

A component is a function of the layer stack that gives its parameters: a list of (path inside the base model,
parameter).
"""

from torch import nn

from ..utils.registry import register, table

COMPONENTS = table("component")


@register("component", "embeddings")
def embeddings(stack):
    """Parameters outside the stack that embed tokens: of `nn.Embedding` modules, or with "emb" in their path."""
    found = []
    for path, module in stack.base.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            full = f"{path}.{name}" if path else name
            if not full.startswith(f"{stack.path}.") and (isinstance(module, nn.Embedding) or "emb" in full.lower()):
                found.append((full, parameter))
    return found


@register("component", "pooler")
def pooler(stack):
    """Parameters of the base model's pooler; an empty list where it has none."""
    return [(name, p) for name, p in stack.base.named_parameters() if name.split(".")[0] == "pooler"]


def role(name, tensor, module):
    """What a parameter is to its module: "bias", "norm" (the weight of a norm), "map", or None if it is none of these.

    Args:
        name: its path.
        tensor: the parameter.
        module: its owner.
    """
    leaf = name.rpartition(".")[2]
    if leaf == "bias" or leaf.endswith("_bias"):
        return "bias"
    if "norm" in type(module).__name__.lower():
        return "norm"
    return "map" if tensor.ndim >= 2 else None
