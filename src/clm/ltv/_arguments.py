"""Read what predictions are asked for, or say what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import RFM, Discount, Zone, parse_start
from clm.errors import InvalidDataError
from clm.stats import generator as generator  # noqa: PLC0414  # for the modules beside this one
from clm.stats import numbers, plain_number, refuse

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray


def as_rfm(rfm: Any) -> RFM:
    """Return purchase histories, or say how to make some.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    if isinstance(rfm, RFM):
        return rfm
    raise InvalidDataError(
        f"rfm must be purchase histories, not {type(rfm).__name__}. "
        "Build them from an order log with clm.rfm(orders, ...), or with clm.RFM.from_arrays(...)."
    )


def histories(rfm: Any, unit: str) -> RFM:
    """Return purchase histories that count time as a fit does.

    Raises
    ------
    InvalidDataError
        If they are none, or count in another unit.
    """
    known = as_rfm(rfm)
    if known.unit == unit:
        return known
    raise InvalidDataError(
        f"the fit counts time in {unit}s, rfm in {known.unit}s. Build rfm with unit={unit!r}, or fit the model to it."
    )


def time_ahead(horizon: Any) -> float:
    """Return a horizon: a number from 0 on, in the unit of the data.

    Raises
    ------
    InvalidDataError
        If it is negative, not finite or no single number.
    """
    return plain_number(horizon, "horizon", lowest=0)


def times_ahead(horizon: Any) -> FloatArray:
    """Return one horizon or a row of them, as an array.

    Raises
    ------
    InvalidDataError
        If any is negative or not finite.
    """
    times = numbers(horizon, "horizon")
    if times.ndim == 0:
        return np.asarray(time_ahead(horizon))
    if times.ndim > 1:
        raise InvalidDataError(f"horizon must be one number or a row of them, not an array of {times.ndim} dimensions.")
    refuse(~np.isfinite(times), "horizon is missing or infinite", "Give a number from 0 on.")
    refuse(times < 0, "horizon is negative", "Give a number from 0 on.")
    return times


def dated(discount: Any) -> Discount:
    """Return a discount rate that carries its own period.

    Raises
    ------
    InvalidDataError
        If it is a bare number or anything else.
    """
    if isinstance(discount, Discount):
        return discount
    raise InvalidDataError(
        f"discount must say its period, and {discount!r} does not. Give clm.Discount(0.10, per='year') for 10 percent."
    )


def instant(start: Any) -> Array:
    """Return a date or time as datetime64[us] in UTC.

    Raises
    ------
    InvalidDataError
        If it is no date or time.
    """
    return np.asarray(np.datetime64(parse_start(start, Zone.of("UTC")), "us"))


def of_many(rfm: RFM) -> tuple[str, ...]:
    """Return what to keep in mind where rows of histories stand for several customers."""
    if rfm.weights is None or (rfm.weights == 1).all():
        return ()
    return ("rows stand for several customers: .sum() and .mean() count each row once, whatever its weight",)
