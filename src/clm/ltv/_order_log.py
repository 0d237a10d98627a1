"""Simulated purchases as an order log that everything else can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.data import days_in
from clm.errors import InvalidDataError
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.typing import Array, FloatArray, IntArray


def purchase_times(
    rate: FloatArray, last: IntArray, horizon: float, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Draw purchase times of customers who buy at random until their last purchase.

    Parameters
    ----------
    rate : (n,) ndarray of float64
        Purchases per unit of time.
    last : (n,) ndarray of int64
        After which purchase, counted from 1, each leaves.
    horizon
        How long they are watched.
    rng
        Where chance comes from.

    Returns
    -------
    row : (m,) ndarray of int64
        Whose purchase it is, ascending.
    time : (m,) ndarray of float64
        When, within (0, horizon), ascending within a row.
    """
    intended = rng.poisson(rate * horizon)
    row = np.repeat(np.arange(rate.size), intended)
    time = rng.uniform(0.0, horizon, row.size)
    time = time[np.lexsort((time, row))]
    nth = np.arange(row.size) - np.repeat(np.cumsum(intended) - intended, intended)
    made = nth < last[row]
    return row[made], time[made]


def times_until(rate: FloatArray, until: FloatArray, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Draw purchase times of customers who buy at random until a moment of their own.

    Parameters
    ----------
    rate : (n,) ndarray of float64
        Purchases per unit of time.
    until : (n,) ndarray of float64
        When each stops.
    rng
        Where chance comes from.

    Returns
    -------
    row : (m,) ndarray of int64
        Whose purchase it is, ascending.
    time : (m,) ndarray of float64
        When, ascending within a row.
    """
    row = np.repeat(np.arange(rate.size), rng.poisson(rate * until))
    time = rng.random(row.size) * until[row]
    return row, time[np.lexsort((time, row))]


def order_log(customer: Array, at: Array) -> dict[str, Array]:
    """Return the columns of an order log, read-only."""
    return {"customer_id": frozen_array(customer), "at": frozen_array(at)}


def moments(start: Array, time: FloatArray, unit: str) -> Array:
    """Return the instants so many units after a start, to the microsecond.

    Raises
    ------
    InvalidDataError
        If the last of them is beyond what datetime64[us] holds.
    """
    microseconds = np.rint(time * (days_in(unit) * 86_400e6))
    if microseconds.size and microseconds.max() > 2**62:
        raise InvalidDataError("horizon reaches beyond the calendar. Give a shorter one.")
    return np.asarray(start + microseconds.astype("timedelta64[us]"))


def onwards(rfm: RFM, start: Array) -> Array:
    """Return the instant at which observation of each customer ended.

    Without first purchases on record everybody's is `start`.

    Raises
    ------
    InvalidDataError
        If a row stands for several customers.
    """
    if rfm.weights is not None and (rfm.weights != 1).any():
        raise InvalidDataError("rows of rfm stand for several customers. Give one row a customer to simulate them.")
    if rfm.first is None:
        return np.full(len(rfm), start)
    return moments(rfm.first, rfm.T, rfm.unit)
