"""Turn instants into local wall time and back, whole columns at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from clm.typing import IntArray

MISSING: Final = np.iinfo(np.int64).min
"""The instant that stands for none, as in NumPy's NaT."""

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What datetime can hold, less a day at each end, so that an offset never leads out of it.
_FIRST = -62_135_596_800 * SECOND + DAY
_LAST = 253_402_300_799 * SECOND - DAY
_MICROSECOND = timedelta(microseconds=1)


@final
@frozen(repr=False)
class Zone:
    """A time zone whose offsets are looked up for whole arrays.

    Parameters
    ----------
    name : str
        What the zone is called in definitions.
    rules : tzinfo
        Where its offsets come from.

    Notes
    -----
    Offsets change a few times a year. Their instants are found once per year and zone by bisection, so a column costs
    one binary search a row, and no Python per row. A wall time that occurs twice is taken the first time, one that is
    skipped is read with the offset before the skip, as ``datetime`` does with ``fold=0``.
    """

    name: str
    rules: tzinfo

    @classmethod
    def of(cls, tz: Any) -> Zone:
        """Return the zone of a name ("Europe/Berlin") or a tzinfo.

        Raises
        ------
        InvalidDataError
            If the name is unknown.
        """
        if isinstance(tz, Zone):
            return tz
        if isinstance(tz, tzinfo):
            name = getattr(tz, "key", None) or str(tz)
            # Compared, not looked up: dateutil's zones have no hash.
            return cls("UTC" if tz == UTC or name == "UTC" else name, tz)
        if not isinstance(tz, str):
            raise InvalidDataError(f"tz must be the name of a time zone, as 'Europe/Berlin', not {tz!r}.")
        if tz.upper() in {"UTC", "Z"}:
            return cls("UTC", UTC)
        try:
            return cls(tz, ZoneInfo(tz))
        except (LookupError, ValueError, OSError):
            hint = nearest(tz, available_timezones()) or " Give a name of the IANA database, as 'Europe/Berlin'."
            raise InvalidDataError(f"time zone {tz!r} is unknown.{hint}") from None

    @property
    def is_utc(self) -> bool:
        """Whether wall time is UTC."""
        return self.name == "UTC"

    def __repr__(self) -> str:
        return f"<Zone: {self.name}>"

    def offset(self, instants: IntArray) -> IntArray:
        """Return what to add to UTC to get wall time, in microseconds; any value where an instant is missing."""
        changes, offsets = self.changes(instants)
        return offsets[np.searchsorted(changes, instants, side="right")]

    def to_wall(self, instants: IntArray) -> IntArray:
        """Return local wall time of UTC instants, both in microseconds; missing stays missing."""
        if self.is_utc:
            return instants
        return np.where(instants == MISSING, MISSING, instants + self.offset(instants))

    def to_utc(self, wall: IntArray) -> IntArray:
        """Return UTC instants of local wall time, both in microseconds; missing stays missing."""
        if self.is_utc:
            return wall
        changes, offsets = self.changes(wall)
        # Wall time belongs to the earlier offset until both offsets say that the change has happened.
        switched = changes + np.maximum(offsets[:-1], offsets[1:])
        return np.where(wall == MISSING, MISSING, wall - offsets[np.searchsorted(switched, wall, side="right")])

    def changes(self, near: IntArray) -> tuple[IntArray, IntArray]:
        """Return when offsets change around the given times, and the offsets before, between and after.

        Parameters
        ----------
        near
            Times in microseconds, UTC or wall.

        Returns
        -------
        changes : (k,) ndarray of int64
            UTC instants, ascending.
        offsets : (k + 1,) ndarray of int64
            Microseconds to add to UTC; the first holds before the first change.
        """
        known = near[near != MISSING] if near.size and near.min() == MISSING else near
        if not known.size:
            return np.empty(0, np.int64), np.zeros(1, np.int64)
        first, last = int(known.min()) - 2 * DAY, int(known.max()) + 2 * DAY
        years = list(range(_year(first), _year(last) + 1))
        if len(years) > 400:
            # A stray date far off: look only at the years that occur, and at their neighbours.
            present = np.clip(known, _FIRST, _LAST).view("M8[us]").astype("M8[Y]").astype(np.int64) + 1970
            around = np.unique(np.unique(present)[:, None] + np.array([-1, 0, 1]))
            years = around[(around >= 1) & (around <= 9999)].tolist()
        # Zones that cannot be a dictionary's key (dateutil's) are looked up afresh.
        changes_in = _changes_in if isinstance(self.rules, ZoneInfo) else _changes_in.__wrapped__
        found = [change for year in years for change in changes_in(self.rules, year)]
        changes = np.array([instant for instant, _ in found], np.int64)
        offsets = np.array([found[0][1], *(offset for _, offset in found)], np.int64)
        real = offsets[1:] != offsets[:-1]
        return changes[real], np.concatenate([offsets[:1], offsets[1:][real]])


def _year(instant: int) -> int:
    return (_EPOCH + timedelta(microseconds=min(max(instant, _FIRST), _LAST))).year


def _year_start(year: int) -> int:
    return max((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND, _FIRST)


def _offset_at(rules: tzinfo, instant: int) -> int:
    offset = (_EPOCH + timedelta(microseconds=min(max(instant, _FIRST), _LAST))).astimezone(rules).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


@lru_cache(maxsize=4096)
def _changes_in(rules: tzinfo, year: int) -> tuple[tuple[int, int], ...]:
    """Return the start of one year and the changes in it, each with the offset from then on."""
    start = _year_start(year)
    end = _year_start(year + 1) if year < 9999 else _LAST
    day, before = start, _offset_at(rules, start)
    found = [(start, before)]
    while day < end:
        following = min(day + DAY, end)
        after = _offset_at(rules, following)
        if after != before:
            found.append((_bisect(rules, day, following, after), after))
        day, before = following, after
    return tuple(found)


def _bisect(rules: tzinfo, before: int, after: int, offset: int) -> int:
    """Return the first whole second at which an offset holds."""
    low, high = before // SECOND, -(-after // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(rules, middle * SECOND) == offset:
            high = middle
        else:
            low = middle
    return high * SECOND
