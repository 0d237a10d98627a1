"""Which customers were active in which calendar periods: what retention, flows and stickiness are counted from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen

from clm.data import MISSING
from clm.frames._epoch import instants
from clm.frames._histories import run_ends, run_starts, sort_rows
from clm.frames._ids import Ids, identify
from clm.frames._kept import KEPT, kept_plan, kept_rows
from clm.frames._plan import AT, ID, PERIOD, Plan, integer_sum, plan
from clm.frames._source import Table, collect
from clm.frames._texts import coded_text

if TYPE_CHECKING:
    from clm.data import Calendar
    from clm.typing import Array, BoolArray, IntArray

_CELLS: Final = 1 << 28
"""Cells of customer by period up to which each has a byte."""

_COUNTED: Final = 1 << 26
"""Cells up to which each has a count."""

NEVER: Final = np.iinfo(np.int64).max


@final
@frozen(eq=False)
class Presence:
    """Rows of a log that count, or what a database made of them: one row a customer and period.

    Attributes
    ----------
    customer : (m,) ndarray of int64
        Place of each row's customer, from 0 on, ascending with the ids.
    period : (m,) ndarray of int64
        Number of its calendar period.
    at : (m,) ndarray of int64
        Its instant; of a period the first start event's, ``NEVER`` without one.
    starts, returns : (m,) ndarray of int64 or bool, or None
        Start events and return events that it stands for; None where each row is one of either.
    keys : (n,) ndarray of int64
        Each customer's key in `ids`.
    ids : Ids
    through : int
        Last instant observed.
    first : int
        Number of the period in which the log begins.
    dropped : dict of str to int
        Rows that were left out, by reason.
    rows : (rows,) ndarray of bool, or slice
        Which rows of the table count.
    """

    customer: IntArray
    period: IntArray
    at: IntArray
    starts: Array | None
    returns: Array | None
    keys: IntArray
    ids: Ids
    through: int
    first: int
    dropped: dict[str, int]
    rows: BoolArray | slice = slice(None)

    def __len__(self) -> int:
        return len(self.keys)

    def labels(self, places: IntArray) -> Array:
        """Return the ids of customers."""
        return self.ids.labels(self.keys[places])

    def start_rows(self) -> BoolArray | slice:
        """Return which rows hold a start event."""
        return slice(None) if self.starts is None else np.asarray(self.starts > 0)

    def return_pairs(self, minimum: int = 1) -> tuple[IntArray, IntArray]:
        """Return customers and periods with enough return events, by customer and period."""
        if self.returns is None:
            return distinct_pairs(self.customer, self.period, len(self), minimum)
        if self.returns.dtype == bool:
            return distinct_pairs(self.customer[self.returns], self.period[self.returns], len(self), minimum)
        enough = self.returns >= minimum
        return distinct_pairs(self.customer[enough], self.period[enough], len(self))

    def start_pairs(self, since: int | None = None) -> tuple[IntArray, IntArray]:
        """Return customers and periods with a start event, by customer and period."""
        rows: Any = self.start_rows()
        if since is not None:
            late = self.at >= since
            rows = late if isinstance(rows, slice) else rows & late
        return distinct_pairs(self.customer[rows], self.period[rows], len(self))


def presence_of(table: Table, calendar: Calendar, *, through: int | None, not_before: int | None = None) -> Presence:
    """Read a table of events of any kind, in the database where it can; as `presence_of_rows`."""
    canonical = plan(table, calendar.zone) if table.lazy else None
    if canonical is None:
        rows = table.collected()
        return presence_of_rows(
            rows, calendar, start_kind=None, return_kind=None, through=through, not_before=not_before
        )
    return presence_of_plan(
        canonical, calendar, start_kind=None, return_kind=None, through=through, not_before=not_before
    )


def presence_of_rows(
    table: Table,
    calendar: Calendar,
    *,
    start_kind: str | None,
    return_kind: str | None,
    through: int | None,
    not_before: int | None = None,
) -> Presence:
    """Read an eager table.

    Parameters
    ----------
    table
        With customers, times and, where a kind is named, kinds.
    calendar
        How periods are numbered.
    start_kind, return_kind
        Kinds of start and return events; None for any.
    through, not_before
        Last and first instant that count.

    Raises
    ------
    InvalidDataError
        If a column cannot be read, or no row is left.
    """
    ids = identify(table)
    at = instants(table.column("at"), table.names["at"], calendar.zone).values
    kept, dropped = kept_rows(ids, at, start=not_before, through=through, what=table.what)
    flags = [_flags(table, kind) for kind in (start_kind, return_kind)]
    keys = ids.keys
    if not kept.all():
        keys, at = keys[kept], at[kept]
        flags = [None if flag is None else flag[kept] for flag in flags]
    present, place = places(keys, ids.size)
    period = calendar.index(at)
    return Presence(
        customer=place,
        period=period,
        at=at,
        starts=flags[0],
        returns=flags[1],
        keys=present,
        ids=ids,
        through=int(at.max()) if through is None else through,
        first=int(period.min()),
        dropped=dropped,
        rows=slice(None) if kept.all() else kept,
    )


def presence_of_plan(
    log: Plan,
    calendar: Calendar,
    *,
    start_kind: str | None,
    return_kind: str | None,
    through: int | None,
    since: int | None = None,
    not_before: int | None = None,
) -> Presence:
    """Let the engine find distinct customers and periods, and collect those; as `presence_of_rows`.

    Parameters
    ----------
    since
        Start events before it are no start events.
    """
    log, dropped, facts = kept_plan(log, {"begins": first_instant()}, start=not_before, through=through)
    frame = log.with_period(with_flags(log.frame, start_kind, return_kind, since), calendar)
    entered = nw.when(nw.col("starts") > 0).then(nw.col(AT)).otherwise(None)
    pairs = (
        frame.with_columns(entered_at=entered)
        .group_by(ID, PERIOD)
        .agg(starts=integer_sum("starts"), returns=integer_sum("returns"), entered_at=nw.col("entered_at").min())
    )
    found = collect(pairs, log.engine, log.what)
    ids = collected_ids(found, log)
    present, place = places(ids.keys, ids.size)
    return Presence(
        customer=place,
        period=whole(found, PERIOD),
        at=whole(found, "entered_at", NEVER),
        starts=whole(found, "starts"),
        returns=whole(found, "returns"),
        keys=present,
        ids=ids,
        through=int(facts["last"]) if through is None else through,
        first=int(calendar.index(np.array([int(facts["begins"])]))[0]),
        dropped=dropped,
    )


def first_instant() -> Any:
    """Return the expression of the first instant that counts."""
    return nw.when(KEPT).then(nw.col(AT)).otherwise(None).min()


def with_flags(frame: Any, start_kind: str | None, return_kind: str | None, since: int | None = None) -> Any:
    """Add ``starts`` and ``returns``, 1 or 0 a row."""
    start = _flag(start_kind)
    if since is not None:
        start = nw.when(nw.col(AT) >= since).then(start).otherwise(nw.lit(0))
    return frame.with_columns(starts=start, returns=_flag(return_kind))


def collected_ids(frame: Any, log: Plan) -> Ids:
    """Return the ids of a collected frame."""
    engine = str(frame.implementation).lower().removeprefix("implementation.")
    return identify(Table(frame, {"customer": ID}, engine, lazy=False, what=log.what))


def whole(frame: Any, name: str, missing: int = MISSING) -> IntArray:
    """Return a collected column of whole numbers."""
    column = frame[name].fill_null(missing) if frame[name].null_count() else frame[name]
    return np.asarray(column.to_numpy().astype(np.int64))


def places(keys: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Return which keys below `size` occur, ascending, and the place among them of each."""
    if size > 8 * len(keys) + 1024:
        return np.unique(keys, return_inverse=True)
    occurs = np.zeros(size, bool)
    occurs[keys] = True
    present = np.flatnonzero(occurs)
    # Keys without gaps are their own places.
    return present, keys if len(present) == size else (np.cumsum(occurs) - 1)[keys]


def distinct_pairs(customer: IntArray, period: IntArray, customers: int, minimum: int = 1) -> tuple[IntArray, IntArray]:
    """Return the distinct pairs that occur at least so often, by customer and period.

    Parameters
    ----------
    customer, period : (m,) ndarray of int64
        Pairs, in any order.
    customers
        How many there are.
    minimum
        How often a pair must occur.
    """
    if not len(customer):
        return customer, period
    lowest = int(period.min())
    width = int(period.max()) - lowest + 1
    cells = customers * width
    if cells <= (_CELLS if minimum == 1 else _COUNTED) and cells <= 64 * len(customer) + 65_536:
        # A byte or a count for every pair there could be: no sort is as fast.
        cell = customer * width
        cell += period
        cell -= lowest
        if minimum == 1:
            occurs = np.zeros(cells, bool)
            occurs[cell] = True
            found = np.flatnonzero(occurs)
        else:
            found = np.flatnonzero(np.bincount(cell, minlength=cells) >= minimum)
        row = found // width
        return row, found - row * width + lowest
    _, customer, period = sort_rows(customer, period)
    starts = run_starts(customer, period)
    enough = run_ends(starts, len(customer)) - starts + 1 >= minimum
    return customer[starts][enough], period[starts][enough]


def _flags(table: Table, kind: str | None) -> BoolArray | None:
    if not table.has("kind"):
        return None
    coded = coded_text(table, "kind")
    if kind is None:
        return None
    return np.isin(coded.codes, np.flatnonzero(coded.values == kind))


def _flag(kind: str | None) -> Any:
    one, none = nw.lit(1), nw.lit(0)
    return one if kind is None else nw.when(nw.col("kind") == kind).then(one).otherwise(none)
