"""Who a customer is, what he did, and the stages he passed through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from attrs import field, frozen

from clm.core._instants import in_utc
from clm.core._mapping import FrozenMapping
from clm.core._names import checked_name
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from datetime import datetime


def _id(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        kind = type(value).__name__
        raise InvalidDataError(
            f"a customer id must be text or a number, but is the {kind} {value!r}. Join its parts into one text."
        ) from None
    if _absent(value):
        raise InvalidDataError(f"a customer id must not be missing or blank, but is {value!r}.")
    return value


def _absent(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  # NaN and NaT
    except TypeError:  # pandas' NA is neither equal to itself nor not
        return True


def _channel(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidDataError(f"channel must be text or None, not {value!r}.")
    return value


def _amount(value: Any) -> float | None:
    return _finite(value, "amount")


def _score(value: Any) -> float | None:
    return _finite(value, "score")


def _finite(value: Any, what: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (str, bytes, bool)) and hasattr(value, "__float__"):
        number = float(value)
        if math.isfinite(number):
            return number
    raise InvalidDataError(f"{what} must be a finite number or None, not {value!r}.")


def _at(value: Any) -> datetime:
    return in_utc(value, "at")


def _acquired_at(value: Any) -> datetime | None:
    return None if value is None else in_utc(value, "acquired_at")


def _kind(value: Any) -> str:
    return checked_name(value, "kind")


def _attributes(attributes: Any) -> FrozenMapping[str, Any]:
    if not isinstance(attributes, Mapping):
        raise InvalidDataError(f"attributes must map names to values, not {attributes!r}.")
    return FrozenMapping(attributes)


@final
@frozen
class Customer:
    """Somebody who may go through a lifecycle; which stage he is in is told by his touchpoints, not kept here.

    Parameters
    ----------
    id
        What tells the customer from others, text or a number.
    acquired_at : datetime, optional
        When the customer was acquired, with a time zone; opens the first visit where it is before the first touchpoint.
    channel : str, optional
        Where the customer came from.
    attributes : mapping, optional
        What else is known; a timeout may name one that holds a datetime with a time zone.

    Raises
    ------
    InvalidDataError
        If the id is missing, blank or has no hash, or `acquired_at` has no time zone.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> clm.Customer("ann", acquired_at=datetime(2025, 1, 31, tzinfo=UTC)).id
    'ann'
    """

    id: Any = field(converter=_id)
    acquired_at: datetime | None = field(default=None, kw_only=True, converter=_acquired_at)
    channel: str | None = field(default=None, kw_only=True, converter=_channel)
    attributes: Mapping[str, Any] = field(factory=dict, kw_only=True, converter=_attributes)


@final
@frozen
class Touchpoint:
    """One thing that a customer did or that was done to him.

    Parameters
    ----------
    customer_id
        Whose it is.
    at : datetime
        When, with a time zone; kept in UTC, to the microsecond.
    kind : str
        What, as the lifecycle names it: ``"order"``.
    channel : str, optional
        Where.
    amount, score : float, optional
        How much, and how it was rated; finite.
    ref : optional
        The source's own id; visits that the touchpoint opens carry it.

    Raises
    ------
    InvalidDataError
        If the time has no zone, the kind or the id is blank, the id has no hash, or a number is not finite.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> clm.Touchpoint("ann", datetime(2025, 1, 31, tzinfo=UTC), "order", amount=20).amount
    20.0
    """

    customer_id: Any = field(converter=_id)
    at: datetime = field(converter=_at)
    kind: str = field(converter=_kind)
    channel: str | None = field(default=None, kw_only=True, converter=_channel)
    amount: float | None = field(default=None, kw_only=True, converter=_amount)
    score: float | None = field(default=None, kw_only=True, converter=_score)
    ref: Any = field(default=None, kw_only=True)


@final
@frozen
class Visit:
    """A stay in one stage.

    Attributes
    ----------
    stage : str
        Where.
    entered_at : datetime
        When it began, UTC.
    exited_at : datetime or None
        When it ended; not included. None for the last visit.
    cause : str or None
        What opened it: the kind of a touchpoint, ``"timeout"`` or ``"acquired"``; None where a customer was begun by
        hand.
    ref : object
        The id of the touchpoint that opened it.
    """

    stage: str
    entered_at: datetime
    exited_at: datetime | None
    cause: str | None
    ref: Any = None
