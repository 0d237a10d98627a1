"""Lifecycles that only go up, by one kind of touchpoint a stage."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from clm.core._duration import duration
from clm.core._names import checked_kinds
from clm.core._parts import Stage, Timeout, Transition
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from datetime import timedelta

AT_RISK: Final = "at_risk"
LAPSED: Final = "lapsed"


def ladder_fields(rungs: Any, *, at_risk: str | timedelta | None, lapsed: str | timedelta | None) -> dict[str, Any]:
    """Return the arguments of `Lifecycle` for a ladder; see `Lifecycle.ladder`."""
    if not isinstance(rungs, Mapping) or not rungs:
        raise InvalidDataError("a ladder needs at least one stage: {'attraction': 'visit', 'conversion': 'order'}.")
    silences = _silences(at_risk, lapsed)
    clash = [name for name in rungs if name in silences]
    if clash:
        raise InvalidDataError(f"{clash[0]!r} is the stage that silence leads to: give the rung another name.")
    kinds = {name: checked_kinds(given, f"the kind of {name!r}") for name, given in rungs.items()}
    _check_kinds(kinds)
    rank = {name: place for place, name in enumerate(rungs, start=1)}
    climbs = [
        Transition(source, kind, target if rank[target] > rank[source] else source)
        for source in rungs
        for target, given in kinds.items()
        for kind in given
    ]
    returns = [
        Transition(source, kind, target) for source in silences for target, given in kinds.items() for kind in given
    ]
    chain = list(silences.items())
    timeouts = [Timeout(source, chain[0][0], idle=chain[0][1]) for source in rungs if chain]
    timeouts += [Timeout(source, target, idle=length) for (source, _), (target, length) in pairwise(chain)]
    return {
        "stages": [Stage(name, rank=place) for name, place in rank.items()] + [Stage(name) for name in silences],
        "initial": next(iter(rungs)),
        "transitions": climbs + returns,
        "timeouts": timeouts,
    }


def _silences(at_risk: str | timedelta | None, lapsed: str | timedelta | None) -> dict[str, timedelta]:
    given = {AT_RISK: at_risk, LAPSED: lapsed}
    silences = {name: duration(length, name) for name, length in given.items() if length is not None}
    if len(silences) == 2 and silences[LAPSED] <= silences[AT_RISK]:
        raise InvalidDataError(
            f"lapsed={lapsed!r} must be longer than at_risk={at_risk!r}: both count from the last touchpoint."
        )
    return silences


def _check_kinds(kinds: Mapping[str, tuple[str, ...]]) -> None:
    stage_of: dict[str, str] = {}
    for name, given in kinds.items():
        if not given:
            raise InvalidDataError(f"stage {name!r} has no kind that leads to it.")
        for kind in given:
            if kind in stage_of:
                raise InvalidDataError(
                    f"kind {kind!r} leads to both {stage_of[kind]!r} and {name!r}. Give it one stage."
                )
            stage_of[kind] = name
