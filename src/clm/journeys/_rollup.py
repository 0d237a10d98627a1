"""Visits to stages with dotted names, told as visits to what they are parts of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from clm.core import NEVER, Lifecycle, Stage
from clm.journeys._visits import Visits
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.journeys._log import StageLog
    from clm.typing import Array, BoolArray, IntArray


def rolled_up(log: StageLog) -> StageLog:
    """Return a log at the level of parents; see `StageLog.rolled_up`."""
    parents = parents_of(log.lifecycle)
    number = {stage.name: code for code, stage in enumerate(parents.stages)}
    parent = np.array([number[stage.parent] for stage in log.lifecycle.stages], np.int16)
    next_at, next_stage = rolled_up_next(log.visits, parent, log.next_at, log.next_stage)
    return evolve(
        log,
        lifecycle=parents,
        visits=rolled_up_visits(log.visits, parent, parents),
        next_at=frozen_array(next_at),
        next_stage=frozen_array(next_stage),
        note="; ".join(part for part in (log.note, "parts of a stage added up") if part),
    )


def parents_of(lifecycle: Lifecycle) -> Lifecycle:
    """Return a lifecycle's stages without their parts, and nothing that moves anybody; kinds keep their numbers."""
    ranks: dict[str, list[int]] = {}
    for stage in lifecycle.stages:
        ranks.setdefault(stage.parent, []).extend([] if stage.rank is None else [stage.rank])
    initial = next(stage.parent for stage in lifecycle.stages if stage.name == lifecycle.initial)
    return Lifecycle(
        lifecycle.name,
        stages=[Stage(name, rank=min(found, default=None)) for name, found in ranks.items()],
        initial=initial,
        transitions=(),
        kinds=lifecycle.known_kinds,
    )


def rolled_up_visits(visits: Visits, parent: Array, lifecycle: Lifecycle) -> Visits:
    """Return visits to parents: those that follow each other within one are one visit.

    Parameters
    ----------
    visits
        Visits to stages.
    parent
        For each stage the number of its parent, shape (s,).
    lifecycle
        What `parents_of` returned.
    """
    stages = visits.machine.stages
    whole = np.array([name == lifecycle.stages[up].name for name, up in zip(stages, parent, strict=True)], bool)
    kept = _leads_elsewhere(visits, parent, whole)
    before = np.append(0, np.cumsum(kept))
    return Visits(
        customer=visits.customer,
        offsets=frozen_array(before[visits.offsets]),
        stage_codes=frozen_array(parent[visits.stage_codes[kept]]),
        cause_codes=frozen_array(visits.cause_codes[kept]),
        entered=frozen_array(visits.entered[kept]),
        refs=None if visits.refs is None else frozen_array(visits.refs[kept]),
        machine=lifecycle.machine,
    )


def rolled_up_next(visits: Visits, parent: Array, next_at: IntArray, next_stage: Array) -> tuple[IntArray, Array]:
    """Return what silence brings next, nothing where it leads to another part of the same parent."""
    here = parent[visits.stage_codes[visits.offsets[1:] - 1]]
    due = next_at < NEVER
    there = np.where(due, parent[np.where(due, next_stage, 0)], next_stage)
    stays = due & (there == here)
    return np.where(stays, NEVER, next_at), np.where(stays, -1, there).astype(next_stage.dtype)


def _leads_elsewhere(visits: Visits, parent: Array, whole: BoolArray) -> BoolArray:
    """Whether each visit is a customer's first, has another parent than the one before, or enters a stage again.

    A part that is entered again, as a renewal is, does not leave its parent: `whole` says which stages are no parts.
    """
    kept = np.ones(visits.n, bool)
    codes = visits.stage_codes
    kept[1:] = (parent[codes[1:]] != parent[codes[:-1]]) | ((codes[1:] == codes[:-1]) & whole[codes[1:]])
    kept[visits.offsets[:-1]] = True
    return kept
