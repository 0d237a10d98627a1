"""Attempts at a funnel, all customers at once: how far each got, and the best one of every customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.stats import seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clm.typing import Array, BoolArray, IntArray

RULES: Final = ("ordered", "strict", "unordered")
FOREIGN: Final = -1
"""The number of every kind that is no step."""

_FEWEST_BITS: Final = 8
"""For time, below which too many instants of one customer would fall together."""

NEVER: Final = np.iinfo(np.int64).max
"""The instant of a step that was not taken."""


@final
@frozen(eq=False)
class Trail:
    """Events by customer and time.

    Attributes
    ----------
    customer, at : (n,) ndarray of int
        Whose each event is, ascending, and its instant in microseconds, ascending within a customer.
    kind : (n,) ndarray of int
        Its number among the distinct steps, or ``FOREIGN``. Foreign events matter to the strict rule alone.
    """

    customer: IntArray
    at: IntArray
    kind: Array

    __setstate__ = seal


@final
@frozen
class Task:
    """What is asked: steps by number, the rule, and how many microseconds an attempt may take, its end included."""

    steps: tuple[int, ...]
    rule: str
    window: int | None


def attempts(trail: Trail, task: Task) -> tuple[IntArray, Array]:
    """Return the rows at which attempts begin, ascending, and how many steps each takes."""
    begin = np.flatnonzero(trail.kind != FOREIGN if task.rule == "unordered" else trail.kind == task.steps[0])
    taken = np.zeros(len(begin), np.int16)
    for _, which, _ in _steps_taken(trail, task, begin):
        taken[which] += 1
    return begin, taken


def step_times(trail: Trail, task: Task, begin: IntArray) -> IntArray:
    """Return when attempts took each step, shape (attempts, steps); ``NEVER`` where they did not."""
    when = np.full((len(begin), len(task.steps)), NEVER)
    for step, which, rows in _steps_taken(trail, task, begin):
        when[which, step] = trail.at[rows]
    if task.rule == "unordered":
        when.sort(axis=1)
    return when


def best(customer: IntArray, taken: Array) -> IntArray:
    """Return which attempt of each customer got furthest, the earliest of several; attempts come by customer."""
    if not len(customer):
        return np.empty(0, np.int64)
    starts = run_starts(customer)
    most = np.maximum.reduceat(taken, starts)
    furthest = np.flatnonzero(taken == np.repeat(most, np.diff(np.append(starts, len(taken)))))
    return furthest[np.searchsorted(furthest, starts)]


def run_starts(keys: IntArray) -> IntArray:
    """Return where each run of equal keys starts."""
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    return np.flatnonzero(new)


def _steps_taken(trail: Trail, task: Task, begin: IntArray) -> Iterator[tuple[int, Array, IntArray]]:
    """Yield for each step which attempts take it, and at which rows."""
    if task.rule == "unordered":
        yield from _any_order(trail, task, begin)
        return
    which, rows = np.arange(len(begin)), begin
    yield 0, which, rows
    for step in range(1, len(task.steps)):
        turns = np.flatnonzero(_turning(trail, task, step))
        found, there = _following(turns, np.searchsorted(turns, rows, side="right"))
        took = there & _within(trail, task, begin[which], found) & (trail.kind[found] == task.steps[step])
        which, rows = which[took], found[took]
        yield step, which, rows


def _turning(trail: Trail, task: Task, step: int) -> BoolArray:
    """Return where an attempt that waits for a step comes to a decision: the step itself, or what ends it."""
    turning: BoolArray = trail.kind == task.steps[step]
    if task.rule == "strict":
        turning |= ~np.isin(trail.kind, task.steps[:step])
    return turning


def _any_order(trail: Trail, task: Task, begin: IntArray) -> Iterator[tuple[int, Array, IntArray]]:
    for step, kind in enumerate(task.steps):
        rows = np.flatnonzero(trail.kind == kind)
        again = task.steps[:step].count(kind)
        found, there = _following(rows, np.searchsorted(rows, begin) + again)
        took = there & _within(trail, task, begin, found)
        yield step, np.flatnonzero(took), found[took]


def _following(rows: IntArray, places: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the rows at some places, and whether the places exist; row 0 where they do not."""
    there = places < len(rows)
    return np.append(rows, 0)[np.where(there, places, -1)], there


def _within(trail: Trail, task: Task, begin: IntArray, found: IntArray) -> BoolArray:
    """Say whether found rows belong to the customer of an attempt and lie within its window."""
    same: BoolArray = trail.customer[found] == trail.customer[begin]
    if task.window is not None:
        same &= trail.at[found] - trail.at[begin] <= task.window
    return same


def by_customer_and_time(customer: IntArray, at: IntArray, tie_breakers: Sequence[Array] = ()) -> IntArray:
    """Return the rows sorted by customer, time and tie breakers, least important first; equal rows stay in order."""
    if not len(customer):
        return np.empty(0, np.int64)
    if tie_breakers:
        order = np.lexsort(tie_breakers)
        return order[_gathered(customer[order], at[order])]
    return _gathered(customer, at)


def _gathered(customer: IntArray, at: IntArray) -> IntArray:
    """Return the stable order by customer and time.

    Customer, time and row are packed into one number, since numbers sort several times faster than rows. Time gets the
    bits that are left, so that instants of one customer may fall together: those few are sorted by themselves.
    """
    bits_row = len(at).bit_length()
    room = 63 - bits_row - int(customer.max()).bit_length()
    earliest, latest = int(at.min()), int(at.max())
    in_time = bool(np.all(at[1:] >= at[:-1]))
    needed = 0 if in_time else (latest - earliest).bit_length()
    if room < min(needed, _FEWEST_BITS):
        return np.lexsort([at, customer])
    bits_at = min(needed, room)
    packed = customer.astype(np.int64) << (bits_at + bits_row)
    if bits_at:
        packed |= ((at - earliest) >> (needed - bits_at)) << bits_row
    packed |= np.arange(len(at))
    packed.sort()
    rows = packed & ((1 << bits_row) - 1)
    if bits_at < needed:
        packed >>= bits_row
        together = np.append(False, packed[1:] == packed[:-1])
        together[:-1] |= together[1:]
        few = np.flatnonzero(together)
        rows[few] = rows[few][np.lexsort([rows[few], at[rows[few]], packed[few]])]
    return rows
