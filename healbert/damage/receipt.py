"""The receipt: proof of what the damage did."""

import dataclasses
import hashlib

import torch
import xxhash

from .spec import CorruptionSpec


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


def flat(tensor):
    """A copy of a tensor on the CPU, as a vector of the same type."""
    return tensor.detach().to("cpu", copy=True).flatten()


def compare(before, parameter):
    """The entry of one touched tensor: ``before`` is its `flat` copy, ``parameter`` holds the new values."""
    after = flat(parameter)
    x, y = before.float(), after.float()
    norms = x.norm().item(), y.norm().item()
    # Standard deviations without Bessel's correction: they describe these values, and one value has one, too.
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


def quick_digest(tensor):
    """A fast hash of a tensor's bytes, to tell whether they changed; None on the meta device."""
    if tensor.is_meta:
        return None
    values = tensor.detach().cpu().contiguous().flatten()
    return xxhash.xxh3_128_digest(_bytes(values)) if values.numel() else b""


def summarise(model, stack, hit, untouched):
    """The receipt's totals: ``hit`` as of `select_tensors`, ``untouched`` the number of other tensors."""
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
        "untouched_tensors": untouched,
        "untouched_bit_identical": True,
    }


def versions():
    """The versions of the libraries that the values depend on."""
    import transformers

    return {"torch": torch.__version__, "transformers": transformers.__version__}
