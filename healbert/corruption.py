"""Controlled damage to a pretrained transformer, and a receipt that proves it."""

import concurrent.futures
import dataclasses
import hashlib
import warnings

import torch
import xxhash
from torch import nn
from transformers.pytorch_utils import Conv1D

from .errors import UserError, check_choice
from .layers import embedding_parameters, find_layers, layers_hit, pooler_parameters

REGIONS = ("bottom", "top")
UNITS = ("layer", "parameter")


def kaiming_uniform(values, module, generator):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    mode = "fan_out" if isinstance(module, Conv1D) else "fan_in"  # Conv1D stores (in, out)
    nn.init.kaiming_uniform_(values, a=0, mode=mode, generator=generator)


# name -> function(values, module, generator) that fills a float32 CPU tensor of two or more dimensions.
METHODS = {"kaiming_uniform": kaiming_uniform}


@dataclasses.dataclass(frozen=True)
class CorruptionSpec:
    """What to damage: a fraction of the encoder, where, how, and the seed of the draw.

    Args:
        level: fraction of the encoder, 0 to 1.
        region: "bottom" (nearest the embeddings) or "top".
        unit: "layer" (whole layers, ``level * num_layers`` rounded half up) or "parameter" (tensors in depth
            order until their share of the encoder's scalars comes as near ``level`` as whole tensors allow).
        method: a name in `METHODS`, for weights; norm weights become 1 and biases 0 (paper, section 3).
        seed: seed of the random values.
        embeddings, pooler: whether these are damaged too (at any level above 0).

    Raises:
        UserError: if a field is out of range.
    """

    level: float = 0.0
    region: str = "bottom"
    unit: str = "layer"
    method: str = "kaiming_uniform"
    seed: int = 0
    embeddings: bool = False
    pooler: bool = False

    def __post_init__(self):
        if not isinstance(self.level, (int, float)) or not isinstance(self.seed, int):
            raise UserError(f"corruption level {self.level!r} or seed {self.seed!r} is not a number")
        if not 0 <= self.level <= 1:
            hint = f"; did you mean {self.level / 100:g}?" if 2 <= self.level <= 100 else ""
            raise UserError(f"corruption level {self.level:g} is not a fraction from 0 to 1{hint}")
        check_choice("corruption region", self.region, REGIONS)
        check_choice("corruption unit", self.unit, UNITS)
        check_choice("corruption method", self.method, METHODS)
        if self.seed < 0:
            raise UserError(f"corruption seed {self.seed} is negative; use 0 or more")


@dataclasses.dataclass
class CorruptionReceipt:
    """Proof of what `corrupt` did.

    ``summary`` holds totals; ``tensors`` one entry per touched tensor: name (path inside the base model), shape,
    count, mean and standard deviation before and after, relative L2 distance (``|after - before| / |before|``),
    cosine to what it was, and the SHA-256 of its bytes before and after.
    """

    spec: CorruptionSpec
    summary: dict
    tensors: list
    versions: dict

    def to_dict(self):
        return dataclasses.asdict(self)


def corrupt(model, spec):
    """Damages ``model`` in place and returns the receipt.

    Args:
        model: any transformers model with a recognisable stack of layers, with or without a task head, on any
            device, in any floating-point type.
        spec: a `CorruptionSpec`.

    Returns:
        CorruptionReceipt: the touched tensors and totals; every other tensor was checked to be bit-identical.

    Raises:
        UserError: if the layer stack is not found, or its layers share parameters so that ``spec.level`` would
            hit another share than it says, or the weights are not on this machine (meta device, ZeRO-3).
    """
    stack = find_layers(model)
    hit = select_tensors(stack, spec)
    owners = {name: stack.base.get_submodule(name.rpartition(".")[0]) for name, _ in hit}
    _require_values(hit, owners)
    touched = {id(p) for _, p in hit}
    others = [(n, t) for n, t in _named_tensors(model) if id(t) not in touched]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # hashing and tensor arithmetic release the GIL
        others_before = list(pool.map(lambda pair: _quick_digest(pair[1]), others))
        tensors = list(pool.map(lambda pair: _replace(*pair, owners[pair[0]], spec), hit))
        others_after = list(pool.map(lambda pair: _quick_digest(pair[1]), others))
    changed = [name for (name, _), a, b in zip(others, others_before, others_after, strict=True) if a != b]
    if changed:
        raise RuntimeError(f"tensors outside the damage changed: {', '.join(changed)}")
    summary = _summary(model, stack, spec, hit, len(others))
    return CorruptionReceipt(spec, summary, tensors, _versions())


def select_tensors(stack, spec):
    """The tensors that ``spec`` hits: a list of (path inside the base model, parameter), in depth order."""
    if spec.level == 0:
        return []
    chosen = _select_layers(stack, spec) if spec.unit == "layer" else _select_fraction(stack.parameters(), spec)
    if spec.embeddings:
        chosen = embedding_parameters(stack) + chosen
    if spec.pooler:
        chosen = chosen + pooler_parameters(stack)
    return chosen


def _select_layers(stack, spec):
    total, count = len(stack.layers), layers_hit(spec.level, stack)
    effective = count / total
    if stack.repeats > 1 and effective != spec.level:
        raise UserError(
            f"level {spec.level:g} cannot be applied: the model applies {total} group(s) of layers that share their "
            f"parameters {stack.repeats} times each; use level 0 or 1, or --corrupt_unit parameter"
        )
    if effective != spec.level:
        warnings.warn(
            f"level {spec.level:g} of {total} layers is not a whole number: {count} layers are damaged, "
            f"an effective level of {effective:.4g}",
            stacklevel=4,
        )
    indices = range(count) if spec.region == "bottom" else range(total - count, total)
    return [pair for index in indices for pair in stack.layer_parameters(index)]


def _select_fraction(parameters, spec):
    ordered = parameters if spec.region == "bottom" else parameters[::-1]
    target = spec.level * sum(p.numel() for _, p in parameters)
    best, hit, distance = 0, 0, target
    for position, (_, parameter) in enumerate(ordered, start=1):
        hit += parameter.numel()
        if abs(hit - target) <= distance:
            best, distance = position, abs(hit - target)
    return ordered[:best] if spec.region == "bottom" else ordered[:best][::-1]


def _require_values(hit, owners):
    for name, parameter in hit:
        _rule(name, parameter, owners[name])
        if parameter.is_meta or parameter.numel() == 0:
            raise UserError(
                f"{name} holds no values in this process (meta device or ZeRO-3 partition); "
                "damage the model before it is sharded"
            )


def _named_tensors(model):
    return [*model.named_parameters(), *model.named_buffers()]


@torch.no_grad()
def _replace(name, parameter, module, spec):
    before = _flat(parameter)
    values = torch.empty(parameter.shape, dtype=torch.float32)
    _fill(name, values, module, spec)
    parameter.copy_(values)
    return {"name": name, "shape": list(parameter.shape), "count": parameter.numel(), **_compare(before, parameter)}


def _fill(name, values, module, spec):
    rule = _rule(name, values, module)
    if rule == "method":
        METHODS[spec.method](values, module, _generator(spec.seed, name))
    else:
        values.fill_(rule)


def _rule(name, tensor, module):
    leaf = name.rpartition(".")[2]
    if leaf == "bias" or leaf.endswith("_bias"):
        return 0.0
    if "norm" in type(module).__name__.lower():
        return 1.0
    if tensor.ndim >= 2:
        return "method"
    raise UserError(f"no rule for {name}, a vector that is neither a bias nor the weight of a norm layer")


def _generator(seed, name):
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _flat(tensor):
    return tensor.detach().to("cpu", copy=True).flatten()


def _compare(before, parameter):
    after = _flat(parameter)
    x, y = before.float(), after.float()
    norms = x.norm().item(), y.norm().item()
    return {
        "mean_before": x.mean().item(),
        "mean_after": y.mean().item(),
        "std_before": x.std(correction=0).item(),
        "std_after": y.std(correction=0).item(),
        "relative_l2": (y - x).norm().item() / norms[0] if norms[0] else None,
        "cosine": torch.dot(x, y).item() / (norms[0] * norms[1]) if all(norms) else None,
        "sha256_before": hashlib.sha256(_bytes(before)).hexdigest(),
        "sha256_after": hashlib.sha256(_bytes(after)).hexdigest(),
    }


def _bytes(tensor):
    return tensor.contiguous().view(torch.uint8).numpy()


def _quick_digest(tensor):
    if tensor.is_meta:
        return None
    flat = tensor.detach().cpu().contiguous().flatten()
    return xxhash.xxh3_128_digest(_bytes(flat)) if flat.numel() else b""


def _summary(model, stack, spec, hit, untouched):
    encoder = {id(p): p.numel() for _, p in stack.parameters()}
    scalars = sum(p.numel() for _, p in hit)
    in_encoder = sum(p.numel() for _, p in hit if id(p) in encoder)
    touched = {id(p) for _, p in hit}
    layers = [i for i in range(len(stack.layers)) if any(id(p) in touched for _, p in stack.layer_parameters(i))]
    return {
        "layers_hit": layers,
        "num_layers": len(stack.layers),
        "layer_repeats": stack.repeats,
        "layer_stack": stack.path,
        "tensors": len(hit),
        "scalars": scalars,
        "fraction_of_encoder": in_encoder / sum(encoder.values()),
        "fraction_of_model": scalars / sum(p.numel() for p in model.parameters()),
        "requested_level": spec.level,
        "untouched_tensors": untouched,
        "untouched_bit_identical": True,
    }


def _versions():
    import transformers

    return {"torch": torch.__version__, "transformers": transformers.__version__}
