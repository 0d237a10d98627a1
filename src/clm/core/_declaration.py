"""Refuse a lifecycle that could not run, when it is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.core._names import ANY, PREVIOUS, checked_kinds, checked_name
from clm.core._parts import Stage, Timeout, Transition
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.core._lifecycle import Lifecycle


def name_of(name: Any) -> str:
    """Return a lifecycle's name."""
    return checked_name(name, "a lifecycle's name")


def kinds_of(kinds: Any) -> tuple[str, ...]:
    """Return the kinds that a lifecycle knows besides."""
    return () if kinds is None else checked_kinds(kinds, "kinds")


def stages_of(stages: Any) -> tuple[Stage, ...]:
    """Return stages; a name alone is a stage without a rank."""
    return tuple(Stage(entry) if isinstance(entry, str) else entry for entry in _listed(stages, (Stage, str), "stages"))


def transitions_of(transitions: Any) -> tuple[Transition, ...]:
    """Return transitions."""
    return _listed(transitions, (Transition,), "transitions")


def timeouts_of(timeouts: Any) -> tuple[Timeout, ...]:
    """Return timeouts."""
    return _listed(timeouts, (Timeout,), "timeouts")


def _listed(entries: Any, types: tuple[type, ...], what: str) -> tuple[Any, ...]:
    if isinstance(entries, str) or not hasattr(entries, "__iter__"):
        raise InvalidDataError(f"{what} must be a list of {types[0].__name__}, not {entries!r}.")
    listed = tuple(entries)
    odd = [entry for entry in listed if not isinstance(entry, types)]
    if odd:
        raise InvalidDataError(f"{what} must hold {types[0].__name__} objects, but one is {odd[0]!r}.")
    return listed


def validate(lifecycle: Lifecycle) -> None:
    """Raise where names do not fit together, transitions repeat, or timeouts go round in no time.

    Raises
    ------
    InvalidDataError
        With the first fault.
    """
    if lifecycle.backward not in {"allow", "forbid"}:
        raise InvalidDataError(f"backward must be 'allow' or 'forbid', not {lifecycle.backward!r}.")
    names = _stage_names(lifecycle.stages)
    _check_stage(lifecycle.initial, names, "the initial stage")
    _check_transitions(lifecycle.transitions, names)
    for timeout in lifecycle.timeouts:
        _check_stage(timeout.source, names, f"the source of the timeout {timeout}")
        _check_stage(timeout.target, names, f"the target of the timeout {timeout}")
    _refuse_endless_circles(lifecycle.timeouts)


def _stage_names(stages: Sequence[Stage]) -> list[str]:
    names = [stage.name for stage in stages]
    if not names:
        raise InvalidDataError("a lifecycle needs at least one stage.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidDataError(f"stage {twice[0]!r} is declared twice. Give each stage once.")
    return names


def _check_stage(name: object, names: Sequence[str], what: str) -> None:
    if name not in names:
        raise InvalidDataError(f"{what} is {name!r}, but the stages are {', '.join(names)}.{nearest(str(name), names)}")


def _check_transitions(transitions: Sequence[Transition], names: Sequence[str]) -> None:
    seen: dict[object, Transition] = {}
    for transition in transitions:
        if transition.source != ANY:
            _check_stage(transition.source, names, f"the source of the transition {transition}")
        if transition.target != PREVIOUS:
            _check_stage(transition.target, names, f"the target of the transition {transition}")
        key = (transition.source, transition.kind, transition.when)
        if key in seen:
            raise InvalidDataError(
                f"the transitions {seen[key]} and {transition} can never be told apart: the second would never be "
                "taken. Give them conditions, or leave one out."
            )
        seen[key] = transition


def _refuse_endless_circles(timeouts: Sequence[Timeout]) -> None:
    """Refuse circles of deadlines that stay where they are on entry: all of them would fire at one instant."""
    leads_to: dict[str, list[str]] = {}
    for timeout in timeouts:
        if timeout.after is None:
            leads_to.setdefault(timeout.source, []).append(timeout.target)
    done: set[str] = set()
    for start in leads_to:
        _follow(start, leads_to, [], done)


def _follow(stage: str, leads_to: dict[str, list[str]], path: list[str], done: set[str]) -> None:
    if stage in path:
        circle = " -> ".join([*path[path.index(stage) :], stage])
        raise InvalidDataError(
            f"the timeouts {circle} go round in a circle of idle and attribute clocks, which would fire for ever at "
            "one instant. Break the circle, or give one of them after=."
        )
    if stage in done:
        return
    for target in leads_to.get(stage, ()):
        _follow(target, leads_to, [*path, stage], done)
    done.add(stage)
