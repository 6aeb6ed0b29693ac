"""Seeds of random draws, each of its own name, so that no other draw shifts it."""

import hashlib


def seed_of(*names):
    """The seed of one draw: a whole number of 63 bits, as `torch.Generator.manual_seed` takes no more.

    Args:
        names: what the draw is for: words, seeds, paths, steps. The same names give the same seed everywhere.
    """
    digest = hashlib.sha256(":".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
