"""Replay a log by the scalar machine, touchpoint by touchpoint: the reference that faster ways are held to."""

from __future__ import annotations

from array import array
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.core import NEVER, WAITING, TooManyVisitsError, Walk
from clm.errors import InvalidDataError
from clm.journeys._walked import NO_ROW, Walked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clm.core import Machine
    from clm.journeys._coded import Coded
    from clm.journeys._walked import Grouped
    from clm.typing import Array, FloatArray


_PIECE: Final = 1 << 16
"""Rows that are turned into Python's numbers at a time."""


@final
@frozen(eq=False)
class _Columns:
    """Where the walk writes: arrays that grow, a few bytes a visit."""

    row: array[int]
    illegal: array[int]
    stage: array[int] = field(factory=lambda: array("h"))
    entered: array[int] = field(factory=lambda: array("q"))
    cause: array[int] = field(factory=lambda: array("h"))
    visits: array[int] = field(factory=lambda: array("q"))
    next_at: array[int] = field(factory=lambda: array("q"))
    next_stage: array[int] = field(factory=lambda: array("h"))
    illegal_stage: array[int] = field(factory=lambda: array("h"))

    def walked(self) -> Walked:
        """Return the columns as arrays that share their memory."""
        return Walked(
            visits=_array(self.visits),
            stage=_array(self.stage),
            entered=_array(self.entered),
            cause=_array(self.cause),
            row=_array(self.row),
            next_at=_array(self.next_at),
            next_stage=_array(self.next_stage),
            illegal=_array(self.illegal),
            illegal_stage=_array(self.illegal_stage),
        )


def walk_one_by_one(machine: Machine, log: Grouped, *, through: int, max_visits: int, ids: Array) -> Walked:
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
    row = "i" if log.rows.itemsize == 4 else "q"
    columns = _Columns(row=array(row), illegal=array(row))
    walk = Walk(
        machine,
        stages=columns.stage,
        entered=columns.entered,
        causes=columns.cause,
        refs=columns.row,
        no_ref=NO_ROW,
        max_visits=max_visits,
    )
    try:
        _walk_block(walk, log, through, columns)
    except TooManyVisitsError as error:
        customer = ids[len(columns.visits) :][:1].tolist()[0]
        raise InvalidDataError(f"customer {customer!r}: {error}") from None
    return columns.walked()


def _walk_block(walk: Walk, log: Grouped, through: int, columns: _Columns) -> None:
    # Bound methods and plain lists: this loop runs once a touchpoint.
    touch, settle, restart = walk.touch, walk.settle, walk.restart
    illegal, illegal_stage = columns.illegal.append, columns.illegal_stage.append
    touchpoints = _touchpoints(log)
    for count, acquired, dates in zip(log.counts.tolist(), *_known_of(log), strict=False):
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


def _touchpoints(log: Grouped) -> Iterator[tuple[Any, ...]]:
    # Python's numbers take many times the memory of columns: there are never more than these.
    pieces = (slice(begin, begin + _PIECE) for begin in range(0, len(log.rows), _PIECE))
    return chain.from_iterable(_listed(log, piece) for piece in pieces)


def _listed(log: Grouped, piece: slice) -> Iterable[tuple[Any, ...]]:
    rows = log.rows[piece]
    return zip(
        log.at[piece].tolist(),
        log.kind[rows].tolist(),
        rows.tolist(),
        _numbers(log.amount, rows),
        _numbers(log.score, rows),
        _words(log.channel, rows),
        strict=False,
    )


def _known_of(log: Grouped) -> tuple[Iterable[int], Iterable[Any]]:
    acquired = repeat(NEVER) if log.acquired is None else log.acquired.tolist()
    dates = zip(*(column.tolist() for column in log.dates), strict=True) if log.dates else repeat(())
    return acquired, dates


def _numbers(column: FloatArray | None, rows: Array) -> Iterable[float | None]:
    if column is None:
        return repeat(None)
    values = column[rows]
    missing = np.isnan(values)
    if not missing.any():
        return list(values.tolist())
    numbers = values.astype(object)
    numbers[missing] = None
    return list(numbers.tolist())


def _words(column: Coded | None, rows: Array) -> Iterable[str | None]:
    if column is None:
        return repeat(None)
    names: Mapping[int, str] = dict(enumerate(column.values.tolist()))
    return [names.get(code) for code in column.codes[rows].tolist()]


def _array(column: array[int]) -> Array:
    return np.frombuffer(column, dtype=column.typecode) if len(column) else np.empty(0, column.typecode)
