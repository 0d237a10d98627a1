"""Replay a log by the scalar machine, customer by customer, in blocks that bound the memory."""

from __future__ import annotations

from array import array
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.core import NEVER, WAITING, TooManyVisitsError, Walk
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clm.core import Machine
    from clm.journeys._coded import Coded
    from clm.typing import Array, FloatArray, IntArray

BLOCK: Final = 1 << 17
"""Rows that are turned into Python numbers at a time."""

NO_ROW: Final = -1


@final
@frozen(eq=False)
class Grouped:
    """The rows of a log that count, customer by customer and in order of time.

    Attributes
    ----------
    rows : (m,) ndarray of int
        Which rows of the log, in the order in which they are applied.
    counts : (k,) ndarray of int64
        How many of them each customer has.
    at : (n,) ndarray of int64
        Instants of the log's rows, in microseconds.
    kind : (n,) ndarray of int16
        The machine's number of each row's kind.
    amount, score : (n,) ndarray of float64, or None
        Numbers of each row, NaN where missing; None where the machine does not read them.
    channel : Coded or None
        Channels, in the same way.
    acquired : (k,) ndarray of int64, or None
        When each customer was acquired, ``NEVER`` where he was not.
    dates : sequence of (k,) ndarray of int64
        For each of the machine's attributes: its instant, ``NEVER`` where missing.
    """

    rows: IntArray
    counts: IntArray
    at: IntArray
    kind: Array
    amount: FloatArray | None = None
    score: FloatArray | None = None
    channel: Coded | None = None
    acquired: IntArray | None = None
    dates: tuple[IntArray, ...] = ()


@final
@frozen(eq=False)
class Walked:
    """What an engine returns: visits as columns, and what came out of each customer.

    Attributes
    ----------
    visits : (k,) ndarray of int64
        Visits of each customer, 0 for those who have not begun.
    stage, cause : (v,) ndarray of int16
        The machine's numbers; causes below 0 as in ``clm.core``.
    entered : (v,) ndarray of int64
        Microseconds.
    row : (v,) ndarray of int
        The row of the log that opened the visit, ``NO_ROW`` where none did.
    next_at : (k,) ndarray of int64
        When silence would move each customer, ``NEVER`` where it would not.
    next_stage : (k,) ndarray of int16
        Where to.
    illegal : (i,) ndarray of int64
        Rows that were not allowed, ascending.
    illegal_stage : (i,) ndarray of int16
        The stage that did not allow them.
    """

    visits: IntArray
    stage: Array
    entered: IntArray
    cause: Array
    row: IntArray
    next_at: IntArray
    next_stage: Array
    illegal: IntArray
    illegal_stage: Array


@final
@frozen(eq=False)
class _Columns:
    """Where the walk writes: arrays that grow, a few bytes a visit."""

    row: array[int]
    stage: array[int] = field(factory=lambda: array("h"))
    entered: array[int] = field(factory=lambda: array("q"))
    cause: array[int] = field(factory=lambda: array("h"))
    visits: array[int] = field(factory=lambda: array("q"))
    next_at: array[int] = field(factory=lambda: array("q"))
    next_stage: array[int] = field(factory=lambda: array("h"))
    illegal: array[int] = field(factory=lambda: array("q"))
    illegal_stage: array[int] = field(factory=lambda: array("h"))

    def walked(self) -> Walked:
        """Return the columns as arrays that share their memory."""
        illegal = _array(self.illegal)
        order = np.argsort(illegal, kind="stable")
        return Walked(
            visits=_array(self.visits),
            stage=_array(self.stage),
            entered=_array(self.entered),
            cause=_array(self.cause),
            row=_array(self.row),
            next_at=_array(self.next_at),
            next_stage=_array(self.next_stage),
            illegal=illegal[order],
            illegal_stage=_array(self.illegal_stage)[order],
        )


def walk_all(machine: Machine, log: Grouped, *, through: int, max_visits: int, ids: Array) -> Walked:
    """Replay every customer up to `through`.

    Parameters
    ----------
    machine
        The lifecycle's tables.
    log
        What happened.
    through
        Last instant, in microseconds.
    max_visits
        More visits of one customer raise.
    ids
        Customer of each place in ``log.counts``, for messages.

    Returns
    -------
    Walked

    Raises
    ------
    InvalidDataError
        If a customer has more than `max_visits` visits.
    """
    columns = _Columns(array("i" if log.rows.itemsize == 4 else "q"))
    walk = Walk(
        machine,
        stages=columns.stage,
        entered=columns.entered,
        causes=columns.cause,
        refs=columns.row,
        no_ref=NO_ROW,
        max_visits=max_visits,
    )
    ends = np.cumsum(log.counts)
    first = done = 0
    while first < len(log.counts):
        last = max(first + 1, int(np.searchsorted(ends, done + BLOCK, side="right")))
        # Customers without rows come in blocks too, so that their lists stay short.
        last = min(last, first + BLOCK)
        upto = int(ends[last - 1])
        try:
            _walk_block(walk, log, slice(first, last), log.rows[done:upto], through, columns)
        except TooManyVisitsError as error:
            customer = ids[len(columns.visits) :][:1].tolist()[0]
            raise InvalidDataError(f"customer {customer!r}: {error}") from None
        first, done = last, upto
    return columns.walked()


def _walk_block(walk: Walk, log: Grouped, customers: slice, rows: IntArray, through: int, columns: _Columns) -> None:
    # Bound methods and plain lists: this loop runs once a touchpoint.
    touch, settle, restart = walk.touch, walk.settle, walk.restart
    illegal, illegal_stage = columns.illegal.append, columns.illegal_stage.append
    touchpoints = _touchpoints(log, rows)
    for count, acquired, dates in zip(log.counts[customers].tolist(), *_known_of(log, customers), strict=False):
        restart(acquired, dates)
        for at, kind, row, amount, score, channel in islice(touchpoints, count):
            if not touch(at, kind, row, amount, score, channel):
                illegal(row)
                illegal_stage(walk.stage)
        settle(through)
        columns.visits.append(walk.visits)
        deadline, target = walk.next_timeout() if walk.stage != WAITING else (NEVER, WAITING)
        columns.next_at.append(deadline)
        columns.next_stage.append(target)


def _touchpoints(log: Grouped, rows: IntArray) -> Iterable[tuple[Any, ...]]:
    return zip(
        log.at[rows].tolist(),
        log.kind[rows].tolist(),
        rows.tolist(),
        _numbers(log.amount, rows),
        _numbers(log.score, rows),
        _words(log.channel, rows),
        strict=False,
    )


def _known_of(log: Grouped, customers: slice) -> tuple[Iterable[int], Iterable[Any]]:
    acquired = repeat(NEVER) if log.acquired is None else log.acquired[customers].tolist()
    dates = zip(*(column[customers].tolist() for column in log.dates), strict=True) if log.dates else repeat(())
    return acquired, dates


def _numbers(column: FloatArray | None, rows: IntArray) -> Iterable[float | None]:
    if column is None:
        return repeat(None)
    values = column[rows]
    missing = np.isnan(values)
    if not missing.any():
        return list(values.tolist())
    numbers = values.astype(object)
    numbers[missing] = None
    return list(numbers.tolist())


def _words(column: Coded | None, rows: IntArray) -> Iterable[str | None]:
    if column is None:
        return repeat(None)
    names: Mapping[int, str] = dict(enumerate(column.values.tolist()))
    return [names.get(code) for code in column.codes[rows].tolist()]


def _array(column: array[int]) -> Array:
    numbers = np.frombuffer(column, dtype=column.typecode) if len(column) else np.empty(0, column.typecode)
    numbers.setflags(write=False)
    return numbers
