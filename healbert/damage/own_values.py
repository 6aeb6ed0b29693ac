"""What an architecture itself gives a parameter at first: for scales, decay rates, sinks and tables inside layers."""

import copy
import inspect

import torch
from torch import nn
from transformers import PreTrainedModel, activations

# What `_init_weights` raises where it meets a module that is not as it expects.
INIT_ERRORS = (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError)


def own_values(place, seed):
    """The initial values that the parameter's architecture gives it, or None where it gives none.

    Calls ``_init_weights`` of the model that the parameter lies in, on a copy of its layer in which all else is
    empty: modules from the parameter's owner outwards, as transformers does. In a loaded model that call would do
    nothing, because what was loaded carries a mark.

    Args:
        place: the `Place` of the parameter.
        seed: an int, for values that are drawn.

    Returns:
        tensor in float32 on the CPU, of the parameter's shape; not a number in any entry is none.
    """
    inner = next((i for i in reversed(range(len(place.chain))) if isinstance(place.chain[i], PreTrainedModel)), None)
    if inner is None:
        return None
    chain = _from_layer(place.chain[inner + 1 :])
    if type(place.owner).__module__ == activations.__name__:  # _init_weights leaves these out
        return _of_activation(type(place.owner), place.leaf)
    return _initialised(place.chain[inner], chain, place, seed) if chain else None


def _of_activation(kind, leaf):
    """The value that an activation with parameters is built with: models give it no arguments but its type."""
    typed = {"dtype": torch.float32} if "dtype" in inspect.signature(kind).parameters else {}
    return kind(**typed)._parameters[leaf].detach().float()


def _from_layer(chain):
    first = next((i for i, module in enumerate(chain) if isinstance(module, nn.ModuleList)), -1)
    return chain[first + 1 :]


def _initialised(model, chain, place, seed):
    parameter = nn.Parameter(torch.full(place.parameter.shape, torch.nan, device="cpu"), requires_grad=False)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in _copies(chain, place, parameter)[::-1]:
            try:
                model._init_weights(module)
            except INIT_ERRORS:
                continue  # a module around the owner that takes more than the copy holds
    return parameter.detach() if parameter.isfinite().all() else None


def _copies(chain, place, parameter):
    """Copies of the modules on the way to a parameter, joined as they are.

    Every parameter is empty, those that lie beside the one in question excepted: what it is may go by their type.
    """
    outer = chain[0]
    known = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), requires_grad=False) for p in outer.parameters()}
    beside = [p for p in place.owner._parameters.values() if p is not None]
    known |= {id(p): nn.Parameter(torch.zeros(p.shape, device="cpu"), requires_grad=False) for p in beside}
    known[id(place.parameter)] = parameter
    copy.deepcopy(outer, known)  # which notes in ``known`` what each module became
    return [known[id(module)] for module in chain]
