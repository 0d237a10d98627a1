"""Follow customers whom silence of all kinds alone can move: the stage follows from symbols and gaps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.core import IDLE, NEVER
from clm.journeys._kernels import FEW, Course, coming, longest_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clm.journeys._compile import Program
    from clm.journeys._steps import Steps
    from clm.typing import Array, BoolArray, IntArray

_LOOKED_UP: Final = 1 << 16
_MOST_CELLS: Final = 1 << 22


@final
@frozen(eq=False)
class Silence:
    """What silence does, by its length and the state that it began in.

    Attributes
    ----------
    lengths : (b - 1,) ndarray of int64
        Lengths at which something fires, ascending; a gap's bucket is how many of them it reaches.
    unit : int
        What all of them are multiples of.
    bucket_of : (u,) ndarray, or None
        The bucket of each gap in whole units; longer gaps have the last one. None where there would be too many.
    state : (b * states,) ndarray
        The state after a gap of each bucket.
    fired : (b * states,) ndarray of uint8
        How many timeouts fired in it.
    chain_at, chain_state : (states, c) ndarray
        How long after the last touchpoint they fire one after the other, and where they lead.
    step : (b * symbols * states,) ndarray
        The state after a gap and a symbol.
    constant : (b * symbols,) ndarray of bool
        Where that is the same for every state.
    next_length : (states,) ndarray of int64
        The length of the next timeout in each state, ``NEVER`` where there is none.
    next_state : (states,) ndarray of intp
        Where it leads.
    """

    lengths: IntArray
    unit: int
    bucket_of: Array | None
    state: Array
    fired: Array
    chain_at: IntArray
    chain_state: Array
    step: Array
    constant: BoolArray
    next_length: IntArray
    next_state: Array

    def buckets(self, gaps: IntArray) -> Array:
        """Return the bucket of each gap."""
        if not len(self.lengths):
            return np.zeros(len(gaps), np.uint8)
        if self.bucket_of is None:
            return np.searchsorted(self.lengths, gaps, side="right").astype(
                np.uint8 if len(self.lengths) < 256 else np.uint16
            )
        units = gaps // self.unit
        np.minimum(units, len(self.bucket_of) - 1, out=units)
        return self.bucket_of.take(units)


def suits(program: Program) -> bool:
    """Whether silence of all kinds is the only clock, and its tables are not too large."""
    if any(clock.kind != IDLE for clock in program.clocks):
        return False
    lengths = {length for clock in program.clocks for length in clock.length.tolist()}
    return (1 + len(lengths)) * len(program.next) <= _MOST_CELLS


@lru_cache(maxsize=16)
def silence_of(program: Program) -> Silence:
    """Work out what silences of every length do."""
    states = range(program.states)
    length = program.clocks[0].length if program.clocks else np.full(program.states, NEVER)
    target = program.clocks[0].target if program.clocks else np.zeros(program.states, np.intp)
    chains = [_chain(length.tolist(), target.tolist(), state) for state in states]
    lengths = np.array(sorted({after for chain in chains for after, _ in chain}), np.int64)
    buckets = len(lengths) + 1
    small = np.uint8 if program.states <= 256 else np.int32
    state_after = np.empty((buckets, program.states), small)
    fired = np.empty((buckets, program.states), np.uint8 if program.states < 256 else np.int32)
    for bucket in range(buckets):
        reached = lengths[bucket - 1] if bucket else -1
        for state in states:
            passed = [leads_to for after, leads_to in chains[state] if after <= reached]
            state_after[bucket, state] = passed[-1] if passed else state
            fired[bucket, state] = len(passed)
    longest = max((len(chain) for chain in chains), default=0) or 1
    chain_at, chain_state = np.zeros((program.states, longest), np.int64), np.zeros((program.states, longest), np.intp)
    for state, chain in enumerate(chains):
        for place, (after, leads_to) in enumerate(chain):
            chain_at[state, place], chain_state[state, place] = after, leads_to
    following = program.next.reshape(program.symbols, program.states)
    step = following.T[state_after].transpose(0, 2, 1).reshape(-1, program.states)
    unit = int(np.gcd.reduce(lengths)) if len(lengths) else 1
    return Silence(
        lengths=lengths,
        unit=unit,
        bucket_of=_look_up(lengths, unit),
        state=state_after.ravel(),
        fired=fired.ravel(),
        chain_at=chain_at,
        chain_state=chain_state,
        step=step.astype(small).ravel(),
        constant=(step == step[:, :1]).all(axis=1),
        next_length=length,
        next_state=target,
    )


def _chain(length: list[int], target: list[int], state: int) -> list[tuple[int, int]]:
    """Return what silence does to a customer who begins it in a state: after how long, and where it leads."""
    chain: list[tuple[int, int]] = []
    after = 0
    while length[state] < NEVER:
        # A deadline that passed before the stage was entered fires on entry.
        after, state = max(after, length[state]), target[state]
        chain.append((after, state))
    return chain


def _look_up(lengths: IntArray, unit: int) -> Array | None:
    if not len(lengths) or lengths[-1] // unit > _LOOKED_UP:
        return None
    units = np.arange(lengths[-1] // unit + 1)
    return np.searchsorted(lengths // unit, units, side="right").astype(np.uint8 if len(lengths) < 256 else np.uint16)


def follow_silence(program: Program, steps: Steps, through: int) -> Course:
    """Find the course of a block's customers.

    Every gap and symbol together are one map of states to states. A map that leads every state to the same one forgets
    what was before: customers are cut there into pieces that can be followed side by side.

    Parameters
    ----------
    program
        The lifecycle; silence of all kinds is its only clock.
    steps
        The block; there is at least one step.
    through
        Last instant, in microseconds.
    """
    silence = silence_of(program)
    size, states, last = len(steps.at), program.states, steps.last
    gaps = np.empty(size, np.int64)
    np.subtract(steps.at[1:], steps.at[:-1], out=gaps[:-1])
    gaps[last] = through - steps.at[last]
    bucket = silence.buckets(gaps)
    del gaps
    key = np.zeros(size, np.uint16 if len(silence.constant) < 1 << 16 else np.int32)
    np.multiply(bucket[:-1], program.symbols, out=key[1:], dtype=key.dtype, casting="unsafe")
    # Nothing fires before a customer's first step.
    key[steps.start] = 0
    np.add(key, steps.symbol, out=key, casting="unsafe")
    after = _states_after(program, silence, key, steps.start)

    cell = bucket.astype(np.int32)
    cell *= states
    cell += after
    before = np.empty(size, silence.state.dtype)
    before[1:] = silence.state.take(cell[:-1])
    before[steps.start] = program.initial
    fired = silence.fired.take(cell)
    quiet = np.flatnonzero(fired > 0)
    often = fired[quiet].astype(np.int64)
    step = np.repeat(quiet, often)
    place = np.arange(len(step)) - np.repeat(np.cumsum(often) - often, often)
    link = after[step].astype(np.intp) * silence.chain_at.shape[1] + place
    final = silence.state.take(cell[last]).astype(np.intp)
    next_at, next_stage = coming(program, steps.at[last] + silence.next_length[final], silence.next_state[final])
    return Course(
        before=before,
        step=step,
        place=place,
        state=silence.chain_state.ravel().take(link),
        at=steps.at[step] + silence.chain_at.ravel().take(link),
        next_at=next_at,
        next_stage=next_stage,
    )


def _states_after(program: Program, silence: Silence, key: Array, start: IntArray) -> Array:
    """Return the state after each step."""
    size, states = len(key), program.states
    after = np.empty(size, silence.step.dtype)
    cut = silence.constant[key]
    cut[start] = True
    first = np.flatnonzero(cut)
    length = np.diff(first, append=size)
    # Constant maps do not care, and the others are at a customer's first step.
    state = silence.step.take(key[first].astype(np.intp) * states + program.initial)
    after[first] = state
    longest = int(length.max())
    if longest == 1:
        return after
    longer = np.flatnonzero(length > 1)
    longer = longer[longest_first(length[longer])]
    begin, sizes = first[longer], length[longer]
    here, now = begin.copy(), state[longer].astype(np.intp)
    alive = len(sizes) - np.cumsum(np.bincount(sizes))
    rank = 1
    while rank < longest and alive[rank] > FEW:
        count = int(alive[rank])
        here = here[:count]
        here += 1
        cell = key.take(here).astype(np.intp)
        cell *= states
        cell += now[:count]
        state = silence.step.take(cell)
        after[here] = state
        now = state.astype(np.intp)
        rank += 1
    maps = _maps_of(program) if rank < longest else []
    for piece in range(int(alive[rank]) if rank < longest else 0):
        rest = slice(int(begin[piece]) + rank, int(begin[piece] + sizes[piece]))
        after[rest] = _follow(maps, key[rest].tolist(), int(now[piece]))
    return after


def _follow(maps: Sequence[Sequence[int]], keys: Iterable[int], state: int) -> list[int]:
    """Follow one customer; a list of numbers is several times as fast as an array of them."""
    states = []
    for key in keys:
        state = maps[key][state]
        states.append(state)
    return states


@lru_cache(maxsize=16)
def _maps_of(program: Program) -> list[list[int]]:
    maps: list[list[int]] = silence_of(program).step.reshape(-1, program.states).tolist()
    return maps
