"""Read dates, datetimes and ISO text of every engine as UTC microseconds."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.frames._zone import DAY, MISSING, Zone
from clm.stats import refuse

if TYPE_CHECKING:
    from clm.frames._column import Column
    from clm.typing import BoolArray, IntArray

ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # wall time and UTC are told apart by the caller
_MICROSECOND = timedelta(microseconds=1)
_FAR = "column {!r} holds a date outside the years 1 to 9999"
_MEND = "Leave those rows out, or make the dates null where they mean none."
_YEARS = (1 - 1970, 10_000 - 1970)  # what datetime and every engine can hold


@final
@frozen
class Instants:
    """UTC microseconds of a column, and how they were read.

    Attributes
    ----------
    values : (n,) ndarray of int64
        Microseconds since 1970-01-01 UTC; ``MISSING`` where there is none.
    note : str
        How the column was read, for definitions.
    """

    values: IntArray
    note: str

    @property
    def missing(self) -> BoolArray:
        """Where there is no instant."""
        return np.equal(self.values, MISSING)


def instants(column: Column, name: str, zone: Zone) -> Instants:
    """Read a column of dates, datetimes or ISO text as UTC microseconds.

    Parameters
    ----------
    column
        What the frame holds.
    name
        The column's name, for messages.
    zone
        In which naive times are read; aware times are converted.

    Returns
    -------
    Instants

    Raises
    ------
    InvalidDataError
        If the column holds no times, mixes naive and aware ones, or holds text that is no ISO date or time.
    """
    values, missing = column.values, column.missing
    if values.dtype.kind == "M" and np.datetime_data(values.dtype)[0] != "generic":
        wall = _microseconds(values, missing, name)
        return _read(wall, column.aware, zone)
    if missing.all():
        # A column of nulls has no type of its own.
        return Instants(np.full(len(values), MISSING), note(aware=False, zone=zone))
    if values.dtype.kind in "OU":
        return _objects(values, missing, name, zone)
    what = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "numbers", "m": "durations"}
    raise InvalidDataError(
        f"column {name!r} holds {what.get(values.dtype.kind, str(values.dtype))}, but dates or times are expected. "
        "Convert epoch numbers first: clm cannot know what they count."
    )


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


def check_years(at: IntArray, name: str) -> None:
    """Refuse instants outside the years 1 to 9999, which not every engine can hold.

    Raises
    ------
    InvalidDataError
        If there is one; missing ones are none.
    """
    first, end = (np.datetime64(bound, "Y").astype("M8[us]").astype(np.int64) for bound in _YEARS)
    refuse((at != MISSING) & ((at < first) | (at >= end)), _FAR.format(name), _MEND)


def describe(instant: int, zone: Zone) -> str:
    """Return an instant as readers write it: a date where it is the last microsecond of a local day."""
    wall = int(zone.to_wall(np.array([instant]))[0])
    if (wall + 1) % DAY == 0:
        return str(np.datetime64(wall, "us").astype("M8[D]"))
    text = str(np.datetime64(wall, "us")).replace("T", " ")
    return text.removesuffix(".000000")


def _read(wall: IntArray, aware: bool, zone: Zone) -> Instants:  # noqa: FBT001  # one of two facts about a column
    return Instants(wall if aware else zone.to_utc(wall), note(aware=aware, zone=zone))


def note(*, aware: bool, zone: Zone) -> str:
    """Say how a column of times was read, for definitions."""
    return "times carry their zone" if aware else f"naive times are read in {zone.name}"


def _microseconds(values: Any, missing: BoolArray, name: str) -> IntArray:
    unit, step = np.datetime_data(values.dtype)
    ticks = values.view(np.int64)
    # Coarse units reach further than microseconds do: compare before a cast could wrap around.
    first, end = (np.datetime64(bound, "Y").astype(f"M8[{step}{unit}]").astype(np.int64) for bound in _YEARS)
    known = ~missing & (ticks != MISSING)
    if unit not in {"ns", "ps", "fs", "as"}:
        refuse(known & ((ticks < first) | (ticks >= end)), _FAR.format(name), _MEND)
    microseconds = values.astype("M8[us]").view(np.int64)
    return microseconds if known.all() else np.where(known, microseconds, MISSING)


def _objects(values: Any, missing: BoolArray, name: str, zone: Zone) -> Instants:
    wall = np.full(len(values), MISSING)
    aware = np.zeros(len(values), bool)
    seen: dict[Any, tuple[int, bool]] = {}
    for row, value in enumerate(values.tolist()):
        if missing[row]:
            continue
        # Dates repeat: each distinct one is parsed once. A date equals no datetime, so that the key is safe;
        # equal aware datetimes of different zones are the same instant.
        found = seen.get(value) if isinstance(value, (str, date, np.datetime64)) else None
        if found is None:
            found = _parsed(value)
            if found is None:
                raise InvalidDataError(_unreadable(value, row, name))
            seen[value] = found
        wall[row], aware[row] = found
    known = ~missing
    if aware[known].any() and not aware[known].all():
        first = int(np.flatnonzero(known & (aware != aware[known][0]))[0])
        raise InvalidDataError(
            f"column {name!r} mixes times with and without a zone, first at row {first}. Give all of them one zone, "
            "or none and the zone in tz=."
        )
    return _read(wall, bool(aware[known].all()), zone)


def _unreadable(value: Any, row: int, name: str) -> str:
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    how = "1997-09-30, or 1997-09-30 14:05:00 with or without a zone as +02:00"
    return f"column {name!r} cannot be read as dates or times: {shown} at row {row}. Write them as {how}."


def _parsed(value: Any) -> tuple[int, bool] | None:
    """Return microseconds (wall time, or UTC where aware) and whether aware; None for what is no time."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return _of_datetime(value)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day) - _EPOCH) // _MICROSECOND, False  # noqa: DTZ001
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
        found = _parsed(value)
        if found is not None:
            bare = len(value.strip()) == 10 if isinstance(value, str) else not isinstance(value, datetime)
            return found[0], bare, found[1]
    raise InvalidDataError(
        f"{name}={value!r} is no date or time. Give a date ('1997-09-30'), a datetime, or ISO text with both."
    )


def _utc(wall: int, aware: bool, zone: Zone) -> int:  # noqa: FBT001  # one of two facts about a moment
    return wall if aware else int(zone.to_utc(np.array([wall]))[0])
