"""From starts and ends to ages at the end, or at the end of observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import DAY, HOUR, MISSING, Durations, Zone, days_in, describe, parse_through
from clm.errors import InvalidDataError
from clm.frames._epoch import instants
from clm.frames._ids import BLANK, NULL, identify
from clm.frames._source import open_table
from clm.stats import refuse

if TYPE_CHECKING:
    from clm.typing import Unit


def durations(
    frame: Any,
    *,
    customer: str | None = None,
    start_at: str | None = None,
    end_at: str | None = None,
    through: Any = None,
    unit: Unit = "day",
    tz: Any = "UTC",
) -> Durations:
    """Measure how long customers stayed, those who are still there up to the end of observation.

    Parameters
    ----------
    frame
        One row a customer, or a subscription: any dataframe, or a `Source`. Lazy frames are fetched, two or three
        columns, since every row counts.
    customer, start_at, end_at
        Names of the columns; by default ``customer_id``, where there is one, ``start_at`` and ``end_at``. A null end
        means that the customer is still there.
    through
        Last date or instant observed; a date includes the whole day, so that who is still there has been observed to
        midnight. By default the latest start or end.
    unit
        Unit of the ages; fixed lengths.
    tz
        Time zone in which times without a zone are read.

    Returns
    -------
    Durations
        In row order. Ends after `through` have not been observed by then; starts after it are left out and counted.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, an end is before its start, or no row is left.

    Examples
    --------
    >>> subscriptions = {
    ...     "start_at": ["2025-01-01", "2025-01-15", "2025-02-01"],
    ...     "end_at": ["2025-01-31", None, "2025-03-05"],
    ... }
    >>> stays = clm.durations(subscriptions, through="2025-02-28")
    >>> stays.durations, stays.observed
    (array([30., 45., 28.]), array([ True, False, False]))
    """
    zone = Zone.of(tz)
    last = None if through is None else parse_through(through, zone)
    scale = HOUR * 24 * days_in(unit)
    named = {"customer": customer, "start_at": start_at, "end_at": end_at}
    table = open_table(frame, named, required=("start_at", "end_at"), optional=("customer",), what="frame").collected()
    began = instants(table.column("start_at"), table.names["start_at"], zone)
    ended = instants(table.column("end_at"), table.names["end_at"], zone)
    start, end = began.values, ended.values
    still = end == MISSING
    refuse(
        ~still & (start != MISSING) & (end < start),
        f"{table.names['end_at']!r} is before {table.names['start_at']!r}",
        "Check which column is which, and the rows.",
    )
    last = int(max(start.max(initial=MISSING), end.max(initial=MISSING))) if last is None else last
    ids = identify(table) if table.has("customer") else None
    kept = np.ones(len(start), bool)
    dropped: dict[str, int] = {}
    for reason, bad in (
        ("null ids", None if ids is None else ids.keys == NULL),
        ("blank ids", None if ids is None else ids.keys == BLANK),
        ("null starts", start == MISSING),
        ("starts after through", start > last),
    ):
        number = 0 if bad is None else int((kept & bad).sum())
        if bad is not None and number:
            dropped[reason] = number
            kept &= ~bad
    if not kept.any():
        reasons = ", ".join(f"{number:,} for {reason}" for reason, number in dropped.items())
        raise InvalidDataError(
            f"no row of frame can be used: of {len(start):,} rows, {reasons or 'none'} were left out. "
            "Check columns and through."
        )
    observed = ~still & (end <= last)
    age = np.where(observed, end, _end_of_observation(last, zone)) - start
    said = describe(last, zone)
    return Durations(
        age[kept] / scale,
        observed[kept],
        unit=unit,
        customer=None if ids is None else ids.labels(ids.keys[kept]),
        dropped=dropped,
        definition=(
            f"Time from {table.names['start_at']!r} to {table.names['end_at']!r} in {unit}s of fixed length; customers "
            f"without an end by {said} were still there then; {_notes(began.note, ended.note)}."
        ),
    )


def _end_of_observation(last: int, zone: Zone) -> int:
    """Return midnight after a whole last day, else the last instant."""
    wall = int(zone.to_wall(np.array([last]))[0])
    return last + 1 if (wall + 1) % DAY == 0 else last


def _notes(start: str, end: str) -> str:
    return start if start == end else f"{start} at the start, {end} at the end"
