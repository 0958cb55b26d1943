"""The back-casting tree: quota → won deals → meetings → appointments → touches (method §5).

``quota ÷ average price = won deals; ÷ win rate = meetings; ÷ appointment→meeting = appointments;
÷ touch→appointment = touches``. Fractions run down the whole tree and are rounded up only where a level is shown:
rounding up between the levels would inflate every level below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# 100 ÷ (1/3) is 300.00000000000006 in doubles; a person means 300.
ROUNDING_SLACK = 1e-9


@dataclass(frozen=True)
class Coefficients:
    """What turns money into activity; one value for one rep, or one array with a value per rep.

    Attributes:
        average_price: money per won deal, above zero.
        win_rate: won deals per first held meeting, in (0, 1].
        appointment_to_meeting: first held meetings per appointment, in (0, 1].
        touch_to_appointment: appointments per touch, in (0, 1].
    """

    average_price: ArrayLike
    win_rate: ArrayLike
    appointment_to_meeting: ArrayLike
    touch_to_appointment: ArrayLike


@dataclass(frozen=True)
class Tree:
    """Levels of the tree as fractions, each of the shape of the amount it was cast from."""

    won_deals: FloatArray
    meetings: FloatArray
    appointments: FloatArray
    touches: FloatArray


def whole(value: ArrayLike) -> IntArray:
    """Round up to whole numbers, forgiving the last bits of a double."""
    exact = np.asarray(value, dtype=np.float64)
    return np.ceil(exact - ROUNDING_SLACK * np.maximum(np.abs(exact), 1.0)).astype(np.int64)


def back_cast(amount: ArrayLike, coefficients: Coefficients) -> Tree:
    """Work an amount of money back to activity.

    Args:
        amount: money still to win; below zero counts as zero.
        coefficients: of the same shape as ``amount``, or single numbers.

    Raises:
        ValueError: a coefficient is zero, negative, above one (rates) or not a number; the caller falls back first.
    """
    price = _checked("average_price", coefficients.average_price, highest=np.inf)
    win_rate = _checked("win_rate", coefficients.win_rate)
    appointment_to_meeting = _checked("appointment_to_meeting", coefficients.appointment_to_meeting)
    touch_to_appointment = _checked("touch_to_appointment", coefficients.touch_to_appointment)
    won_deals = np.maximum(np.asarray(amount, dtype=np.float64), 0.0) / price
    meetings = won_deals / win_rate
    appointments = meetings / appointment_to_meeting
    return Tree(won_deals, meetings, appointments, appointments / touch_to_appointment)


def _checked(name: str, value: ArrayLike, highest: float = 1.0) -> FloatArray:
    number = np.asarray(value, dtype=np.float64)
    if not np.all((number > 0.0) & (number <= highest) & np.isfinite(number)):
        raise ValueError(f"{name} must be above 0 and at most {highest}, got {value!r}")
    return number
