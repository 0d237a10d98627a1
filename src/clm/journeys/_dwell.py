"""How long customers stay in a stage, and where they go when they leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve

from clm.core import microseconds
from clm.data import DAY, Durations, days_in, describe
from clm.errors import InvalidDataError, nearest
from clm.survival import incidence_by_code, kaplan_meier

if TYPE_CHECKING:
    from clm.core import Lifecycle
    from clm.journeys._log import StageLog
    from clm.journeys._visits import Visits
    from clm.survival import CumulativeIncidence, SurvivalCurve
    from clm.typing import BoolArray, IntArray

EXITS: Final = ("rank", "stage")
_ADVANCE, _BACK, _DROP, _LEVEL = range(4)
_BY_RANK: Final = ("advance", "back", "drop", "level")
_WAYS: Final = {
    "advance": "a move to a higher rank",
    "back": "a move to a lower rank",
    "drop": "a move off the ladder",
    "level": "a move to the same rank",
}


def stage_number(stage: Any, lifecycle: Lifecycle) -> int:
    """Return the place of a stage in a lifecycle.

    Raises
    ------
    InvalidDataError
        If there is no such stage.
    """
    names = [known.name for known in lifecycle.stages]
    name = getattr(stage, "name", stage)
    if name in names:
        return names.index(name)
    parts = [known.name for known in lifecycle.stages if known.parent == name]
    if parts:
        raise InvalidDataError(
            f"{name!r} has the parts {', '.join(parts)}. Ask for one of them, or ask log.rolled_up() for all of them"
            " together."
        )
    raise InvalidDataError(
        f"{name!r} is no stage of {lifecycle.name!r}, whose stages are {', '.join(names)}.{nearest(str(name), names)}"
    )


def time_in_stage(log: StageLog, stage: Any, exits: str | None, unit: str) -> SurvivalCurve | CumulativeIncidence:
    """Measure the visits to a stage, those that have not ended up to the end of the log.

    Raises
    ------
    InvalidDataError
        If there is no such stage, nobody stayed in it, or `exits` or `unit` is unknown.
    """
    if exits is not None and exits not in EXITS:
        raise InvalidDataError(f"exits={exits!r} is not one of {', '.join(EXITS)}.{nearest(str(exits), EXITS)}")
    visits, lifecycle, through = log.visits, log.lifecycle, microseconds(log.through, "through")
    length_of_unit, ends = DAY * days_in(unit), describe(through, log.zone)
    code = stage_number(stage, lifecycle)
    name = lifecycle.stages[code].name
    rows, ended, length = _lengths(visits, code, through)
    if not len(rows):
        raise InvalidDataError(
            f"nobody stayed in {name!r}: there is no visit to it that lasted longer than an instant by {ends}."
        )
    durations = Durations(length / length_of_unit, ended, unit=unit)
    scope = (
        f"; visits of length zero are left out, those that have not ended are followed through {ends}), by their age in"
        f" {unit}s."
    )
    stayed = f"Share of visits to {name!r} of {lifecycle.name!r} that last longer (Kaplan-Meier{scope}"
    repeated = _repeated(visits, rows, name)
    if exits is None:
        curve = kaplan_meier(durations)
        return evolve(curve, definition=stayed, caveats=curve.caveats + repeated)
    targets = np.full(len(rows), -1)
    targets[ended] = visits.stage_codes[rows[ended] + 1]
    codes, labels = _by_stage(targets, lifecycle) if exits == "stage" else _by_rank(targets, code, lifecycle)
    found = incidence_by_code(durations, codes, labels)
    survival = evolve(found.survival, definition=stayed, caveats=found.survival.caveats + repeated)
    way = _led_to if exits == "stage" else _WAYS.__getitem__
    curves = tuple(
        evolve(
            curve,
            survival=survival,
            caveats=survival.caveats,
            definition=(
                f"Share of visits to {name!r} of {lifecycle.name!r} that end by {way(curve.cause)}, while other ways"
                f" out compete (Aalen-Johansen{scope}"
            ),
        )
        for curve in found.curves
    )
    return evolve(found, curves=curves, survival=survival)


def _led_to(stage: str) -> str:
    return f"a move to {stage!r}"


def _lengths(visits: Visits, code: int, through: int) -> tuple[IntArray, BoolArray, IntArray]:
    """Return the visits to a stage that lasted, whether they ended, and how long they were by the log's end."""
    last = np.zeros(visits.n, bool)
    last[visits.offsets[1:] - 1] = True
    rows = np.flatnonzero(visits.stage_codes == code)
    ended = ~last[rows]
    ends = np.full(len(rows), through)
    ends[ended] = visits.entered[rows[ended] + 1]
    length = ends - visits.entered[rows]
    lasted = length > 0
    return rows[lasted], ended[lasted], length[lasted]


def _repeated(visits: Visits, rows: IntArray, name: str) -> tuple[str, ...]:
    customer = np.searchsorted(visits.offsets, rows, side="right")
    customers = 1 + int((np.diff(customer) > 0).sum())
    if customers == len(rows):
        return ()
    told = (
        f"{len(rows):,} visits to {name!r} of {customers:,} customers count as independent of each other: intervals are"
        " too narrow where one customer's visits are alike."
    )
    return (told,)


def _by_stage(targets: IntArray, lifecycle: Lifecycle) -> tuple[IntArray, list[str]]:
    seen = np.flatnonzero(np.bincount(targets[targets >= 0], minlength=len(lifecycle.stages)))
    return np.searchsorted(seen, targets), [lifecycle.stages[code].name for code in seen.tolist()]


def _by_rank(targets: IntArray, source: int, lifecycle: Lifecycle) -> tuple[IntArray, list[str]]:
    here = lifecycle.stages[source].rank
    if here is None:
        raise InvalidDataError(
            f"{lifecycle.stages[source].name!r} has no rank, so that no way out of it is an advance. Ask for"
            " exits='stage'."
        )
    kinds = np.array([_kind_of(stage.rank, here) for stage in lifecycle.stages])
    codes = np.where(targets >= 0, kinds[targets], -1)
    named = len(_BY_RANK) if (codes == _LEVEL).any() else _LEVEL
    return codes, list(_BY_RANK[:named])


def _kind_of(rank: int | None, here: int) -> int:
    if rank is None:
        return _DROP
    return _ADVANCE if rank > here else _BACK if rank < here else _LEVEL
