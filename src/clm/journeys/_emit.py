"""Write down the visits of a block by counting where each one goes, without sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.core import BY_TIMEOUT, NEVER, WAITING
from clm.journeys._compile import ILLEGAL, MOVED
from clm.journeys._walked import NO_ROW, Walked

if TYPE_CHECKING:
    from clm.journeys._compile import Program
    from clm.journeys._kernels import Course
    from clm.journeys._steps import Steps
    from clm.typing import Array


def visits_of(program: Program, steps: Steps, course: Course, customers: int) -> Walked:
    """Return the visits of a block's customers.

    A step opens the first visit, where it is a customer's first, then the visit that it moves him to; then come those
    that timeouts open before the next step.

    Parameters
    ----------
    program
        The lifecycle.
    steps, course
        What happened, and where it led.
    customers
        How many customers the block has.
    """
    cell = steps.symbol.astype(np.int32)
    cell *= program.states
    cell += course.before
    flags = program.flags.take(cell)
    moved = flags == MOVED
    opens = np.zeros(len(moved), bool)
    opens[steps.start] = True
    each = np.add(moved, opens, dtype=np.int32)
    if len(course.step):
        each += np.bincount(course.step, minlength=len(each)).astype(np.int32)
    place = np.cumsum(each)
    total = int(place[-1])
    place -= each

    stage = np.empty(total, np.int16)
    entered = np.empty(total, np.int64)
    cause = np.full(total, BY_TIMEOUT, np.int16)
    row = np.full(total, NO_ROW, steps.row.dtype)
    first = place[steps.start]
    stage[first] = program.machine.initial
    entered[first], cause[first], row[first] = (column[steps.start] for column in (steps.at, steps.cause, steps.row))
    mover = np.flatnonzero(moved)
    there = place[mover] + opens[mover]
    stage[there] = program.stage.take(program.next.take(cell[mover]))
    entered[there], cause[there], row[there] = (column[mover] for column in (steps.at, steps.cause, steps.row))
    if len(course.step):
        place += moved
        place += opens
        there = place[course.step] + course.place
        stage[there] = program.stage.take(course.state)
        entered[there] = course.at

    illegal = np.flatnonzero(flags == ILLEGAL)
    return Walked(
        visits=_spread(np.add.reduceat(each, steps.start).astype(np.int64), steps, customers, 0),
        stage=stage,
        entered=entered,
        cause=cause,
        row=row,
        next_at=_spread(course.next_at, steps, customers, NEVER),
        next_stage=_spread(course.next_stage, steps, customers, WAITING),
        illegal=steps.row[illegal],
        illegal_stage=program.stage.take(course.before[illegal]),
    )


def _spread(column: Array, steps: Steps, customers: int, missing: int) -> Array:
    """Return a column of those who have begun for all customers."""
    if len(column) == customers:
        return column
    spread = np.full(customers, missing, column.dtype)
    spread[steps.customer] = column
    return spread
