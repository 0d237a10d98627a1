"""What a purchase is: the options that turn an order log into purchase histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.data import DAYS, HOUR, HOURS, Calendar, Zone, days_in, describe, parse_start, parse_through
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

REFUNDS: Final = ("net", "ignore", "raise")
_REFUNDS_SAID: Final = {
    "net": "amounts within an occasion add up, refunds included, and an occasion below 0 is no purchase",
    "ignore": "rows with a negative amount are left out, and amounts within an occasion add up",
    "raise": "amounts within an occasion add up",
}


@final
@frozen
class Rules:
    """Validated options of the functions that reduce orders.

    Attributes
    ----------
    unit : str
        Unit of recency and T.
    occasion : str
        Period whose purchases are one, or "order".
    zone : Zone
        In whose wall time periods are cut and naive times are read.
    start, through : int or None
        First and last instant that count, in UTC microseconds.
    refunds : str
        What negative amounts do.
    week_start : str
        Weekday on which weeks start.
    """

    unit: str
    occasion: str
    zone: Zone
    start: int | None
    through: int | None
    refunds: str
    week_start: str

    @classmethod
    def of(cls, *, unit: str, occasion: str, start: Any, through: Any, tz: Any, refunds: str, week_start: str) -> Rules:
        """Check the options.

        Raises
        ------
        InvalidDataError
            If one of them is unknown, or `start` lies after `through`.
        """
        days_in(unit)
        if occasion not in {*HOURS, "order"}:
            known = [*HOURS, "order"]
            raise InvalidDataError(
                f"occasion {occasion!r} is not one of {', '.join(known)}.{nearest(str(occasion), known)}"
            )
        if refunds not in REFUNDS:
            raise InvalidDataError(
                f"refunds {refunds!r} is not one of {', '.join(REFUNDS)}.{nearest(str(refunds), REFUNDS)}"
            )
        zone = Zone.of(tz)
        Calendar("week", zone, week_start)
        first = None if start is None else parse_start(start, zone)
        last = None if through is None else parse_through(through, zone)
        if first is not None and last is not None and first > last:
            raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
        return cls(unit, occasion, zone, first, last, refunds, week_start)

    @property
    def calendar(self) -> Calendar | None:
        """How occasions are numbered; None where every order is one."""
        return None if self.occasion == "order" else Calendar(self.occasion, self.zone, self.week_start)

    def ages(self, slots: IntArray) -> FloatArray:
        """Return differences of occasion numbers (of instants, where every order is an occasion) in `unit`."""
        unit_hours = DAYS[self.unit] * 24
        if self.occasion == "order":
            return np.asarray(slots / (HOUR * unit_hours), np.float64)
        return np.asarray(slots * HOURS[self.occasion] / unit_hours, np.float64)

    def sentence(self, *, note: str, through: int, amounts: bool) -> str:
        """Return the definition that results carry."""
        weeks = f", weeks from {self.week_start}" if self.occasion == "week" else ""
        occasions = (
            "Every order is a purchase occasion"
            if self.occasion == "order"
            else f"A purchase occasion is a distinct {self.occasion} in {self.zone.name}{weeks}"
        )
        since = "" if self.start is None else f"from {describe(self.start, self.zone)} "
        money = f"; {_REFUNDS_SAID[self.refunds]}" if amounts else ""
        return (
            f"{occasions}; frequency counts the occasions after the first, recency and T run from the first occasion "
            f"to the last and to the end of observation, in {self.unit}s; orders {since}through "
            f"{describe(through, self.zone)}; {note}{money}."
        )
