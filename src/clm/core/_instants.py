"""Instants as whole microseconds since 1970 UTC, so that every engine compares the same numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from clm.errors import InvalidDataError

NEVER: Final = 2**60
"""An instant after every other; twice it still fits in 64 bits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def microseconds(at: Any, what: str) -> int:
    """Return an aware datetime as microseconds since 1970 UTC.

    Parameters
    ----------
    at
        The datetime.
    what
        What it is, for messages.

    Raises
    ------
    InvalidDataError
        If it is no datetime, or naive.
    """
    if not isinstance(at, datetime) or at != at:  # noqa: PLR0124  # a missing time of pandas differs from itself
        raise InvalidDataError(f"{what} must be a datetime with a time zone, not {at!r}.")
    offset = at.utcoffset()
    if offset is None:
        raise InvalidDataError(
            f"{what} {at.isoformat(sep=' ')} has no time zone. Give one: datetime(2025, 1, 31, tzinfo=timezone.utc)."
        )
    # Field by field: the arithmetic of pandas' subclass has another range.
    wall = datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=UTC)
    return (wall - _EPOCH - offset) // _MICROSECOND


def last_microsecond(through: Any, what: str = "through") -> int:
    """Return the last microsecond that `through` includes: of a bare date, the end of that day in UTC.

    Raises
    ------
    InvalidDataError
        If it is neither a date nor an aware datetime.
    """
    if isinstance(through, date) and not isinstance(through, datetime):
        midnight = datetime(through.year, through.month, through.day, tzinfo=UTC)
        return microseconds(midnight, what) + timedelta(days=1) // _MICROSECOND - 1
    return microseconds(through, what)


def instant(at: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def representable(at: int) -> bool:
    """Whether an instant is one that a datetime can hold."""
    return at <= _LAST


def in_utc(at: Any, what: str) -> datetime:
    """Return an aware datetime in UTC, to the microsecond.

    Raises
    ------
    InvalidDataError
        If it is no datetime, or naive.
    """
    return instant(microseconds(at, what))
