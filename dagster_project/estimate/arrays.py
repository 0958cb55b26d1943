"""Array types and the division every estimator needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def divide(numerator: ArrayLike, denominator: ArrayLike, otherwise: float = 0.0) -> FloatArray:
    """Elementwise quotient; `otherwise` where the denominator is zero."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    quotient: FloatArray = np.divide(top, bottom, out=np.full(top.shape, otherwise), where=bottom != 0)
    return quotient
