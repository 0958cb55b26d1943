"""Random draws that are hashes of a salt and a key, so that a night repeats to the bit (design decision 10)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.special import gamma_quantile, normal_quantile

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def key_hash(salt: str, *key: str) -> int:
    """64-bit hash of a salt and the parts of a key; equal on every machine."""
    text = "\x1f".join((salt, *key))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def uniforms(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Uniform draws in (0, 1), shape (keys, draws); row k depends on the salt and keys[k] only."""
    seeds = np.array([key_hash(salt, key) for key in keys], dtype=np.uint64).reshape(-1, 1)
    counter = np.arange(1, draws + 1, dtype=np.uint64).reshape(1, -1)
    return (_splitmix(seeds + counter * _GOLDEN) >> np.uint64(11)).astype(
        np.float64
    ) * _TO_UNIT + _TO_UNIT / 2


def normals(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Standard normal draws, shape (keys, draws)."""
    return normal_quantile(uniforms(salt, keys, draws))


def exponentials(salt: str, keys: Sequence[str], draws: int) -> FloatArray:
    """Unit exponential draws, shape (keys, draws): the weights of a Bayesian bootstrap of the keys."""
    return np.asarray(-np.log(uniforms(salt, keys, draws)), dtype=np.float64)


def gammas(uniform: FloatArray, shape: FloatArray) -> FloatArray:
    """Gamma draws of the given shapes and rate one, by inversion of uniform draws (arrays broadcast)."""
    return gamma_quantile(shape, uniform)


def _splitmix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # Steele, Lea & Flood (2014): the finaliser of SplitMix64; overflow is meant to wrap.
    mixed = (state ^ (state >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
