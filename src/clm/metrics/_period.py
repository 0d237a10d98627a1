"""The time that a customer base reports on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, final

from attrs import frozen

from clm.data import Zone, describe, parse_start, parse_through
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.typing import BoolArray, IntArray

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@final
@frozen
class Period:
    """From one instant through another, both included.

    Attributes
    ----------
    first : int or None
        UTC microseconds; None where the period begins with the data.
    last : int
        UTC microseconds, up to which the data are complete.
    zone : Zone
        In whose words the period is told.
    """

    first: int | None
    last: int
    zone: Zone

    @property
    def end(self) -> str:
        """The end in words, as ``"1998-06-30"``."""
        return describe(self.last, self.zone)

    @property
    def close(self) -> str:
        """The end in words, as a moment: ``"the end of 1998-06-30"``."""
        return self.end if " " in self.end else f"the end of {self.end}"

    @property
    def words(self) -> str:
        """The period in words, as ``"through 1998-06-30"``."""
        if self.first is None:
            return f"through {self.end}"
        return f"from {describe(self.first, self.zone).removesuffix(' 00:00:00')} through {self.end}"

    @property
    def begins(self) -> datetime | None:
        """First instant, as a datetime."""
        return None if self.first is None else moment(self.first)

    @property
    def ends(self) -> datetime:
        """Last instant, as a datetime."""
        return moment(self.last)

    def holds(self, instants: IntArray) -> BoolArray:
        """Return which instants lie in the period."""
        inside = instants <= self.last
        return inside if self.first is None else inside & (instants >= self.first)


def moment(instant: int) -> datetime:
    """Return UTC microseconds as an aware datetime."""
    return _EPOCH + timedelta(microseconds=instant)


def check_dates(start: Any, through: Any, zone: Zone) -> None:
    """Refuse what is no date, and a period that ends before it starts."""
    first = None if start is None else parse_start(start, zone)
    last = None if through is None else parse_through(through, zone)
    if first is not None and last is not None and first > last:
        raise InvalidDataError(f"start {start} is after through {through}. Swap them.")


def check_complete(through: Any, complete_through: Any, zone: Zone) -> None:
    """Refuse an end after the moment up to which a base is complete."""
    if through is None or complete_through is None:
        return
    complete = parse_through(complete_through, zone)
    if parse_through(through, zone) > complete:
        raise InvalidDataError(
            f"through {through} is after {describe(complete, zone)}, up to which this base is complete. "
            "Give an earlier date, or a base with later rows."
        )


def period_of(start: Any, last: int, zone: Zone) -> Period:
    """Return the period from a date, or from the first row, through an instant.

    Raises
    ------
    InvalidDataError
        If it ends before it starts.
    """
    first = None if start is None else parse_start(start, zone)
    if first is not None and first > last:
        raise InvalidDataError(
            f"start {start} is after {describe(last, zone)}, the last dated row. Give through=, or an earlier start."
        )
    return Period(first, last, zone)
