"""Hours in which nobody is disturbed, by local clocks, and when they end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.data import DAY
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.data import Zone

_HOW: Final = "Give two times of the day, as ('21:00', '08:00')."


@final
@frozen
class QuietHours:
    """From one time of the day until another, perhaps over midnight.

    Attributes
    ----------
    start, end : int
        Microseconds since midnight; the start is quiet, the end is not.
    """

    start: int
    end: int

    @classmethod
    def of(cls, given: Any) -> QuietHours | None:
        """Read two times of the day; None stays None.

        Raises
        ------
        InvalidDataError
            If they are none, or the same.
        """
        if given is None:
            return None
        if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
            raise InvalidDataError(f"quiet_hours={given!r} is no pair. {_HOW}")
        start, end = (_since_midnight(one) for one in given)
        if start == end:
            raise InvalidDataError(f"quiet_hours={given!r} start when they end. {_HOW}")
        return cls(start, end)

    def until(self, moment: int, zone: Zone) -> int:
        """Return when it may be done that is due at a moment: the moment itself, or the end of the quiet hours then.

        Where clocks are changed meanwhile, the end is what the clocks on the wall show: hours that are skipped do not
        end a quiet time, and hours that come twice may be quiet twice.
        """
        changes, offsets = zone.changes(np.array([moment, moment + 3 * DAY]))
        place = int(np.searchsorted(changes, moment, side="right"))
        while True:
            left = self._left((moment + int(offsets[place])) % DAY)
            if place == len(changes) or moment + left < changes[place]:
                return moment + left
            if left == 0:
                return moment
            moment = int(changes[place])
            place += 1

    def _left(self, clock: int) -> int:
        """Return how much of the quiet time is left when a clock shows a time of the day."""
        # Counted from the start, quiet hours over midnight are like any other.
        quiet = (clock - self.start) % DAY < (self.end - self.start) % DAY
        return (self.end - clock) % DAY if quiet else 0


def _since_midnight(given: Any) -> int:
    clock = given
    if isinstance(given, str):
        try:
            clock = time.fromisoformat(given.strip())
        except ValueError:
            raise InvalidDataError(f"{given!r} in quiet_hours is no time of the day. {_HOW}") from None
    if not isinstance(clock, time) or clock.tzinfo is not None:
        raise InvalidDataError(f"{given!r} in quiet_hours is no time of the day. {_HOW}")
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond
