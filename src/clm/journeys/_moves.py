"""Count moves between stages, move by move or from one period's start to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.data import DAY, describe
from clm.journeys._transitions import TransitionMatrix

if TYPE_CHECKING:
    from clm.core import Lifecycle
    from clm.data import Calendar, Zone
    from clm.journeys._visits import Visits
    from clm.typing import IntArray

_BLOCK = 1 << 20


def final_stages(lifecycle: Lifecycle) -> tuple[str, ...]:
    """Return the stages with no way out; none where the lifecycle declares nothing that moves anybody."""
    if not lifecycle.transitions and not lifecycle.timeouts:
        return ()
    machine = lifecycle.machine
    return tuple(
        name
        for code, name in enumerate(machine.stages)
        if not machine.timeouts[code]
        and all(target == name for kind in range(machine.known) for target in machine.targets(code, kind))
    )


def counted_moves(visits: Visits, lifecycle: Lifecycle, through: int, zone: Zone) -> TransitionMatrix:
    """Count each visit by the stage of the one that followed it, open ones apart."""
    stages = visits.machine.stages
    cells = len(stages) * (len(stages) + 1)
    counts = np.zeros(cells, np.int64)
    time, squares = np.zeros(cells), np.zeros(cells)
    target = np.empty(visits.n, visits.stage_codes.dtype)
    target[:-1] = visits.stage_codes[1:]
    target[visits.offsets[1:] - 1] = len(stages)
    exited = visits.exited(missing=through)
    for block in (slice(start, start + _BLOCK) for start in range(0, visits.n, _BLOCK)):
        cell = visits.stage_codes[block].astype(np.int64) * (len(stages) + 1) + target[block]
        length = (exited[block] - visits.entered[block]) / DAY
        counts += np.bincount(cell, minlength=cells)
        time += np.bincount(cell, length, minlength=cells)
        squares += np.bincount(cell, length**2, minlength=cells)
    shape = len(stages), len(stages) + 1
    return TransitionMatrix(
        stages=stages,
        counts=counts.reshape(shape)[:, :-1].copy(),
        open=counts.reshape(shape)[:, -1].copy(),
        final=final_stages(lifecycle),
        time=time.reshape(shape),
        squared_time=squares.reshape(shape),
        name=lifecycle.name,
        definition=(
            f"Moves are visits to a stage of {lifecycle.name!r} and the visits that follow them, through"
            f" {describe(through, zone)}; visits of length zero count, visits that have not ended do not."
        ),
    )


def counted_periods(visits: Visits, lifecycle: Lifecycle, through: int, calendar: Calendar) -> TransitionMatrix:
    """Count customers by their stage as each complete period starts, and as the next one does."""
    stages = visits.machine.stages
    counts = np.zeros(len(stages) ** 2, np.int64)
    if visits.n:
        known = _moments_in(visits, through, calendar)
        # Visits leave no gap, so that those which cover a moment follow each other moment by moment.
        there = np.flatnonzero(known)
        codes = visits.stage_codes[there].astype(np.int64)
        counts[:: len(stages) + 1] += np.bincount(codes, known[there] - 1, minlength=len(stages)).astype(np.int64)
        customer = np.repeat(np.arange(len(visits.customer)), np.diff(visits.offsets))[there]
        follows = customer[1:] == customer[:-1]
        counts += np.bincount((codes[:-1] * len(stages) + codes[1:])[follows], minlength=len(counts))
    nothing = np.zeros((len(stages), len(stages) + 1))
    weeks = f", weeks from {calendar.week_start}" if calendar.period == "week" else ""
    return TransitionMatrix(
        stages=stages,
        counts=counts.reshape(len(stages), len(stages)),
        open=np.zeros(len(stages), np.int64),
        final=final_stages(lifecycle),
        period=calendar.period,
        time=nothing,
        squared_time=nothing,
        name=lifecycle.name,
        definition=(
            f"Customers by their stage of {lifecycle.name!r} in the instant before a {calendar.period} starts and in"
            f" the one before the next does, over all complete {calendar.period}s in {calendar.zone.name}{weeks}"
            f" through {describe(through, calendar.zone)}."
        ),
    )


def _moments_in(visits: Visits, through: int, calendar: Calendar) -> IntArray:
    """Return how many instants before the start of a period each visit covers, those after the log's end left out."""
    first, last = calendar.index(np.array([visits.entered.min(), through])).tolist()
    moments = calendar.start(np.arange(first + 1, last + 2)) - 1
    moments = moments[moments <= through]
    begins = np.searchsorted(moments, visits.entered)
    ends = np.empty_like(begins)
    ends[:-1] = begins[1:]
    ends[visits.offsets[1:] - 1] = len(moments)
    return ends - begins
