"""The receipt: proof of what the damage did."""

import dataclasses
import hashlib
import math

import torch
import xxhash

from ..models.wrappers import base_of, places
from ..utils.errors import UserError
from .distances import distance_of
from .spec import CorruptionSpec


@dataclasses.dataclass
class CorruptionReceipt:
    """Proof of what `corrupt` did.

    ``summary`` holds totals; ``tensors`` one entry per touched tensor: name (path inside the base model, and which of
    its outputs if not all), shape, count, the rule that it came under, mean, standard deviation and norm before and
    after, relative L2 distance (``|after - before| / |before|``), cosine to what it was, and the SHA-256 of its bytes
    before and after; ``not_finite``, how many values are NaN or infinite after it, where there are any. What cannot be
    given as a number is None. Of several damages in a row ``spec`` is a list, there is one entry for all that hit a
    tensor, from before the first to after the last, and ``damages`` says which of them did, counted from 0.
    """

    spec: CorruptionSpec | list
    summary: dict
    tensors: list
    versions: dict
    kept: list | None = dataclasses.field(default=None, repr=False)  # of (Hit, its values before)

    def asked(self):
        """What was asked for: the fields of the spec; of several damages in a row ``corruptions``, a list of these."""
        if isinstance(self.spec, list):
            return {"corruptions": [dataclasses.asdict(spec) for spec in self.spec]}
        return dataclasses.asdict(self.spec)

    def to_dict(self):
        """What ``corruption.json`` holds."""
        return {
            "spec": self.asked(),
            "summary": self.summary,
            "tensors": self.tensors,
            "versions": self.versions,
        }

    def undo(self, model):
        """Brings back, bit for bit, what the damage replaced.

        Args:
            model: the model that was damaged, or a copy of it.

        Raises:
            UserError: if the receipt kept nothing (``undoable=False``, or layers were taken out), or a tensor of this
                shape and type is not in ``model``.
        """
        if self.kept is None:
            if any(entry["rule"] == "dropped" for entry in self.tensors):
                raise UserError("layers that were taken out cannot be brought back; load the model again")
            raise UserError("this receipt keeps nothing to bring back; damage the model with undoable=True")
        found = {place.path: place.parameter for place in places(base_of(model))}
        hits = [(dataclasses.replace(hit, parameter=found.get(hit.path)), before) for hit, before in self.kept]
        for hit, before in hits:
            if hit.parameter is None or hit.parameter.dtype != before.dtype or hit.shape != list(before.shape):
                raise UserError(f"{hit.name} is not in this model as it was damaged; undo the damage in that model")
        for hit, before in hits:
            hit.write(before)


def compare(before, after):
    """What the entry of one touched tensor says of its values; both are on the CPU, of one shape and type."""
    x, y = before.float().flatten(), after.float().flatten()
    norms = x.norm().item(), y.norm().item()
    # A norm takes a thirtieth of the time of looking at each value; one that is a number proves that all of them are.
    not_finite = 0 if math.isfinite(norms[1]) else int((~y.isfinite()).sum())
    # Standard deviations without Bessel's correction: they describe these values, and one value has one, too.
    numbers = {
        "mean_before": x.mean().item(),
        "mean_after": y.mean().item(),
        "std_before": x.std(correction=0).item(),
        "std_after": y.std(correction=0).item(),
        "norm_before": norms[0],
        "norm_after": norms[1],
        "relative_l2": (y - x).norm().item() / norms[0] if norms[0] else None,
        "cosine": torch.dot(x, y).item() / (norms[0] * norms[1]) if all(norms) else None,
    }
    return {
        **{name: _number(value) for name, value in numbers.items()},
        **({"not_finite": not_finite} if not_finite else {}),
        "sha256_before": hashlib.sha256(_bytes(before)).hexdigest(),
        "sha256_after": hashlib.sha256(_bytes(after)).hexdigest(),
    }


def _number(value):
    # JSON has no NaN and no infinity.
    return value if value is not None and math.isfinite(value) else None


def _bytes(tensor):
    return tensor.contiguous().flatten().view(torch.uint8).numpy()


def quick_digest(tensor):
    """A fast hash of a tensor's bytes, to tell whether they changed; None on the meta device."""
    if tensor.is_meta:
        return None
    values = tensor.detach().cpu().contiguous().flatten()
    return xxhash.xxh3_128_digest(_bytes(values)) if values.numel() else b""


def summarise(model, stack, hit, entries, untouched):
    """The receipt's totals.

    Args:
        model: the model.
        stack: its `LayerStack`.
        hit: as of `select_tensors`.
        entries: of the touched tensors.
        untouched: the number of other tensors.
    """
    encoder = {id(p): p.numel() for _, p in stack.parameters()}
    scalars = sum(one.count for one in hit)
    in_encoder = sum(one.count for one in hit if id(one.parameter) in encoder)
    return {
        "layers_hit": layers_touched(stack, hit),
        "num_layers": len(stack.layers),
        "layer_repeats": stack.repeats,
        "layer_stack": stack.path,
        "tensors": len(hit),
        "scalars": scalars,
        "fraction_of_encoder": in_encoder / sum(encoder.values()),
        "fraction_of_model": scalars / sum(p.numel() for p in model.parameters()),
        **dict(zip(("relative_l2", "cosine"), distance_of(entries), strict=True)),
        "untouched_tensors": untouched,
        "untouched_bit_identical": True,
    }


def layers_touched(stack, hit):
    """The indices of the layers of which something is hit."""
    touched = {id(one.parameter) for one in hit}
    return [i for i in range(len(stack.layers)) if any(id(p) in touched for _, p in stack.layer_parameters(i))]


def versions():
    """The versions of the libraries that the values depend on."""
    import transformers

    return {"torch": torch.__version__, "transformers": transformers.__version__}
