"""Read one date or time as the instant that it means."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np

from clm.data._zone import DAY, Zone
from clm.errors import InvalidDataError

ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # wall time and UTC are told apart by the caller
_MICROSECOND = timedelta(microseconds=1)


def parse_through(value: Any, zone: Zone, name: str = "through") -> int:
    """Return the last microsecond that `value` includes: of a date, the end of that local day.

    Parameters
    ----------
    value
        A date, a datetime (naive ones are read in `zone`), ISO text, or a NumPy datetime64.
    zone
        In which days end.
    name
        The argument's name, for messages.

    Returns
    -------
    int
        UTC microseconds.

    Raises
    ------
    InvalidDataError
        If the value is no date or time.
    """
    wall, is_date, offset = _moment(value, name)
    if is_date:
        return int(zone.to_utc(np.array([wall + DAY]))[0]) - 1
    return _utc(wall, offset, zone)


def parse_start(value: Any, zone: Zone, name: str = "start") -> int:
    """Return the first microsecond that `value` includes: of a date, the start of that local day.

    Parameters and errors are those of `parse_through`.
    """
    wall, _, offset = _moment(value, name)
    return _utc(wall, offset, zone)


def refuse_late_start(start: int, through: int, zone: Zone) -> None:
    """Refuse a start after the end of a log, UTC microseconds.

    Raises
    ------
    InvalidDataError
        If it lies there.
    """
    if start > through:
        raise InvalidDataError(
            f"start, {describe(start, zone)}, lies after the end of the log, {describe(through, zone)}. "
            "Give an earlier start, or as through= the time to which the log is complete."
        )


def describe(instant: int, zone: Zone) -> str:
    """Return an instant as readers write it: a date where it is the last microsecond of a local day."""
    wall = int(zone.to_wall(np.array([instant]))[0])
    if (wall + 1) % DAY == 0:
        return str(np.datetime64(wall, "us").astype("M8[D]"))
    text = str(np.datetime64(wall, "us")).replace("T", " ")
    return text.removesuffix(".000000")


def parsed(value: Any) -> tuple[int, bool] | None:
    """Return microseconds (wall time, or UTC where aware) and whether aware; None for what is no time."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return _of_datetime(value)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day) - _EPOCH) // _MICROSECOND, False  # noqa: DTZ001  # a bare date has no zone
    if isinstance(value, np.datetime64):
        return int(value.astype("M8[us]").astype(np.int64)), False
    return None


def _of_datetime(value: datetime) -> tuple[int, bool]:
    offset = value.utcoffset()
    naive = datetime(  # noqa: DTZ001  # also strips subclasses: pandas' arithmetic wraps beyond 2262
        value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond
    )
    wall = (naive - _EPOCH) // _MICROSECOND
    return (wall, False) if offset is None else (wall - offset // _MICROSECOND, True)


def _text(text: str) -> tuple[int, bool] | None:
    match = ISO.fullmatch(text.strip())
    if match is None:
        return None
    day, clock, zone = match.groups()
    clock = (clock or "00:00").replace(",", ".")
    if len(clock) > 15:
        clock = clock[:15]  # nanoseconds are cut to microseconds, as from every engine
    try:
        return _of_datetime(datetime.fromisoformat(f"{day}T{clock}{zone or ''}"))
    except ValueError:
        return None


def _moment(value: Any, name: str) -> tuple[int, bool, bool]:
    """Return microseconds, whether the value is a bare date, and whether it carries a zone."""
    if isinstance(value, np.datetime64) and not np.isnat(value):
        unit = np.datetime_data(value.dtype)[0]
        if unit not in {"Y", "M", "W"}:
            return int(value.astype("M8[us]").astype(np.int64)), unit == "D", False
    elif isinstance(value, str) or (isinstance(value, date) and value == value):  # noqa: PLR0124  # NaT differs
        found = parsed(value)
        if found is not None:
            bare = len(value.strip()) == 10 if isinstance(value, str) else not isinstance(value, datetime)
            return found[0], bare, found[1]
    raise InvalidDataError(
        f"{name}={value!r} is no date or time. Give a date ('1997-09-30'), a datetime, or ISO text with both."
    )


def _utc(wall: int, aware: bool, zone: Zone) -> int:  # noqa: FBT001  # one of two facts about a moment
    return wall if aware else int(zone.to_utc(np.array([wall]))[0])
