"""What ready-made lifecycles have in common: names for kinds, rungs, and the way down through silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clm.core import Stage, Timeout, Transition
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta


def named(model: str, defaults: Sequence[str], kinds: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the names of a model's kinds, those that the user calls otherwise in place of the defaults.

    Raises
    ------
    InvalidDataError
        If the model has no such kind, or two get one name.
    """
    if kinds is not None and not isinstance(kinds, Mapping):
        raise InvalidDataError(f"kinds must be a mapping as {{{defaults[0]!r}: 'my name'}}, not {kinds!r}.")
    given = dict(kinds or {})
    odd = [kind for kind in given if kind not in defaults]
    if odd:
        raise InvalidDataError(
            f"{model} has no kind {odd[0]!r}: they are {', '.join(defaults)}.{nearest(str(odd[0]), defaults)}"
        )
    names = tuple(given.get(kind, kind) for kind in defaults)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidDataError(f"two kinds of {model} are named {twice[0]!r}. Give each a name of its own.")
    return names


def ranked(stages: Iterable[str], unranked: Iterable[str] = ()) -> list[Stage]:
    """Return stages with ranks from 1 on, then stages without."""
    return [*(Stage(name, rank=rank) for rank, name in enumerate(stages, start=1)), *(Stage(name) for name in unranked)]


def climbs(rungs: Mapping[str, str]) -> list[Transition]:
    """Return transitions in which each kind leads up to its own stage; from there and from above it is a touch."""
    place = {stage: number for number, stage in enumerate(rungs)}
    return [
        Transition(source, kind, target if place[target] > place[source] else source)
        for source in rungs
        for target, kind in rungs.items()
    ]


def touches(stages: Iterable[str], *kinds: str) -> list[Transition]:
    """Return transitions that make kinds legal in stages and change nothing."""
    return [Transition(stage, kind, stage) for stage in stages for kind in kinds]


def silence(
    stages: Iterable[str], *, at_risk: str | timedelta, lapsed: str | timedelta, of: tuple[str, ...] | None
) -> list[Timeout]:
    """Return the timeouts that lead from stages to ``at_risk`` and on to ``lapsed``.

    Raises
    ------
    InvalidDataError
        If `lapsed` is not the longer one: both count from the last touchpoint.
    """
    timeouts = [Timeout(stage, "at_risk", idle=at_risk, of=of) for stage in stages]
    timeouts.append(Timeout("at_risk", "lapsed", idle=lapsed, of=of))
    if timeouts[-1].idle <= timeouts[0].idle:  # type: ignore[operator]  # both are idle clocks
        last = "touchpoint" if of is None else " or ".join(of)
        raise InvalidDataError(
            f"lapsed={lapsed!r} must be longer than at_risk={at_risk!r}: both count from the last {last}."
        )
    return timeouts


def check_rising(*, above: int = 1, **numbers: int) -> None:
    """Refuse numbers of orders that do not rise.

    Parameters
    ----------
    above
        What the first must be above.
    **numbers
        Numbers by the name of their option, in the order in which they have to rise.

    Raises
    ------
    InvalidDataError
        With all of them.
    """
    low = above
    for number in numbers.values():
        if type(number) is not int or number <= low:
            said = " and ".join(f"{name}={value!r}" for name, value in numbers.items())
            raise InvalidDataError(f"{said} must be whole numbers that rise, from {above + 1} on.")
        low = number
