"""What the kernels share: the course they find, and the timeouts they let fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import define, field, frozen

from clm.core import AFTER, ATTRIBUTE, IDLE, IDLE_OF, NEVER, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.journeys._compile import Program
    from clm.typing import Array, IntArray

FEW: Final = 64
"""So few customers are taken one by one: each call of NumPy costs as much as some steps in Python."""

_NO_MORE: Final = NEVER // 2
_SPARE: Final = 1 << 16
_PER_STEP: Final = 16


class TooLongError(Exception):
    """Timeouts fire so often that a block would not fit into memory; the scalar machine can tell more."""


@final
@frozen(eq=False)
class Course:
    """Where a block's steps found their customers, and what time did in between.

    Attributes
    ----------
    before : (n,) ndarray of int
        The state in which each step found its customer.
    step, place : (f,) ndarray of int
        For each timeout that fired: the step that it came after, and how many had fired since that.
    state : (f,) ndarray of int
        The state that it led to.
    at : (f,) ndarray of int64
        When.
    next_at, next_stage : (m,) ndarray of int
        What silence would bring each customer next: ``NEVER`` and ``WAITING`` where nothing.
    """

    before: Array
    step: IntArray
    place: IntArray
    state: IntArray
    at: IntArray
    next_at: IntArray
    next_stage: Array


def coming(program: Program, at: IntArray, target: IntArray) -> tuple[IntArray, Array]:
    """Return what comes next from the earliest deadlines and the states that they lead to."""
    none = at > _NO_MORE
    if none.any():
        return np.where(none, NEVER, at), np.where(none, WAITING, program.stage[target])
    return at, program.stage[target]


def longest_first(sizes: IntArray) -> IntArray:
    """Return the order from the largest size to the smallest."""
    if int(sizes.max(initial=0)) <= np.iinfo(np.uint16).max:
        # Two bytes are sorted by counting.
        return np.argsort((np.iinfo(np.uint16).max - sizes).astype(np.uint16), kind="stable")
    return np.argsort(-sizes, kind="stable")


@final
@define(eq=False)
class Fired:
    """Timeouts that fired, in no order.

    Parameters
    ----------
    steps
        How many steps the block has.
    most
        More timeouts after one step raise.
    """

    steps: int
    most: int
    _parts: list[tuple[IntArray, IntArray, IntArray, IntArray]] = field(factory=list, init=False)
    _one_by_one: list[tuple[int, int, int, int]] = field(factory=list, init=False)
    _count: int = field(default=0, init=False)

    def extend(self, step: IntArray, place: int, state: IntArray, at: IntArray) -> None:
        """Add timeouts of several customers.

        Raises
        ------
        TooLongError
            If there are too many of them.
        """
        self._parts.append((step, np.full(len(step), place), state, at))
        self._check(place, len(step))

    def append(self, step: int, place: int, state: int, at: int) -> None:
        """Add one timeout.

        Raises
        ------
        TooLongError
            As `extend`.
        """
        self._one_by_one.append((step, place, state, at))
        self._check(place, 1)

    def _check(self, place: int, more: int) -> None:
        self._count += more
        if place > self.most or self._count > _SPARE + _PER_STEP * self.steps:
            raise TooLongError

    def columns(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Return step, place, state and instant of all of them."""
        last = np.array(self._one_by_one, np.int64).reshape(-1, 4).T
        step, place, state, at = (
            np.concatenate([*(part[column] for part in self._parts), last[column]]).astype(np.int64, copy=False)
            for column in range(4)
        )
        return step, place, state, at


@final
@frozen(eq=False)
class Hands:
    """The clocks of one customer, in plain numbers.

    Attributes
    ----------
    timeouts : sequence
        For each state its timeouts: clock, length, what it looks at, place and target; at most one a clock.
    """

    timeouts: Sequence[Sequence[tuple[int, int, int, int, int]]]

    @classmethod
    def of(cls, program: Program) -> Hands:
        """Return the timeouts of a program by state."""
        columns = [
            (clock.kind, clock.which, clock.length.tolist(), clock.place.tolist(), clock.target.tolist())
            for clock in program.clocks
        ]
        return cls(
            [
                sorted(
                    (
                        (kind, lengths[state], which, places[state], targets[state])
                        for kind, which, lengths, places, targets in columns
                        if lengths[state] < NEVER
                    ),
                    key=lambda timeout: timeout[3],
                )
                for state in range(program.states)
            ]
        )

    def earliest(
        self, state: int, entered: int, since: int, floor: int, last: int, last_of: Sequence[int], dates: Sequence[int]
    ) -> tuple[int, int]:
        """Return the earliest deadline and the state it leads to.

        Parameters
        ----------
        state
            Where the customer is.
        entered
            When the visit began.
        since
            The same where a touchpoint or the acquisition opened it, else ``-NEVER``.
        floor
            Dates before this instant do not count.
        last, last_of
            The last touchpoint, and the last of each set of kinds.
        dates
            The customer's attributes.
        """
        best, target = NEVER, WAITING
        for kind, length, which, _, leads_to in self.timeouts[state]:
            if kind == IDLE:
                deadline = last + length
            elif kind == AFTER:
                deadline = entered + length
            elif kind == IDLE_OF:
                deadline = max(last_of[which], since) + length
            else:
                assert kind == ATTRIBUTE
                deadline = dates[which]
                if deadline < floor:
                    continue
            if deadline < best:
                best, target = deadline, leads_to
        return best, target
