"""Draws that are hashes of a salt and a key, so that a run can be repeated to the bit (design decision 10).

No generator is kept and none is shared: the number at place i of a key is a pure function of salt, key and i
(BLAKE2b for the key, the SplitMix64 finaliser of Steele, Lea and Flood 2014 for the place).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)


def hashed_key(salt: str, *parts: str) -> int:
    """A 64-bit key; parts are kept apart, so ("ab", "c") and ("a", "bc") differ."""
    text = "\x1f".join((salt, *parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def uniforms(key: int, shape: tuple[int, ...]) -> FloatArray:
    """Numbers in the open interval (0, 1), one per place, of the given shape."""
    places = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    state = places * _INCREMENT + np.uint64(key)
    state = (state ^ (state >> np.uint64(30))) * _FIRST_FACTOR
    state = (state ^ (state >> np.uint64(27))) * _SECOND_FACTOR
    state ^= state >> np.uint64(31)
    return (((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53).reshape(shape)


def stratified_normals(key: int, count: int) -> FloatArray:
    """Standard normal numbers: the ``count`` mid-quantiles in hashed order, so that their mean is zero exactly."""
    from scipy.special import ndtri  # type: ignore[import-untyped, unused-ignore]

    order = np.argsort(uniforms(key, (count,)), kind="stable")
    quantiles: FloatArray = ndtri((np.arange(count) + 0.5) / count)
    return quantiles[order]
