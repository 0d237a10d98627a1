"""What happens to the customers of a block, by symbol: their openings and their touchpoints of known kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import evolve, frozen

from clm.core import ATTRIBUTE as BY_ATTRIBUTE
from clm.core import BY_ACQUISITION, NEVER
from clm.journeys._symbols import symbols_of
from clm.journeys._walked import NO_ROW

if TYPE_CHECKING:
    from clm.journeys._compile import Program
    from clm.journeys._walked import Grouped
    from clm.typing import Array, BoolArray, IntArray


@final
@frozen(eq=False)
class Steps:
    """Steps in order, customer by customer; each customer's first step opens his first visit.

    Where something may be due between the opening and the first touchpoint, the opening is a step of its own.

    Attributes
    ----------
    at : (n,) ndarray of int64
        Instants.
    cause, row : (n,) ndarray of int
        What a visit that a step opens is caused by, and the row of the log that stands for it.
    symbol : (n,) ndarray of int
        What is done: see `Program`.
    customer : (m,) ndarray of int
        Which customers of the block have begun.
    start, count : (m,) ndarray of int
        Where their steps start, and how many there are.
    dates : tuple of (m,) ndarray of int64
        Their attributes.
    """

    at: IntArray
    cause: Array
    row: IntArray
    symbol: Array
    customer: IntArray
    start: IntArray
    count: IntArray
    dates: tuple[IntArray, ...]

    @property
    def last(self) -> IntArray:
        """Each customer's last step."""
        return self.start + self.count - 1


def steps_of(program: Program, log: Grouped, through: int) -> Steps:
    """Return the steps of the customers of a block."""
    kind = log.kind.take(log.rows)
    symbol = symbols_of(program, log, kind)
    count = log.counts
    steps = Steps(log.at, kind, log.rows, symbol, np.arange(len(count)), np.cumsum(count) - count, count, log.dates)
    if len(program.machine.kinds) > program.machine.known:
        steps = _without(steps, kind >= program.machine.known)
    steps = _opened(program, steps, log.acquired, through)
    begun = np.flatnonzero(steps.count)
    if len(begun) == len(count):
        return steps
    return evolve(
        steps,
        customer=steps.customer[begun],
        start=steps.start[begun],
        count=steps.count[begun],
        dates=tuple(column[begun] for column in steps.dates),
    )


def _without(steps: Steps, counted: BoolArray) -> Steps:
    """Leave out touchpoints that were only counted: they have done that by now."""
    if not counted.any():
        return steps
    kept = np.flatnonzero(~counted)
    before = np.concatenate([[0], np.cumsum(~counted)])
    count = before[steps.start + steps.count] - before[steps.start]
    return evolve(
        steps,
        at=steps.at[kept],
        cause=steps.cause[kept],
        row=steps.row[kept],
        symbol=steps.symbol[kept],
        start=np.cumsum(count) - count,
        count=count,
    )


def _opened(program: Program, steps: Steps, acquired: IntArray | None, through: int) -> Steps:
    """Put in openings that are not at the first touchpoint, or at which something is due already."""
    some = steps.count > 0
    first = np.full(len(steps.count), NEVER)
    first[some] = steps.at[steps.start[some]]
    early = np.zeros(len(steps.count), bool) if acquired is None else (acquired < first) & (acquired <= through)
    opened = early.copy()
    for clock in program.clocks:
        if clock.kind == BY_ATTRIBUTE and clock.length[program.initial] < NEVER:
            opened |= some & (steps.dates[clock.which] <= first)
    if not opened.any():
        return steps
    places = steps.start[opened]
    by_acquisition = early[opened]
    # The touchpoint that comes next, where it is what opens; a customer without one was acquired.
    following = np.minimum(places, max(len(steps.at) - 1, 0))
    at, cause, row = (
        column[following] if len(column) else np.zeros(len(places), column.dtype)
        for column in (steps.at, steps.cause, steps.row)
    )
    if acquired is not None:
        at = np.where(by_acquisition, acquired[opened], at)
    count = steps.count + opened
    return evolve(
        steps,
        at=np.insert(steps.at, places, at),
        cause=np.insert(steps.cause, places, np.where(by_acquisition, BY_ACQUISITION, cause)),
        row=np.insert(steps.row, places, np.where(by_acquisition, NO_ROW, row)),
        symbol=np.insert(steps.symbol, places, program.opening),
        start=np.cumsum(count) - count,
        count=count,
    )
