"""Lengths of time that mean the same everywhere: weeks, days, hours, never months."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from clm.errors import InvalidDataError

MICROSECOND: Final = timedelta(microseconds=1)

# Longest first: a duration is written in the longest unit that divides it.
_UNITS: Final = {
    "w": timedelta(weeks=1) // MICROSECOND,
    "d": timedelta(days=1) // MICROSECOND,
    "h": timedelta(hours=1) // MICROSECOND,
    "min": timedelta(minutes=1) // MICROSECOND,
    "s": timedelta(seconds=1) // MICROSECOND,
    "us": 1,
}
_NAMES: Final = {
    "week": "w",
    "weeks": "w",
    "day": "d",
    "days": "d",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "second": "s",
    "seconds": "s",
}
_CALENDAR: Final = {"m", "mo", "mon", "month", "months", "q", "quarter", "quarters", "y", "yr", "year", "years"}
_LONGEST: Final = timedelta(days=1_000_000)
_PATTERN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII | re.IGNORECASE)
_HOW: Final = "Give '90d', '12h', '2w', '45min' or a timedelta."


def duration(length: Any, what: str) -> timedelta:
    """Return a positive length of time from text or a timedelta.

    Parameters
    ----------
    length
        A number and a unit, ``w``, ``d``, ``h``, ``min``, ``s`` or ``us`` or the unit's whole name; or a timedelta.
    what
        What it is, for messages.

    Raises
    ------
    InvalidDataError
        If it is not positive, has a unit of no fixed length (months, years), or is no duration.
    """
    length = _parsed(length, what) if isinstance(length, str) else length
    if not isinstance(length, timedelta):
        raise InvalidDataError(f"{what}={length!r} is no duration. {_HOW}")
    if not timedelta(0) < length <= _LONGEST:
        limit = "must be positive" if length <= timedelta(0) else "is longer than 1,000,000 days"
        raise InvalidDataError(f"{what}={length} {limit}. {_HOW}")
    return timedelta(days=length.days, seconds=length.seconds, microseconds=length.microseconds)


def microseconds_of(length: Any, what: str) -> int:
    """Return a positive length of time in microseconds, from text or a timedelta.

    Raises
    ------
    InvalidDataError
        As `duration`.
    """
    return duration(length, what) // MICROSECOND


def written(length: timedelta) -> str:
    """Return a duration as `duration` reads it: in days where they fit, else in the longest unit that does."""
    whole = length // MICROSECOND
    unit = next(unit for unit, size in _UNITS.items() if unit != "w" and whole % size == 0)
    return f"{whole // _UNITS[unit]}{unit}"


def _parsed(text: str, what: str) -> timedelta:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise InvalidDataError(f"{what}={text!r} is no duration. {_HOW}")
    number, unit = Decimal(match[1]), match[2].lower()
    unit = _NAMES.get(unit, unit)
    if unit in _CALENDAR:
        more = " For minutes write 'min'." if unit == "m" else ""
        raise InvalidDataError(f"{what}={text!r}: months and years have no fixed length. Give days, as in '90d'.{more}")
    if unit not in _UNITS:
        raise InvalidDataError(f"{what}={text!r} has an unknown unit {match[2]!r}. {_HOW}")
    whole = number * _UNITS[unit]
    if whole != int(whole):
        raise InvalidDataError(f"{what}={text!r} is no whole number of microseconds. {_HOW}")
    if whole > _LONGEST // MICROSECOND:
        raise InvalidDataError(f"{what}={text!r} is longer than 1,000,000 days. {_HOW}")
    return timedelta(microseconds=int(whole))
