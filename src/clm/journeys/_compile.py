"""A lifecycle as flat tables in which whole columns of touchpoints can be looked up."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.core import AFTER, NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.core import Guard, Machine
    from clm.typing import Array, IntArray

MOVED: Final = 1
ILLEGAL: Final = 2
"""Flags of what a touchpoint does."""

_MOST_GUARDS: Final = 10


@final
@frozen(eq=False)
class Clock:
    """Timeouts that look at the same clock, for every state the one of them that would fire first.

    Attributes
    ----------
    kind, which : int
        As in ``Machine.timeouts``: what it counts from.
    length : (s,) ndarray of int64
        Microseconds, ``NEVER`` in states without such a timeout.
    place : (s,) ndarray of int64
        Its place among the timeouts of the stage, which decides between equal deadlines.
    target : (s,) ndarray of intp
        The state it leads to.
    """

    kind: int
    which: int
    length: IntArray
    place: IntArray
    target: Array


@final
@frozen(eq=False)
class Program:
    """The lifecycle by state and symbol.

    A *state* is a stage, together with the stage of the visit before where some transition leads back to it. A *symbol*
    is a known kind together with which of the conditions on that kind hold: both follow from the log alone, wherever
    the customer is, so that symbols of all touchpoints can be found before anybody is moved. The last symbol opens the
    first visit and does nothing else.

    Attributes
    ----------
    machine : Machine
        What was compiled.
    states, symbols : int
        How many there are.
    initial : int
        The state that a customer opens in.
    stage : (states,) ndarray of int16
        The stage of each state.
    guards : tuple of tuple of Guard
        Of each known kind the conditions, first the one of the lowest bit.
    base : (kinds,) ndarray of int32
        The symbol of each known kind when none of its conditions holds.
    next : (symbols * states,) ndarray of intp
        The state after a touchpoint.
    flags : (symbols * states,) ndarray of uint8
        What it does: ``MOVED``, ``ILLEGAL``, or 0 where it is legal and changes nothing.
    clocks : tuple of Clock
        What time does.
    """

    machine: Machine
    states: int
    symbols: int
    initial: int
    stage: Array
    guards: tuple[tuple[Guard, ...], ...]
    base: IntArray
    next: Array
    flags: Array
    clocks: tuple[Clock, ...]

    @property
    def opening(self) -> int:
        """The symbol that opens the first visit."""
        return self.symbols - 1


def cells(machine: Machine) -> int | None:
    """Return how many entries the tables would have; None where a kind has too many conditions."""
    guards = _guards(machine)
    if any(len(found) > _MOST_GUARDS for found in guards):
        return None
    symbols = 1 + sum(1 << len(found) for found in guards)
    return symbols * len(machine.stages) ** (2 if machine.looks_back else 1)


@lru_cache(maxsize=16)
def program_of(machine: Machine) -> Program:
    """Compile a lifecycle; the same one only once."""
    stages = range(len(machine.stages))
    guards = _guards(machine)
    sizes = [1 << len(found) for found in guards]
    base = np.cumsum([0, *sizes])
    pairs = list(product(stages, stages)) if machine.looks_back else [(stage, machine.initial) for stage in stages]

    def state_of(stage: int, previous: int) -> int:
        return stage * len(stages) + previous if machine.looks_back else stage

    after = np.empty((int(base[-1]) + 1, len(pairs)), np.intp)
    flags = np.zeros(after.shape, np.uint8)
    after[-1] = np.arange(len(pairs))
    for kind, found in enumerate(guards):
        for bits in range(sizes[kind]):
            symbol, holds = int(base[kind]) + bits, _truth_of(found, bits)
            for state, (stage, previous) in enumerate(pairs):
                target, moved, legal = machine.outcome(stage, previous, kind, holds)
                after[symbol, state] = state_of(target, stage) if moved else state
                flags[symbol, state] = MOVED * moved | ILLEGAL * (not legal)
    return Program(
        machine=machine,
        states=len(pairs),
        symbols=len(after),
        initial=state_of(machine.initial, machine.initial),
        stage=np.array([stage for stage, _ in pairs], np.int16),
        guards=guards,
        base=base[:-1].astype(np.int32),
        next=after.ravel(),
        flags=flags.ravel(),
        clocks=_clocks(machine, pairs, state_of),
    )


def _guards(machine: Machine) -> tuple[tuple[Guard, ...], ...]:
    return tuple(tuple(dict.fromkeys(machine.guards_on(kind))) for kind in range(machine.known))


def _truth_of(guards: tuple[Guard, ...], bits: int) -> Callable[[Guard], bool]:
    truth = {guard: bool(bits >> bit & 1) for bit, guard in enumerate(guards)}
    return truth.__getitem__


def _clocks(machine: Machine, pairs: list[tuple[int, int]], state_of: Callable[[int, int], int]) -> tuple[Clock, ...]:
    found: dict[tuple[int, int], Clock] = {}
    for state, (stage, _) in enumerate(pairs):
        for place, (kind, length, which, target) in enumerate(machine.timeouts[stage]):
            clock = found.setdefault((kind, which), _no_timeouts(kind, which, len(pairs)))
            # Of equal lengths on one clock the one declared first stays.
            if length < clock.length[state]:
                clock.length[state] = length
                clock.place[state] = place
                clock.target[state] = state_of(target, stage)
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[0] == AFTER, key)))


def _no_timeouts(kind: int, which: int, states: int) -> Clock:
    return Clock(kind, which, np.full(states, NEVER), np.zeros(states, np.int64), np.zeros(states, np.intp))
