"""Draws that are hashes of a salt and a key, so that a night repeats to the bit (design decision 10).

No generator is kept and none is shared: the number at place i of a key is a pure function of salt, key and i
(BLAKE2b for the key, the SplitMix64 finaliser of Steele, Lea and Flood 2014 for the place).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_States = NDArray[np.uint64]

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)


def hashed_key(salt: str, *parts: str) -> int:
    """A 64-bit key, equal on every machine; parts are kept apart, so ("ab", "c") and ("a", "bc") differ."""
    text = "\x1f".join((salt, *parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def uniform_block(key: int, shape: tuple[int, ...]) -> FloatArray:
    """Numbers in the open interval (0, 1), one per place of the shape."""
    return _uniforms(np.array([key], dtype=np.uint64), int(np.prod(shape))).reshape(shape)


def uniforms(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Numbers in the open interval (0, 1), shape (keys, draws); row k depends on the salt and keys[k] only."""
    return _uniforms(np.array([hashed_key(salt, key) for key in keys], dtype=np.uint64), draws)


def normals(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Standard normal numbers, shape (keys, draws)."""
    return _normal_quantiles(uniforms(salt, keys, draws))


def exponentials(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Unit exponential numbers, shape (keys, draws): the weights of a Bayesian bootstrap of the keys."""
    return np.asarray(-np.log(uniforms(salt, keys, draws)), dtype=np.float64)


def stratified_normals(key: int, count: int) -> FloatArray:
    """Standard normal numbers: the `count` mid-quantiles in hashed order, so that their mean is zero exactly."""
    order = np.argsort(uniform_block(key, (count,)), kind="stable")
    return _normal_quantiles((np.arange(count) + 0.5) / count)[order]


def _uniforms(keys: _States, count: int) -> FloatArray:
    places = np.arange(1, count + 1, dtype=np.uint64)
    # 52 bits and a half: with 53 the largest would round to one. Sums and products are meant to wrap.
    bits = _finalised(keys[:, None] + places * _INCREMENT) >> np.uint64(12)
    return np.asarray((bits.astype(np.float64) + 0.5) * 2.0**-52)


def _finalised(states: _States) -> _States:
    mixed = (states ^ (states >> np.uint64(30))) * _FIRST_FACTOR
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND_FACTOR
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def _normal_quantiles(probabilities: FloatArray) -> FloatArray:
    from scipy.special import ndtri  # type: ignore[import-untyped, unused-ignore]

    return np.asarray(ndtri(probabilities), dtype=np.float64)
