"""Parts of a model by what they do: embeddings, pooler."""

from torch import nn


def embedding_parameters(stack):
    """Parameters outside the stack that embed tokens: of `nn.Embedding` modules, or with "emb" in their path."""
    found = []
    for path, module in stack.base.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            full = f"{path}.{name}" if path else name
            if not full.startswith(f"{stack.path}.") and (isinstance(module, nn.Embedding) or "emb" in full.lower()):
                found.append((full, parameter))
    return found


def pooler_parameters(stack):
    """Parameters of the base model's pooler; an empty list where it has none."""
    return [(name, p) for name, p in stack.base.named_parameters() if name.split(".")[0] == "pooler"]
