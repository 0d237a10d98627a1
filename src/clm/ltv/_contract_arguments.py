"""Read what is asked of contracts: renewals, units and discounts of one period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clm.data import DAYS, Discount
from clm.errors import InvalidDataError, nearest
from clm.stats import numbers, period_rate

if TYPE_CHECKING:
    from clm.typing import FloatArray

PERIOD: Final = "period"
"""The unit of contracts whose length does not matter."""

_MOST: Final = 1e15  # beyond, whole numbers are no longer told apart


def check_unit(unit: Any) -> str:
    """Return what one renewal period is: a unit of time, or ``"period"``.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    known = (PERIOD, *DAYS)
    if isinstance(unit, str) and unit in known:
        return unit
    raise InvalidDataError(f"unit {unit!r} is not one of {', '.join(known)}.{nearest(str(unit), known)}")


def whole_times(given: Any, name: str, *, lowest: int = 0) -> FloatArray:
    """Return one whole number or a row of them, as floats.

    Raises
    ------
    InvalidDataError
        If any is below `lowest`, missing, or between two renewals.
    """
    times = numbers(given, name)
    asked = f"whole numbers of renewals from {lowest} on"
    if times.ndim > 1:
        raise InvalidDataError(f"{name} must be one number or a row of them, not an array of {times.ndim} dimensions.")
    bad = np.atleast_1d(~((times >= lowest) & (times <= _MOST) & (times == np.rint(times))))
    if bad.any():
        first = np.atleast_1d(times)[bad][0]
        raise InvalidDataError(f"{name} must hold {asked}, not {first:g}: between two renewals nothing changes.")
    return times


def rate_per_period(discount: Any, unit: str) -> float:
    """Return the discount rate of one period.

    Raises
    ------
    InvalidDataError
        If it is negative or no number, or dated where the length of a period is not known.
    """
    if not isinstance(discount, Discount):
        return period_rate(discount)
    if unit in DAYS:
        return discount.rate_per(unit)
    raise InvalidDataError(
        f"discount={discount!r} is dated, but the contract counts periods of unknown length. Give the rate of one "
        "period as a number, or the length when fitting, as in fit(survivors, unit='month')."
    )
