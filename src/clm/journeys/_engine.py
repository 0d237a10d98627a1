"""Replay a log block by block, by whole columns where that pays and touchpoint by touchpoint where not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

from clm.journeys._compile import cells, program_of
from clm.journeys._emit import visits_of
from clm.journeys._kernel_clocks import follow_clocks
from clm.journeys._kernel_idle import follow_silence, suits
from clm.journeys._kernels import TooLongError
from clm.journeys._scalar import walk_one_by_one
from clm.journeys._steps import steps_of
from clm.journeys._walked import Walked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.core import Machine
    from clm.journeys._compile import Program
    from clm.journeys._walked import Grouped
    from clm.typing import Array

BLOCK: Final = 1 << 18
"""Rows that are taken at a time, so that what is computed on the way stays small."""

CROWD: Final = 1 << 12
"""Customers of a block at least, where that does not make it many times as long."""

WORTHWHILE: Final = 1 << 12
"""Rows from which on a log is replayed by whole columns."""

_LONGEST: Final = 16
_MOST_THREADS: Final = 4


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
    program = _program_for(machine, log)

    def walk(part: tuple[slice, slice]) -> Walked:
        customers, rows = part
        block = log.block(customers, rows)
        if program is not None:
            walked = _walk_columns(program, block, through, max_visits)
            if walked is not None:
                return walked
        return walk_one_by_one(machine, block, through=through, max_visits=max_visits, ids=ids[customers])

    parts = list(_blocks(log))
    threads = min(_processors(), _MOST_THREADS, len(parts))
    if program is None or threads < 2:
        return Walked.joined([walk(part) for part in parts])
    with ThreadPoolExecutor(threads) as pool:
        return Walked.joined(list(pool.map(walk, parts)))


def _program_for(machine: Machine, log: Grouped) -> Program | None:
    """Compile the lifecycle where that pays: a cell of its tables takes about as long as a row one by one."""
    if len(log.rows) + len(log.counts) < WORTHWHILE:
        return None
    size = cells(machine)
    return program_of(machine) if size is not None and size <= len(log.rows) + len(log.counts) else None


def _walk_columns(program: Program, log: Grouped, through: int, max_visits: int) -> Walked | None:
    """Replay a block by whole columns; None where the scalar machine has to."""
    steps = steps_of(program, log, through)
    if not len(steps.at):
        return Walked.nobody(len(log.counts), log.rows.dtype)
    try:
        if suits(program):
            course = follow_silence(program, steps, through)
        else:
            course = follow_clocks(program, steps, through, max_visits)
    except TooLongError:
        return None
    walked = visits_of(program, steps, course, len(log.counts))
    # Which customer it was, and where he was by then, is for the scalar machine to say.
    return None if int(walked.visits.max()) > max_visits else walked


def _blocks(log: Grouped) -> Iterator[tuple[slice, slice]]:
    """Cut the customers into blocks; yield them with their rows."""
    ends = np.cumsum(log.counts)
    size = len(ends)
    first = done = 0
    while first < size or not first:
        last = int(np.searchsorted(ends, done + BLOCK, side="right"))
        if last - first < CROWD:
            last = min(first + CROWD, int(np.searchsorted(ends, done + _LONGEST * BLOCK, side="right")))
        # Customers without rows come in blocks too.
        last = min(max(last, first + 1), first + BLOCK, size)
        upto = int(ends[last - 1]) if last else 0
        yield slice(first, last), slice(done, upto)
        if last == size:
            return
        first, done = last, upto


def _processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
