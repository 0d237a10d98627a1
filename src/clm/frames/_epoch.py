"""Read dates, datetimes and ISO text of every engine as UTC microseconds."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data import MISSING, Zone, parsed
from clm.errors import InvalidDataError
from clm.stats import refuse

if TYPE_CHECKING:
    from clm.frames._column import Column
    from clm.typing import BoolArray, IntArray

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


def check_years(at: IntArray, name: str) -> None:
    """Refuse instants outside the years 1 to 9999, which not every engine can hold.

    Raises
    ------
    InvalidDataError
        If there is one; missing ones are none.
    """
    first, end = (np.datetime64(bound, "Y").astype("M8[us]").astype(np.int64) for bound in _YEARS)
    refuse((at != MISSING) & ((at < first) | (at >= end)), _FAR.format(name), _MEND)


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
            found = parsed(value)
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
