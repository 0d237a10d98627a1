"""Replay one customer's touchpoints and keep every visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from attrs import field, frozen

from clm.core._history import History
from clm.core._instants import instant, last_microsecond, microseconds
from clm.core._records import Touchpoint, Visit
from clm.core._state import cause_name, resumed, saved
from clm.core._steps import check_order
from clm.core._walk import WAITING
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from clm.core._lifecycle import Lifecycle
    from clm.core._machine import Machine
    from clm.core._state import State
    from clm.core._walk import Walk

Policy: TypeAlias = Literal["ignore", "raise", "record"]
"""What to do with touchpoints that do not fit."""


def check_policy(policy: str, what: str) -> None:
    """Refuse what is no policy.

    Raises
    ------
    InvalidDataError
        If it is not one of ignore, raise, record.
    """
    if policy not in {"ignore", "raise", "record"}:
        raise InvalidDataError(f"{what} must be 'ignore', 'raise' or 'record', not {policy!r}.")


def check_max_visits(max_visits: Any) -> None:
    """Refuse what is no number of visits.

    Raises
    ------
    InvalidDataError
        If it is not a whole number from 1 on.
    """
    if not isinstance(max_visits, int) or isinstance(max_visits, bool) or max_visits < 1:
        raise InvalidDataError(f"max_visits must be a whole number from 1 on, not {max_visits!r}.")


def unknown_kind(kind: str, kinds: Iterable[str], where: str, lifecycle: str) -> InvalidDataError:
    """Return the error for a kind that a lifecycle does not know."""
    known = list(kinds)
    hint = nearest(kind, known) or " Map it with another name, declare it in kinds=, or pass unknown='ignore'."
    listed = ", ".join(known) or "none"
    return InvalidDataError(
        f"kind {kind!r} {where} is unknown to the lifecycle {lifecycle!r}, which knows {listed}.{hint}"
    )


def replayed(
    lifecycle: Lifecycle,
    state: State,
    touchpoints: Iterable[Touchpoint],
    *,
    through: datetime | date | None,
    illegal: Policy,
    unknown: Policy,
    max_visits: int,
) -> History:
    """Apply touchpoints to a state, then time up to `through`; see `Lifecycle.replay`."""
    check_policy(illegal, "illegal")
    check_policy(unknown, "unknown")
    check_max_visits(max_visits)
    log = list(touchpoints)
    whose = _whose(log, state.customer_id)
    times = [microseconds(touchpoint.at, "at") for touchpoint in log]
    if through is None and not times:
        raise InvalidDataError("there is no touchpoint whose instant could be taken for through=. Give through=.")
    until = max(times) if through is None else last_microsecond(through)
    machine = lifecycle.machine
    within = sorted((row for row, at in enumerate(times) if at <= until), key=times.__getitem__)
    strangers = [row for row in sorted(within) if log[row].kind not in machine.codes]
    if strangers and unknown == "raise":
        row = strangers[0]
        raise unknown_kind(log[row].kind, lifecycle.known_kinds, f"at row {row}", lifecycle.name)

    columns = _Columns()
    walk = resumed(
        machine, state, stages=columns.stages, entered=columns.entered, causes=columns.causes, refs=columns.refs
    )
    walk.max_visits = max_visits
    columns.take_up(walk)
    _check_times(walk, [times[row] for row in within if log[row].kind in machine.codes], until)
    refused = _apply(walk, log, times, within, columns)
    if refused and illegal == "raise":
        row, stage = min(refused)
        raise lifecycle.refusal(machine.stages[stage], log[row].kind, f"at row {row}")
    walk.settle(until)
    return History(
        visits=columns.visits(machine),
        state=saved(walk, lifecycle=lifecycle.name, customer_id=whose),
        illegal=tuple(log[row] for row, _ in sorted(refused)) if illegal == "record" else (),
        unknown=tuple(log[row] for row in strangers) if unknown == "record" else (),
        left_out=len(log) - len(within),
    )


@final
@frozen
class _Columns:
    """One customer's visits as a walk writes them."""

    stages: list[int] = field(factory=list)
    entered: list[int] = field(factory=list)
    causes: list[int] = field(factory=list)
    refs: list[Any] = field(factory=list)

    def take_up(self, walk: Walk) -> None:
        """Begin with the visit that is open in a state."""
        if walk.stage != WAITING:
            self.stages.append(walk.stage)
            self.entered.append(walk.entered)
            self.causes.append(walk.cause)
            self.refs.append(walk.ref)

    def visits(self, machine: Machine) -> tuple[Visit, ...]:
        """Return the visits; each ends where the next begins."""
        begins = [instant(at) for at in self.entered]
        ends = [*begins[1:], None]
        return tuple(
            Visit(machine.stages[stage], begin, end, cause_name(machine, cause), ref)
            for stage, begin, end, cause, ref in zip(
                self.stages, begins, ends[: len(begins)], self.causes, self.refs, strict=True
            )
        )


def _apply(
    walk: Walk, log: Sequence[Touchpoint], times: Sequence[int], rows: Iterable[int], columns: _Columns
) -> list[tuple[int, int]]:
    """Apply rows in order, and return the illegal ones, each with the stage that refused it."""
    refused = []
    for row in rows:
        touchpoint = log[row]
        kind = walk.machine.codes.get(touchpoint.kind)
        if kind is None:
            continue
        if walk.opened_for(times[row], kind):
            walk.cause, walk.ref = columns.causes[0], columns.refs[0] = kind, touchpoint.ref
        if not walk.touch(times[row], kind, touchpoint.ref, touchpoint.amount, touchpoint.score, touchpoint.channel):
            refused.append((row, walk.stage))
    return refused


def _check_times(walk: Walk, times: Sequence[int], until: int) -> None:
    if times:
        check_order(walk, min(times), "a touchpoint")
    check_order(walk, until, "through=")


def _whose(log: Sequence[Touchpoint], expected: Any) -> Any:
    for row, touchpoint in enumerate(log):
        if not isinstance(touchpoint, Touchpoint):
            raise InvalidDataError(f"replay takes Touchpoint objects, but row {row} is {touchpoint!r}.")
        if expected is None:
            expected = touchpoint.customer_id
        elif touchpoint.customer_id != expected:
            raise InvalidDataError(
                f"replay takes one customer's touchpoints, but row {row} is of {touchpoint.customer_id!r}, not "
                f"{expected!r}. For a log of many customers use clm.replay."
            )
    return expected
