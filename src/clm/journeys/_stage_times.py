"""When each customer entered a stage, first and last, and how much time he has spent in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.core import microseconds
from clm.data import DAY, MISSING, days_in, describe
from clm.errors import InvalidDataError, nearest
from clm.journeys._dwell import stage_number
from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.journeys._log import StageLog
    from clm.journeys._visits import Visits
    from clm.typing import Array, BoolArray, FloatArray, IntArray

OPEN_VISITS: Final = ("counted", "left_out")


@final
@frozen(kw_only=True, repr=False)
class StageTimes:
    """One row for each customer and stage that he has entered.

    Attributes
    ----------
    customer : (k,) ndarray
        Who, ascending.
    stage : (k,) ndarray of str
        Which stage; of one customer in the order of the lifecycle.
    visits : (k,) ndarray of int64
        How often he entered it.
    first_entered, last_entered : (k,) ndarray of datetime64
        When he did first and last, UTC.
    last_exited : (k,) ndarray of datetime64
        When his last visit that has ended did; NaT where none has.
    latest_time : (k,) ndarray of float64
        Length of his latest visit, in `unit`.
    cumulative_time : (k,) ndarray of float64
        Length of all his visits together, in `unit`.
    present : (k,) ndarray of bool
        Whether he is in the stage at the end of the log.
    unit : str
        Unit of the times.
    definition : str
        What was counted.

    Notes
    -----
    These are HubSpot's calculated properties by name: the date a stage was first entered ("became a ... date"), the
    date it was last entered, the latest and the cumulative time in it. HubSpot fills in a time when the visit ends:
    with ``open_visits="left_out"`` the latest time is that of the last visit that has ended, and both times are NaN
    before the first has. With ``"counted"`` the visit a customer is in counts as far as the log goes.

    Examples
    --------
    >>> log = clm.replay(
    ...     {
    ...         "customer_id": ["ann", "ann"],
    ...         "at": ["2025-01-03", "2025-01-10"],
    ...         "kind": ["form_submitted", "deal_created"],
    ...     },
    ...     clm.lifecycles.hubspot(),
    ...     through="2025-01-31",
    ... )
    >>> log.stage_times("lead").cumulative_time
    array([7.])
    """

    customer: Array = array_field(converter=frozen_array)
    stage: Array = array_field(converter=frozen_array)
    visits: IntArray = array_field(converter=frozen_array)
    first_entered: Array = array_field(converter=frozen_array)
    last_entered: Array = array_field(converter=frozen_array)
    last_exited: Array = array_field(converter=frozen_array)
    latest_time: FloatArray = array_field(converter=frozen_array)
    cumulative_time: FloatArray = array_field(converter=frozen_array)
    present: BoolArray = array_field(converter=frozen_array)
    unit: str
    definition: str

    __setstate__ = seal

    def to_columns(self) -> dict[str, Array]:
        """Return one row a customer and stage, the columns named as the attributes; ``customer_id`` first."""
        names = ("stage", "visits", "first_entered", "last_entered", "last_exited", "latest_time", "cumulative_time")
        columns = {"customer_id": self.customer} | {name: getattr(self, name) for name in names}
        return columns | {"present": self.present}

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        return f"<StageTimes: {len(self):,} rows, in {self.unit}s>"


def stage_times(log: StageLog, stage: Any, open_visits: str, unit: str) -> StageTimes:
    """Add up each customer's visits to one stage, or to every one.

    Raises
    ------
    InvalidDataError
        If there is no such stage, or `open_visits` or `unit` is unknown.
    """
    visits, through = log.visits, microseconds(log.through, "through")
    code = None if stage is None else stage_number(stage, log.lifecycle)
    if open_visits not in OPEN_VISITS:
        hint = nearest(str(open_visits), OPEN_VISITS)
        raise InvalidDataError(f"open_visits={open_visits!r} is not one of {', '.join(OPEN_VISITS)}.{hint}")
    scale = DAY * days_in(unit)
    rows, group, first = _grouped(visits, code)
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    entered, exited = visits.entered[rows], visits.exited(missing=MISSING)[rows]
    open_now = exited == MISSING
    length = np.where(open_now, through if open_visits == "counted" else entered, exited) - entered
    # Only the last visit of a group can be open; the one that ended last is then the one before, where there is one.
    present = open_now[last]
    ended = np.where(present, last - 1, last)
    ever = ended >= first
    latest = length[ended if open_visits == "left_out" else last].astype(float)
    total = np.add.reduceat(length, first).astype(float) if len(first) else np.empty(0)
    if open_visits == "left_out":
        latest[~ever] = total[~ever] = np.nan
    treated = "count up to the end of the log" if open_visits == "counted" else "are left out of the times"
    names = np.array(visits.machine.stages, dtype=object)
    return StageTimes(
        customer=visits.customer[group],
        stage=names[visits.stage_codes[rows[first]]],
        visits=last + 1 - first,
        first_entered=entered[first].view("M8[us]"),
        last_entered=entered[last].view("M8[us]"),
        last_exited=np.where(ever, exited[ended], MISSING).view("M8[us]"),
        latest_time=latest / scale,
        cumulative_time=total / scale,
        present=present,
        unit=unit,
        definition=(
            f"Visits of each customer to each stage, through {describe(through, log.zone)}; visits that have not ended"
            f" {treated}, visits of length zero are entries that take no time."
        ),
    )


def _grouped(visits: Visits, code: int | None) -> tuple[IntArray, IntArray, IntArray]:
    """Return visits by customer, stage and time, the customer of each group, and where the groups begin."""
    customer = np.repeat(np.arange(len(visits.customer)), np.diff(visits.offsets))
    if code is not None:
        rows = np.flatnonzero(visits.stage_codes == code)
        key = customer[rows]
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(rows)])  # the first row begins a group
        return rows, key[first], first
    key = customer * len(visits.machine.stages) + visits.stage_codes
    rows = np.argsort(key, kind="stable")
    key = key[rows]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(rows)])  # as above
    return rows, key[first] // max(len(visits.machine.stages), 1), first
