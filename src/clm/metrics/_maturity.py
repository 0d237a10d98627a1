"""Shares of customers who did something within a fixed time: everybody is followed equally long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import DAY
from clm.errors import InvalidDataError
from clm.metrics._histories import NEVER
from clm.stats import proportion

if TYPE_CHECKING:
    from attrs import Attribute

    from clm.metrics._base import CustomerBase
    from clm.stats import Estimate
    from clm.typing import IntArray

_LONGEST = 36_525.0


def check_days(_: object, attribute: Attribute[Any], days: Any) -> None:
    """Refuse a length that is not a positive number of days."""
    number = isinstance(days, (int, float, np.number)) and not isinstance(days, bool)
    if not (number and 0 < days <= _LONGEST):
        raise InvalidDataError(
            f"{attribute.name} must be a number of days, above 0 and at most a century, not {days!r}."
        )


def span(days: float) -> str:
    """Return a length in words."""
    return f"{days:g} {'day' if days == 1 else 'days'}"


def microseconds(days: float) -> int:
    """Return a length in microseconds."""
    return round(days * DAY)


def within_days(
    base: CustomerBase, since: IntArray, event: IntArray, *, days: float, name: str, definition: str
) -> Estimate[float]:
    """Share of customers with an event within some days since another, over those whose days ended in the period.

    Whoever began too late to have had the time is left out, so that a growing base does not look worse than it is.
    """
    length = microseconds(days)
    began = since < NEVER
    until = np.where(began, since, 0) + length
    followed = began & base.period.holds(until)
    return proportion(
        np.count_nonzero(followed & (event <= until)),
        np.count_nonzero(followed),
        name=name,
        definition=definition,
        undefined=f"nobody's first {span(days)} ended in the period {base.scope}",
    )
