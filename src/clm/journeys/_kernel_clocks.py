"""Follow customers whom any clock can move: touchpoint by touchpoint, all customers at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import define, frozen

from clm.core import AFTER, IDLE, IDLE_OF, NEVER
from clm.core import ATTRIBUTE as BY_ATTRIBUTE
from clm.journeys._compile import MOVED
from clm.journeys._kernels import FEW, Course, Fired, Hands, coming, longest_first

if TYPE_CHECKING:
    from clm.journeys._compile import Clock, Program
    from clm.journeys._steps import Steps
    from clm.typing import Array, IntArray

_LONG: Final = 8
"""From so many timeouts in a row on, a handful of customers are taken one by one."""


@final
@frozen(eq=False)
class _Log:
    """What clocks read of a block, customers in the order in which they are followed.

    Attributes
    ----------
    at : (n,) ndarray of int64
        Instants of the steps.
    last_of : dict of int to (n,) ndarray of int64
        For each set of kinds the last touchpoint up to each step, else the opening.
    dates : dict of int to (m,) ndarray of int64
        The customers' attributes that timeouts name.
    """

    at: IntArray
    last_of: dict[int, IntArray]
    dates: dict[int, IntArray]


@final
@define(eq=False)
class _Crowd:
    """Where the customers are.

    Attributes
    ----------
    state, entered : (m,) ndarray
        Their state, and when it was entered.
    since : (m,) ndarray of int64
        The same where a touchpoint or the acquisition opened the visit, else ``-NEVER``.
    floor : (m,) ndarray of int64
        Dates before this instant do not count.
    next_at : (m,) ndarray of int64
        When the next timeout is due.
    """

    state: Array
    entered: IntArray
    since: IntArray
    floor: IntArray
    next_at: IntArray


def follow_clocks(program: Program, steps: Steps, through: int, max_visits: int) -> Course:
    """Find the course of a block's customers.

    Parameters
    ----------
    program
        The lifecycle.
    steps
        The block; there is at least one step.
    through
        Last instant, in microseconds.
    max_visits
        More timeouts in a row raise.

    Raises
    ------
    TooLongError
        If timeouts fire too often.
    """
    return _Walk(program, steps, max_visits).course(through)


@final
class _Walk:
    """One block on its way."""

    def __init__(self, program: Program, steps: Steps, max_visits: int) -> None:
        self.program, self.steps = program, steps
        order = longest_first(steps.count)
        self.order, self.first, self.count = order, steps.start[order], steps.count[order]
        self.log = _log_of(program, steps, order)
        opened = steps.at[self.first]
        # The first visit takes any date.
        self.crowd = _Crowd(
            state=np.full(len(order), program.initial, np.intp),
            entered=opened,
            since=opened.copy(),
            floor=np.full(len(order), -NEVER),
            next_at=np.full(len(order), NEVER),
        )
        self.fired = Fired(len(steps.at), max_visits)
        self.reads_since = any(clock.kind == IDLE_OF for clock in program.clocks)
        self.reads_floor = any(clock.kind == BY_ATTRIBUTE for clock in program.clocks)

    def course(self, through: int) -> Course:
        """Follow everybody up to an instant."""
        before = np.empty(len(self.steps.at), np.uint8 if self.program.states <= 256 else np.int32)
        longest = int(self.count[0])
        alive = len(self.count) - np.cumsum(np.bincount(self.count))
        here = self.first.copy()
        rank, count = 0, len(here)
        while rank == 0 or (rank < longest and count > FEW):
            here = here[:count]
            if rank:
                here += 1
            self._step(here, before, fire=rank > 0)
            rank += 1
            count = int(alive[rank]) if rank < longest else 0
        for customer in range(count):
            self._follow_alone(customer, rank, before)
        last = self.first + self.count - 1
        if count:
            # The clocks of the few have moved on since anybody looked.
            self._wind(last[:count], self.log.at[last[:count]])
        due = np.flatnonzero(self.crowd.next_at <= through)
        self._fire(due, np.full(len(due), through), last[due])
        everybody = np.arange(len(last))
        return self._told(before, self.crowd.next_at, self._leads_to(everybody, last))

    def _told(self, before: Array, next_at: IntArray, target: Array) -> Course:
        coming_at, coming_stage = coming(self.program, next_at, target)
        back = np.empty_like(self.order)
        back[self.order] = np.arange(len(back))
        step, place, state, at = self.fired.columns()
        return Course(before, step, place, state, at, coming_at[back], coming_stage[back])

    def _step(self, here: IntArray, before: Array, *, fire: bool) -> None:
        """Apply one step of each customer, the longest histories first."""
        crowd, count = self.crowd, len(here)
        now = self.log.at.take(here)
        if fire:
            due = np.flatnonzero(crowd.next_at[:count] <= now)
            if len(due):
                self._fire(due, now[due], here[due] - 1)
        state = crowd.state[:count]
        before[here] = state
        cell = self.steps.symbol.take(here).astype(np.intp)
        cell *= self.program.states
        cell += state
        crowd.state[:count] = self.program.next.take(cell)
        moved = (self.program.flags.take(cell) & MOVED).view(bool)
        np.copyto(crowd.entered[:count], now, where=moved)
        if self.reads_since:
            np.copyto(crowd.since[:count], now, where=moved)
        if self.reads_floor:
            np.copyto(crowd.floor[:count], now, where=moved)
        self._wind(here, now)

    def _wind(self, here: IntArray, now: IntArray) -> None:
        """Set when the next timeout of the first customers is due."""
        first = slice(len(here))
        crowd = self.crowd
        crowd.next_at[first] = self._earliest(first, here, now, crowd.state[first], crowd.entered[first])

    def _earliest(
        self,
        who: IntArray | slice,
        here: IntArray,
        now: IntArray,
        state: Array,
        entered: IntArray,
        *,
        timed: bool = False,
    ) -> IntArray:
        """Return the earliest deadline of some customers after a step.

        Parameters
        ----------
        who, here, now
            The customers, the step, and its instant.
        state, entered
            Where they are since when.
        timed
            Whether timeouts led there.
        """
        best = None
        for clock in self.program.clocks:
            deadline = self._deadline(clock, who, here, now, state, entered, timed=timed)
            best = deadline if best is None else np.minimum(best, deadline, out=best)
        return np.full(len(here), NEVER) if best is None else best

    def _deadline(
        self,
        clock: Clock,
        who: IntArray | slice,
        here: IntArray,
        now: IntArray,
        state: Array,
        entered: IntArray,
        *,
        timed: bool,
    ) -> IntArray:
        deadline = clock.length.take(state)
        if clock.kind == IDLE:
            deadline += now
        elif clock.kind == AFTER:
            deadline += entered
        elif clock.kind == IDLE_OF:
            base = self.log.last_of[clock.which].take(here)
            deadline += base if timed else np.maximum(base, self.crowd.since[who])
        else:
            date = self.log.dates[clock.which][who]
            # Where the state has such a timeout its length is 0.
            fires = (deadline == 0) & (date >= (entered if timed else self.crowd.floor[who]))
            deadline = np.where(fires, date, NEVER)
        return deadline

    def _leads_to(self, who: IntArray, here: IntArray) -> Array:
        """Return where the next timeout of some customers leads: of equal deadlines the one declared first fires."""
        crowd, now = self.crowd, self.log.at.take(here)
        due, state, entered = crowd.next_at[who], crowd.state[who], crowd.entered[who]
        target, place = np.zeros(len(who), np.intp), np.full(len(who), NEVER)
        for clock in self.program.clocks:
            own = clock.place.take(state)
            deadline = self._deadline(clock, who, here, now, state, entered, timed=False)
            sooner = np.flatnonzero((deadline == due) & (own < place))
            target[sooner] = clock.target.take(state[sooner])
            place[sooner] = own[sooner]
        return target

    def _fire(self, who: IntArray, until: IntArray, here: IntArray) -> None:
        """Let everything fire that is due after a step, by the instants given."""
        crowd = self.crowd
        place = 0
        while len(who):
            if place >= _LONG and len(who) <= _LONG:
                for customer, end, step in zip(who.tolist(), until.tolist(), here.tolist(), strict=True):
                    self._fire_alone(customer, end, step, place)
                return
            target = self._leads_to(who, here)
            # A deadline that passed before the stage was entered fires on entry.
            entered = np.maximum(crowd.next_at[who], crowd.entered[who])
            self.fired.extend(here, place, target, entered)
            crowd.state[who] = target
            crowd.entered[who] = entered
            if self.reads_since:
                crowd.since[who] = -NEVER
            if self.reads_floor:
                crowd.floor[who] = entered
            next_at = self._earliest(who, here, self.log.at.take(here), target, entered, timed=True)
            crowd.next_at[who] = next_at
            due = np.flatnonzero(next_at <= until)
            who, until, here = who[due], until[due], here[due]
            place += 1

    def _fire_alone(self, customer: int, until: int, step: int, place: int) -> None:
        crowd, log = self.crowd, self.log
        hands = _hands_of(self.program)
        state, entered, floor = (int(column[customer]) for column in (crowd.state, crowd.entered, crowd.floor))
        last = int(log.at[step])
        last_of = [int(log.last_of[which][step]) for which in range(len(log.last_of))]
        dates = [int(log.dates[which][customer]) for which in range(len(log.dates))]
        since = int(crowd.since[customer])
        deadline, target = hands.earliest(state, entered, since, floor, last, last_of, dates)
        while deadline <= until:
            state, entered, since = target, max(deadline, entered), -NEVER
            floor = entered
            self.fired.append(step, place, state, entered)
            place += 1
            deadline, target = hands.earliest(state, entered, since, floor, last, last_of, dates)
        crowd.state[customer], crowd.entered[customer] = state, entered
        crowd.since[customer], crowd.floor[customer] = since, floor
        crowd.next_at[customer] = deadline

    def _follow_alone(self, customer: int, rank: int, before: Array) -> None:
        """Follow one of the few with the longest histories to his last step."""
        crowd, program = self.crowd, self.program
        hands = _hands_of(program)
        begin, end = int(self.first[customer]) + rank, int(self.first[customer] + self.count[customer])
        # Each step finds the clocks as the one before it left them.
        times = self.log.at[begin - 1 : end].tolist()
        sets = [self.log.last_of[which][begin - 1 : end].tolist() for which in range(len(self.log.last_of))]
        dates = [int(self.log.dates[which][customer]) for which in range(len(self.log.dates))]
        outcomes = _outcomes_of(program)
        state, entered = int(crowd.state[customer]), int(crowd.entered[customer])
        since, floor = int(crowd.since[customer]), int(crowd.floor[customer])
        # While a visit lasts deadlines only move away: before the one found last nothing can be due.
        safe = int(crowd.next_at[customer])
        found = []
        for step, symbol in enumerate(self.steps.symbol[begin:end].tolist(), 1):
            now = times[step]
            if now >= safe:
                place, last, last_of = 0, times[step - 1], [column[step - 1] for column in sets]
                safe, target = hands.earliest(state, entered, since, floor, last, last_of, dates)
                while safe <= now:
                    state, entered, since = target, max(safe, entered), -NEVER
                    floor = entered
                    self.fired.append(begin + step - 2, place, state, entered)
                    place += 1
                    safe, target = hands.earliest(state, entered, since, floor, last, last_of, dates)
            found.append(state)
            state, moved = outcomes[symbol][state]
            if moved:
                entered = since = floor = now
                safe = now
        before[begin:end] = found
        crowd.state[customer], crowd.entered[customer] = state, entered
        crowd.since[customer], crowd.floor[customer] = since, floor


@lru_cache(maxsize=16)
def _hands_of(program: Program) -> Hands:
    return Hands.of(program)


@lru_cache(maxsize=16)
def _outcomes_of(program: Program) -> list[list[tuple[int, bool]]]:
    shape = program.symbols, program.states
    after, moved = program.next.reshape(shape).tolist(), (program.flags & MOVED).astype(bool).reshape(shape).tolist()
    return [list(zip(*row, strict=True)) for row in zip(after, moved, strict=True)]


def _log_of(program: Program, steps: Steps, order: IntArray) -> _Log:
    machine = program.machine
    size = len(steps.at)
    sets = {}
    for which, kinds in enumerate(machine.clocks):
        # The last entry answers the acquisition.
        resets = np.array([*(kind in kinds for kind in machine.kinds[: machine.known]), False])
        hit = resets[np.maximum(steps.cause, -1)]
        hit[steps.start] = True
        place = np.where(hit, np.arange(size, dtype=np.int32), np.int32(0))
        sets[which] = steps.at.take(np.maximum.accumulate(place, out=place))
    return _Log(steps.at, sets, {which: column[order] for which, column in enumerate(steps.dates)})
