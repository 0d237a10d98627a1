"""Read the single numbers that functions take, or say what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.stats._arrays import numbers

if TYPE_CHECKING:
    from clm.typing import RandomState


def plain_number(given: Any, name: str, *, lowest: float = -np.inf, highest: float = np.inf) -> float:
    """Return one finite number within its range.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    array = numbers(given, name)
    if array.ndim or not np.isfinite(array):
        raise InvalidDataError(f"{name} must be one finite number, not {shown(given)}.")
    check_range(float(array), name, lowest, highest)
    return float(array)


def check_range(value: float, name: str, lowest: float, highest: float) -> None:
    """Refuse a number outside its range; NaN passes.

    Raises
    ------
    InvalidDataError
        If it is below `lowest` or above `highest`.
    """
    if not (value < lowest or value > highest):
        return
    if np.isfinite(lowest) and np.isfinite(highest):
        asked = f"lie between {lowest:g} and {highest:g}"
    else:
        asked = f"be {lowest:g} or more" if np.isfinite(lowest) else f"be {highest:g} or less"
    percent = " Give 0.8 for 80 percent." if highest == 1 else ""
    raise InvalidDataError(f"{name} must {asked}, not {value:g}.{percent}")


def whole_number(given: Any, name: str) -> int:
    """Return a count from 0 on.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    number = plain_number(given, name)
    if number < 0 or number != int(number):
        raise InvalidDataError(f"{name} must be a whole number from 0 on, not {shown(given)}.")
    return int(number)


def period_rate(discount: Any) -> float:
    """Return a discount rate of one counted period.

    Raises
    ------
    InvalidDataError
        If it is negative, no finite number, or a ``clm.Discount``: where periods are counted, their length is unknown.
    """
    if hasattr(discount, "rate_per"):
        raise InvalidDataError(
            f"discount={discount!r} is dated, but here periods are counted. "
            "Give the rate of one period, as discount.rate_per('month')."
        )
    return plain_number(discount, "discount", lowest=0)


def generator(rng: RandomState) -> np.random.Generator:
    """Return where chance comes from.

    Raises
    ------
    InvalidDataError
        If it is neither a seed from 0 on nor a generator.
    """
    seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
    if seed or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    raise InvalidDataError(f"rng must be a whole number from 0 on or a numpy.random.Generator, not {rng!r}.")


def shown(given: Any) -> str:
    """Return a short repr for messages."""
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}..."
