"""What a model is made of, and what a damage would hit: by names and shapes alone."""

from ..utils.errors import UserError
from .components import COMPONENTS
from .hits import as_hit
from .series import select_all


def overview(model, spec):
    """What `healbert layers` shows.

    Args:
        model: which may be on the meta device.
        spec: a `CorruptionSpec`, or a list.

    Returns:
        dict: ``stack``, its path; ``layers``, an entry for each with its parameters; ``components``, what each has in
        the layers, or why that cannot be told; ``outside``, what lies in no layer; ``hit``, what ``spec`` would hit.
    """
    stack, hit, _ = select_all(model, spec)
    return {
        "stack": stack.path,
        "repeats": stack.repeats,
        "layers": [_layer(stack, index) for index in range(len(stack.layers))],
        "components": {name: _component(stack, name) for name in COMPONENTS},
        "outside": _outside(stack),
        "hit": _hit(stack, list(hit.values())),
    }


def _layer(stack, index):
    parameters = stack.layer_parameters(index)
    return {"layer": index, "parameters": sum(p.numel() for _, p in parameters), "names": [n for n, _ in parameters]}


def _component(stack, name):
    try:
        found = [as_hit(found) for found in COMPONENTS[name](stack)]
    except UserError as error:
        return {"parameters": None, "names": [], "error": str(error)}
    return {"parameters": sum(hit.count for hit in found), "names": [hit.name for hit in found]}


def _outside(stack):
    found = [(n, p) for n, p in stack.base.named_parameters() if stack.layer_of(n) is None]
    return {"parameters": sum(p.numel() for _, p in found), "names": [name for name, _ in found]}


def _hit(stack, hit):
    encoder = {id(p): p.numel() for _, p in stack.parameters()}
    total = sum(p.numel() for p in stack.base.parameters())
    count = sum(one.count for one in hit)
    return {
        "names": [one.name for one in hit],
        "parameters": count,
        "fraction_of_encoder": sum(one.count for one in hit if id(one.parameter) in encoder) / sum(encoder.values()),
        "fraction_of_model": count / total,
    }
