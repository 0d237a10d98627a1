"""From orders to the money of each customer at each age, by the cohort in which he entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.ltv import CohortValue

if TYPE_CHECKING:
    from clm.data import Calendar
    from clm.frames._histories import Occasions
    from clm.frames._orders import Orders
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_MOST_AGES: Final = 2_000
_MOST_MONEY: Final = 1e140


@final
@frozen(eq=False, kw_only=True)
class CohortCells:
    """Money by customer and age.

    Attributes
    ----------
    cohort : (n,) ndarray of int64
        Row of each customer's cohort.
    customer, age, amount : (m,) ndarray
        One entry a customer and age with rows, by customer and then by age; amounts of one add up.
    cohorts : (c,) ndarray of datetime64
        First local date of each cohort's period.
    complete, begun : (c, c) ndarray of bool
        Cohorts and ages whose period has ended, and has begun.
    period : str
        The grain.
    dropped : dict of str to int
        Rows and customers that were left out, by reason.
    """

    cohort: IntArray
    customer: IntArray
    age: IntArray
    amount: FloatArray
    cohorts: Array
    complete: BoolArray
    begun: BoolArray
    period: str
    dropped: dict[str, int]


def cohort_cells(log: Orders, calendar: Calendar, since: int | None, *, paying: bool = False) -> CohortCells:
    """Find each customer's first period with a purchase, and what he brought at each age from there on.

    Parameters
    ----------
    log, calendar
        Orders, and how periods are numbered.
    since
        Instant from which customers enter.
    paying
        Whether a customer enters only with a period above 0, not already with one that is not below.

    Raises
    ------
    InvalidDataError
        If nobody enters, or there are too many periods.
    """
    cells, amount = money_by_period(log)
    # A customer enters with his first period that holds a purchase.
    bought = np.flatnonzero(amount > 0 if paying else ~cells.refunded)
    keys, first = np.unique(cells.customer[bought], return_index=True)
    first = bought[first]
    entered, joined = cells.period[first], cells.at[first]
    new = np.ones(len(keys), bool) if since is None else joined >= since
    dropped = dict(log.dropped)
    if not new.all():
        dropped["customers before start"] = int((~new).sum())
    if not new.any():
        raise InvalidDataError(
            "nobody's first purchase lies between start and through. Check start, and the sign of the amounts."
        )
    row = np.searchsorted(keys[new], cells.customer)
    row[row == new.sum()] = 0
    counted = keys[new][row] == cells.customer
    age = cells.period - entered[new][row]
    early = counted & (age < 0)
    if early.any():
        dropped["periods before the first revenue" if paying else "refunds before the first purchase"] = int(
            early.sum()
        )
    counted &= age >= 0
    earliest = int(entered[new].min() if since is None else calendar.index(np.array([since]))[0])
    last = int(calendar.index(np.array([log.through]))[0])
    cohorts = np.arange(earliest, last + 1)
    if len(cohorts) > _MOST_AGES:
        raise InvalidDataError(
            f"period={calendar.period!r} cuts the data into {len(cohorts):,} ages, above {_MOST_AGES:,}. "
            "Choose a longer period, or a later start."
        )
    over = last if int(calendar.start(np.array([last + 1]))[0]) - 1 <= log.through else last - 1
    reached = cohorts[:, None] + np.arange(len(cohorts))
    return CohortCells(
        cohort=entered[new] - earliest,
        customer=row[counted],
        age=age[counted],
        amount=amount[counted],
        cohorts=calendar.label(cohorts),
        complete=reached <= over,
        begun=reached <= last,
        period=calendar.period,
        dropped=dropped,
    )


def money_by_period(log: Orders) -> tuple[Occasions, FloatArray]:
    """Return customers' periods, and the money of each.

    Raises
    ------
    InvalidDataError
        If amounts are so large that their squares, which errors need, are none.
    """
    cells = log.occasions()
    assert cells.whole is not None
    amount = log.exact.join(cells.whole, cells.rest)
    most = float(np.abs(amount).max(initial=0.0))
    if most > _MOST_MONEY:
        raise InvalidDataError(f"amounts reach {most:.3g}, too much to tell their errors. Give them in a larger unit.")
    return cells, np.asarray(amount, np.float64)


def value_of_cells(cells: CohortCells, margin: float, definition: str) -> CohortValue:
    """Return cumulative value by age."""
    return CohortValue.from_cells(
        cohort=cells.cohort,
        customer=cells.customer,
        age=cells.age,
        amount=cells.amount * margin,
        complete=cells.complete,
        period=cells.period,
        cohorts=cells.cohorts,
        definition=definition,
        dropped=cells.dropped,
    )
