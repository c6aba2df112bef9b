"""Randomness that is a pure function of names: the same seed and parts give the same numbers on every machine."""

from hashlib import blake2b
from typing import Final

import numpy as np

_MASK: Final = (1 << 64) - 1


def stable_hash(*parts: object) -> int:
    """64 bits that depend on nothing but the text of `parts` (Python's own `hash` differs from run to run)."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(*parts: object) -> np.random.Generator:
    """A generator seeded by `parts`."""
    return np.random.Generator(np.random.PCG64(stable_hash(*parts)))


def mix(state: int) -> int:
    """One splitmix64 step: cheap, well-spread 64 bits for quantities that need no distribution."""
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)
