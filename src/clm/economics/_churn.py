"""Churn and retention of a period from its customer counts, by named conventions."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Literal, final

from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats import Quantity, propagate, proportion, whole_number

if TYPE_CHECKING:
    from clm.stats import Estimate

_NOBODY: Final = "nobody was there to be lost"

Convention = Literal["start", "all", "average", "stripe"]

_SAID: Final = {
    "start": "Customers of the start who were lost, over customers at the start; those won in between are left out.",
    "all": "All customers lost, those won in between among them, over customers at the start.",
    "average": "All customers lost, those won in between among them, over the mean of start and end.",
    "stripe": "All customers lost, those won in between among them, over customers at the start and new ones.",
}


def churn_rate(
    *,
    customers_at_start: int,
    churned: int,
    churned_new: int = 0,
    new: int = 0,
    convention: Convention = "start",
) -> Estimate[float]:
    """Return the share of customers lost in a period.

    One month of one business has a churn of 6, 6.7, 7.5 or 8 percent, by what is counted. The convention says which.

    Parameters
    ----------
    customers_at_start
        Customers at the start of the period.
    churned
        Customers lost in the period, those won in between among them.
    churned_new
        Customers lost who were won in the same period.
    new
        Customers won in the period, whether or not they are still there.
    convention : {"start", "all", "average", "stripe"}
        ``"start"``: lost of those at the start; ``"all"``: everybody lost over those at the start, as Baremetrics;
        ``"average"``: everybody lost over the mean of start and end; ``"stripe"``: everybody lost over those at the
        start and new, as Stripe.

    Returns
    -------
    Estimate
        A fraction. Undefined where the convention's base is 0.

    Raises
    ------
    InvalidDataError
        If a count is no whole number, or more were lost than there were.

    Notes
    -----
    "start" and "stripe" are shares of customers, with Wilson's interval. "all" and "average" divide by customers who
    are not those counted above the line and may exceed 1; their limits put those of both groups' shares together
    (MOVER [1]_).

    References
    ----------
    .. [1] Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> counts = {"customers_at_start": 100, "churned": 8, "churned_new": 2, "new": 20}
    >>> {
    ...     rule: round(clm.churn_rate(**counts, convention=rule).value, 4)
    ...     for rule in ("start", "all", "average", "stripe")
    ... }
    {'start': 0.06, 'all': 0.08, 'average': 0.0755, 'stripe': 0.0667}
    """
    if convention not in _SAID:
        known = ", ".join(_SAID)
        raise InvalidDataError(f"convention {convention!r} is not one of {known}.{nearest(str(convention), _SAID)}")
    at_start, won = whole_number(customers_at_start, "customers_at_start"), whole_number(new, "new")
    lost, lost_new = whole_number(churned, "churned"), whole_number(churned_new, "churned_new")
    lost_old = lost - lost_new
    if lost_old < 0:
        raise InvalidDataError(f"churned_new ({lost_new:,}) exceeds churned ({lost:,}), which includes it.")
    if lost_new > won:
        raise InvalidDataError(f"churned_new ({lost_new:,}) exceeds new ({won:,}). Give new=, all customers won.")
    if lost_old > at_start:
        raise InvalidDataError(
            f"{lost_old:,} customers of the start were lost, but there were {at_start:,}. "
            "Give churned_new=, how many of the churned were won in between."
        )
    if convention == "start":
        return _share(lost_old, at_start, convention)
    if convention == "stripe":
        return _share(lost, at_start + won, convention)
    groups = [
        Quantity.of(_share(hits, of, "start"), "churn") if of else Quantity.of(0.0, "churn")
        for hits, of in ((lost_old, at_start), (lost_new, won))
    ]
    return propagate(
        _PerBase(at_start, won, average=convention == "average"),
        groups,
        name="churn rate",
        unit="fraction",
        definition=_SAID[convention],
        undefined=_NOBODY,
        n=at_start + won if convention == "average" else at_start,
        scale="plain",
        lowest=0.0,
    )


def retention_rate(*, customers_at_start: int, customers_at_end: int, new: int) -> Estimate[float]:
    """Return the share of customers at the start of a period who are still there at its end.

    Parameters
    ----------
    customers_at_start
        Customers at the start.
    customers_at_end
        Customers at the end, those won in between among them.
    new
        Customers won in the period who are still there at its end. Those who came and went are not among the customers
        at the end, and subtracting them would make retention look worse.

    Returns
    -------
    Estimate
        A fraction, with Wilson's interval. Undefined where nobody was there at the start.

    Raises
    ------
    InvalidDataError
        If a count is no whole number, or more are left than there were: then customers who came back are among them.

    Notes
    -----
    ``(customers_at_end - new) / customers_at_start``. With lists of customers, count those on both instead.

    Examples
    --------
    >>> clm.retention_rate(customers_at_start=100, customers_at_end=112, new=18)
    <retention rate: 0.94 fraction (95% interval 0.8752 to 0.9722; n = 100)>
    """
    at_start = whole_number(customers_at_start, "customers_at_start")
    at_end, won = whole_number(customers_at_end, "customers_at_end"), whole_number(new, "new")
    if won > at_end:
        raise InvalidDataError(
            f"new ({won:,}) exceeds customers_at_end ({at_end:,}). It counts those won who are still there at the end."
        )
    if at_end - won > at_start:
        raise InvalidDataError(
            f"{at_end - won:,} customers at the end are not new, but there were {at_start:,} at the start. "
            "Count customers who came back as new, or leave them out."
        )
    return proportion(
        at_end - won,
        at_start,
        name="retention rate",
        definition="Customers of the start who are still there at the end, over customers at the start.",
        undefined="there was no customer at the start",
    )


@final
@frozen
class _PerBase:
    """Customers lost of two groups over one base: a formula of the shares lost of each."""

    at_start: int
    new: int
    average: bool

    def __call__(self, of_start: float, of_new: float) -> float:
        """Return the rate; ``inf`` where the base is 0."""
        lost = self.at_start * of_start + self.new * of_new
        base = self.at_start + (self.new - lost) / 2 if self.average else self.at_start
        return lost / base if base > 0 else inf


def _share(lost: int, base: int, convention: Convention) -> Estimate[float]:
    return proportion(lost, base, name="churn rate", definition=_SAID[convention], undefined=_NOBODY)
