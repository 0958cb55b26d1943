"""Random numbers without a state: each draw is a hash of a seed, the name of the draw and integer keys.

So a run repeats to the bit, the past does not depend on how far one generates, and a changed parameter leaves every
other draw as it was (design, decision 10).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
HashArray = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(values: HashArray) -> HashArray:
    """The finaliser of splitmix64."""
    values = values + _GOLDEN
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def hashes(seed: int, name: str, *keys: npt.ArrayLike) -> HashArray:
    """One 64-bit hash per element of the broadcast keys."""
    state = np.array(
        [(seed * 0x100000001B3 ^ zlib.crc32(name.encode())) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64
    )
    state = _mix(state)
    for key in keys:
        state = _mix(state ^ _mix(np.atleast_1d(np.asarray(key, dtype=np.int64)).astype(np.uint64)))
    return state


def chain(state: HashArray, key: int) -> FloatArray:
    """Uniforms in [0, 1) from hashes already made and one more key: the inner step of a simulation."""
    return _to_uniform(_mix(state ^ _mix(np.array([key], dtype=np.uint64))))


def _to_uniform(state: HashArray) -> FloatArray:
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform(seed: int, name: str, *keys: npt.ArrayLike) -> FloatArray:
    """Uniforms in [0, 1)."""
    return _to_uniform(hashes(seed, name, *keys))


def normal(seed: int, name: str, *keys: npt.ArrayLike) -> FloatArray:
    """Standard normals (Box–Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(seed, name + "/radius", *keys)))
    angle = 2.0 * np.pi * uniform(seed, name + "/angle", *keys)
    result: FloatArray = radius * np.cos(angle)
    return result


def integers(seed: int, name: str, below: npt.ArrayLike, *keys: npt.ArrayLike) -> IntArray:
    """Whole numbers from 0 to below − 1."""
    result: IntArray = np.floor(uniform(seed, name, *keys) * np.asarray(below, dtype=np.float64)).astype(
        np.int64
    )
    return result


def categories(seed: int, name: str, shares: Sequence[float], *keys: npt.ArrayLike) -> IntArray:
    """Index of a category drawn with the given shares (scaled to one)."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    drawn = np.searchsorted(edges / edges[-1], uniform(seed, name, *keys), side="right")
    return np.minimum(drawn, len(shares) - 1).astype(np.int64)


def poisson(seed: int, name: str, means: npt.ArrayLike, *keys: npt.ArrayLike) -> IntArray:
    """Poisson counts by inversion; meant for means well below a hundred."""
    mean = np.asarray(means, dtype=np.float64)
    drawn, mean = np.broadcast_arrays(uniform(seed, name, *keys), mean)
    count = np.zeros(drawn.shape, dtype=np.int64)
    term = np.exp(-mean)
    cumulative = term.copy()
    k = 0
    while bool(np.any(drawn >= cumulative)) and k < 500:
        k += 1
        count += drawn >= cumulative
        term = term * mean / k
        cumulative = cumulative + term
    return count
