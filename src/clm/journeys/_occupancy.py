"""How many customers are in each stage, period after period."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.core import NEVER
from clm.data import describe
from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.data import Calendar
    from clm.journeys._visits import Visits
    from clm.typing import Array, IntArray

_BLOCK = 1 << 20


@final
@frozen(kw_only=True, repr=False)
class Occupancy:
    """Customers in each stage at the end of each calendar period.

    Attributes
    ----------
    periods : (p,) ndarray of datetime64
        Local date (for hours, the local hour) on which each period starts.
    stages : tuple of str
        All stages of the lifecycle.
    counts : (p, s) ndarray of int64
        Customers in each stage in the last instant of each period; of a period in progress, at the log's `through`. A
        row adds up to the customers who had begun by then.
    status : (p,) ndarray of str
        ``"complete"``, or ``"in_progress"`` where the log ends before the period does.
    definition : str
        What was counted.
    """

    periods: Array = array_field()
    stages: tuple[str, ...]
    counts: IntArray = array_field()
    status: Array = array_field()
    definition: str

    __setstate__ = seal

    def to_columns(self) -> dict[str, Array]:
        """Return one row a period and stage: when, where, how many customers, and the status of the period."""
        stages = np.array(self.stages, dtype=object)
        return {
            "period": np.repeat(self.periods, len(stages)),
            "stage": np.tile(stages, len(self.periods)),
            "customers": self.counts.ravel(),
            "status": np.repeat(self.status, len(stages)),
        }

    def __repr__(self) -> str:
        return f"<Occupancy: {len(self.periods):,} periods, {len(self.stages)} stages>"


def occupancy(visits: Visits, calendar: Calendar, through: int) -> Occupancy:
    """Count customers by stage at the end of each period from the first visit's to the one that holds `through`."""
    stages = visits.machine.stages
    numbers = _periods(calendar, visits, through)
    ends = calendar.start(numbers + 1) - 1
    complete = ends <= through
    moments = np.minimum(ends, through)
    size = len(moments) + 1
    moved = np.zeros(len(stages) * size, np.int64)
    exited = visits.exited(missing=NEVER)
    for block in (slice(start, start + _BLOCK) for start in range(0, visits.n, _BLOCK)):
        # A visit counts at the moments from its entry on and before its exit: a visit of length zero at none.
        cells = visits.stage_codes[block].astype(np.int64) * size
        moved += np.bincount(cells + np.searchsorted(moments, visits.entered[block]), minlength=len(moved))
        moved -= np.bincount(cells + np.searchsorted(moments, exited[block]), minlength=len(moved))
    counts = np.cumsum(moved.reshape(len(stages), size), axis=1)[:, :-1].T
    weeks = f", weeks from {calendar.week_start}" if calendar.period == "week" else ""
    return Occupancy(
        periods=frozen_array(calendar.label(numbers)),
        stages=stages,
        counts=frozen_array(np.ascontiguousarray(counts)),
        status=frozen_array(np.where(complete, "complete", "in_progress")),
        definition=f"Customers in each stage in the last instant of each {calendar.period} in "
        f"{calendar.zone.name}{weeks}; of a period in progress, at {describe(through, calendar.zone)}.",
    )


def _periods(calendar: Calendar, visits: Visits, through: int) -> IntArray:
    if not visits.n:
        return np.empty(0, np.int64)
    lowest, highest = calendar.index(np.array([visits.entered.min(), through])).tolist()
    return np.arange(lowest, highest + 1)
