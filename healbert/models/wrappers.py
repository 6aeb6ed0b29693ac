"""What wraps a model or a part of it (PEFT, DataParallel, torch.compile), and the model's own parameters underneath."""

import dataclasses

from torch import nn

from ..utils.errors import UserError

# Under each of these names a wrapper holds what it wraps; anything else that it holds is its own.
WRAPPED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "module", "base_layer", "original_module")
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a parameter stands in a model.

    Args:
        path: its path as the model alone has it, without what wraps the model or its parts.
        parameter: the parameter.
        chain: the modules on the way to it, the outermost first; the last one owns it.
    """

    path: str
    parameter: nn.Parameter
    chain: tuple

    @property
    def owner(self):
        """The module that holds the parameter."""
        return self.chain[-1]

    @property
    def leaf(self):
        """The parameter's name in its owner."""
        return self.path.rpartition(".")[2]


def unwrap(model):
    """The transformers model inside of `torch.compile`, DataParallel, DistributedDataParallel and PEFT."""
    while True:
        if hasattr(model, "get_base_model"):  # PEFT; its adapters stay in the modules of the model inside
            model = model.get_base_model()
        elif _is_wrapper(model):
            model = _wrapped(model)
        else:
            return model


def base_of(model):
    """The transformers model without its task head and without what wraps it."""
    inner = unwrap(model)
    return getattr(inner, "base_model", inner)


def places(module, path="", chain=()):
    """The model's own parameters below ``module``: a list of `Place`, shared ones at each place where they stand.

    Adapters that PEFT put in are not the model's own and are left out.

    Args:
        module: where to begin.
        path: its path, which those of the parameters begin with.
        chain: the modules above it.

    Raises:
        UserError: if PEFT trains a copy in the place of a module, so that damage to the module would do nothing.
    """
    if _is_wrapper(module):
        _refuse_copies(module, path)
        return places(_wrapped(module), path, chain)
    start, chain = f"{path}." if path else "", (*chain, module)
    found = [Place(start + name, p, chain) for name, p in module._parameters.items() if p is not None]
    for name, child in module._modules.items():
        if child is not None:
            found += places(child, start + name, chain)
    return found


def modules_by_path(module, path=""):
    """A model's own modules by their paths without wrappers, in the order of `nn.Module.named_modules`."""
    if _is_wrapper(module):
        return modules_by_path(_wrapped(module), path)
    found = {path: module}
    for name, child in module._modules.items():
        if child is not None:
            found |= modules_by_path(child, f"{path}.{name}" if path else name)
    return found


def _is_wrapper(module):
    return _wrapped(module) is not None and (
        isinstance(module, WRAPPERS)
        or "_orig_mod" in module._modules
        or type(module).__module__.startswith(("peft.", "torch.distributed."))
    )


def _wrapped(module):
    return next((module._modules[name] for name in WRAPPED if name in module._modules), None)


def _refuse_copies(module, path):
    if module._modules.get("modules_to_save"):
        raise UserError(
            f"{path} stands in for a copy that its adapter trains (modules_to_save), so that damage to it would have "
            "no effect; damage the model before the adapter is added"
        )


def outside_base(model):
    """The parameters of a model that are not its base model's, which is its head: a list of (name, parameter).

    None are of a model that is its own base.
    """
    inside = {id(parameter) for parameter in getattr(model, "base_model", model).parameters()}
    return [(name, parameter) for name, parameter in model.named_parameters() if id(parameter) not in inside]
