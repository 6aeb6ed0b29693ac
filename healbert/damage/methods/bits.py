"""Faults of memory: bits that flip, and bits that are stuck.

Bits are numbered from the lowest, 0; of a float32, 0 to 22 are the mantissa, 23 to 30 the exponent and 31 the sign.
"""

import dataclasses

import numpy as np
import torch

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .draws import distinct, shares, successes

ALL = {"norms": "method", "biases": "method", "others": "method", "finite": False}


@dataclasses.dataclass(frozen=True)
class Format:
    """How a number lies in memory: its torch type, and where its exponent begins (None: it has none)."""

    dtype: torch.dtype
    width: int
    exponent: int | None = None

    def groups(self):
        """{name: the bits of it}."""
        sign, start = self.width - 1, self.exponent
        found = {"any": range(self.width), "sign": range(sign, self.width)}
        return found if start is None else found | {"exponent": range(start, sign), "mantissa": range(start)}


FORMATS = {
    "float32": Format(torch.float32, 32, 23),
    "float16": Format(torch.float16, 16, 10),
    "bfloat16": Format(torch.bfloat16, 16, 7),
    "int8": Format(torch.int8, 8),
}
CODES = {8: np.uint8, 16: np.uint16, 32: np.uint32}
TYPE = Option("own", "type that the weights are stored in", choices=("own", *FORMATS))
NONFINITE = Option(
    "keep", "NaN and infinities as they come, or values back in the tensor's range", choices=("keep", "clamp")
)


def bits_of(text, kind):
    """The numbers of the bits that ``text`` names, sorted.

    Args:
        text: "any", "sign", "exponent", "mantissa", or numbers and spans with + between them: "0+23-30".
        kind: a name in `FORMATS`.

    Raises:
        UserError: if the type has no such bits.
    """
    known = FORMATS[kind]
    if text in known.groups():
        return list(known.groups()[text])
    found = set()
    for part in str(text).split("+"):
        first, _, last = part.partition("-")
        if not (first.strip().isdecimal() and (last or first).strip().isdecimal()):
            listed = ", ".join(known.groups())
            raise UserError(f"bits '{text}' are not known in {kind}: use {listed}, or numbers such as 0+23-30")
        if not int(first) <= int(last or first) < known.width:
            raise UserError(f"bits '{text}' are not all in {kind}: it has bits 0 to {known.width - 1}")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def _check(type, bits, **_):
    if type != "own":
        bits_of(bits, type)


def _kinds(job, type):
    """{path: the format it is stored in}."""
    own = {hit.name: str(hit.parameter.dtype).removeprefix("torch.") for hit in job.changed}
    found = {name: kind if type == "own" else type for name, kind in own.items()}
    unknown = {kind for kind in found.values() if kind not in FORMATS}
    if unknown:
        raise UserError(f"weights of type {unknown.pop()} have no bits to flip here (known: {', '.join(FORMATS)})")
    return found


def _encode(original, kind):
    """The codes of a tensor's values as unsigned integers, flat, and the size of a step where they are integers."""
    if kind != "int8":
        stored = original.to(FORMATS[kind].dtype).flatten()
        return stored.view(torch.uint8).numpy().view(CODES[FORMATS[kind].width]), None
    step = original.abs().max().item() / 127 or 1.0
    return (original / step).round().clamp(-127, 127).to(torch.int8).flatten().numpy().view(np.uint8), step


def _decode(codes, step, kind, original, nonfinite):
    stored = torch.from_numpy(codes.view(np.uint8)).view(FORMATS[kind].dtype)
    values = (stored.float() if step is None else stored.float() * step).view(original.shape)
    if nonfinite == "keep":
        return values
    return values.nan_to_num(nan=0.0).clamp(original.min(), original.max())


def _prepare_flips(job, type, bits, flips, width, **_):
    kinds = _kinds(job, type)
    starts = {name: _starts(bits_of(bits, kind), width, bits, kind) for name, kind in kinds.items()}
    counts = None
    if flips:
        counts = shares(flips, {hit.name: hit.count * len(starts[hit.name]) for hit in job.changed}, job.spec.seed)
    return {"kinds": kinds, "starts": starts, "counts": counts}


def _starts(bits, width, text, kind):
    """The lowest bits of upsets that are ``width`` bits wide."""
    starts = [bit for bit in bits if set(range(bit, bit + width)) <= set(bits)]
    if not starts:
        raise UserError(f"bits '{text}' of {kind} hold no {width} neighbouring bits")
    return starts


@register(
    "method",
    "bit_flip",
    options={
        "rate": Option(1e-6, "probability of an upset at each bit", least=0, most=1),
        "flips": Option(0, "number of upsets over all that is hit, in place of a rate", least=0),
        "type": TYPE,
        "bits": Option("any", "any, sign, exponent, mantissa, or numbers such as 0+23-30"),
        "width": Option(1, "neighbouring bits that an upset flips", least=1, most=32),
        "nonfinite": NONFINITE,
    },
    strength="rate",
    check=_check,
    prepare=_prepare_flips,
    **ALL,
)
def bit_flip(original, module, generator, name, context, rate, flips, type, bits, width, nonfinite):
    """Bits flip, each alone with the probability ``rate``, or ``flips`` of them, all sets of so many equally likely.

    With another type than the model's own, the weights are first rounded to it, as if they had been stored so: of
    int8, in steps of the largest value / 127 (symmetric, one step size for each tensor).
    """
    kind, starts = context["kinds"][name], context["starts"][name]
    codes, step = _encode(original, kind)
    codes, mask = codes.copy(), (1 << width) - 1
    for low, where in _upsets(len(codes), starts, rate, context["counts"], name, generator):
        codes[where] ^= codes.dtype.type(mask << low)
    return _decode(codes, step, kind, original, nonfinite)


DENSE = 0.05  # above this rate, the places of all bits at once would take more memory than the weights


def _upsets(values, starts, rate, counts, name, generator):
    """Yields (lowest bit of an upset, indices of the values that it hits, each once)."""
    if counts is None and rate > DENSE:
        for low in starts:
            yield low, successes(values, rate, generator)
        return
    sites = values * len(starts)
    # Sites go bit by bit, so that the places of one bit lie together.
    places = successes(sites, rate, generator) if counts is None else np.sort(distinct(counts[name], sites, generator))
    ends = np.searchsorted(places, values * np.arange(len(starts) + 1))
    for index, low in enumerate(starts):
        yield low, places[ends[index] : ends[index + 1]] - index * values


def _prepare_stuck(job, type, bits, **_):
    kinds = _kinds(job, type)
    return {"kinds": kinds, "bits": {name: bits_of(bits, kind) for name, kind in kinds.items()}}


@register(
    "method",
    "stuck_at",
    options={
        "value": Option(1, "what the bits are stuck at", least=0, most=1),
        "bits": Option("sign", "any, sign, exponent, mantissa, or numbers such as 0+23-30"),
        "share": Option(1e-3, "share of the values, each drawn alone", least=0, most=1),
        "type": TYPE,
        "nonfinite": NONFINITE,
    },
    strength="share",
    check=_check,
    prepare=_prepare_stuck,
    **ALL,
)
def stuck_at(original, module, generator, name, context, value, bits, share, type, nonfinite):
    """Given bits are 0 or 1 in values that are hit with the probability ``share``."""
    kind = context["kinds"][name]
    codes, step = _encode(original, kind)
    mask = codes.dtype.type(sum(1 << bit for bit in context["bits"][name]))
    hit = (torch.rand(len(codes), generator=generator) < share).numpy()
    stuck = codes | mask if value else codes & ~mask
    return _decode(np.where(hit, stuck, codes), step, kind, original, nonfinite)
