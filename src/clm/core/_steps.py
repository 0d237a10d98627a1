"""Move one customer by one step: from state to state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.core._instants import NEVER, instant, last_microsecond, microseconds
from clm.core._records import Customer, Touchpoint
from clm.core._state import State, dates_of, resumed, saved
from clm.core._walk import BY_HAND, Walk
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from datetime import date, datetime

    from clm.core._lifecycle import Lifecycle


def begun(lifecycle: Lifecycle, at: datetime | None, customer: Customer | None) -> State:
    """Return the state of a customer who begins; see `Lifecycle.begin`."""
    if customer is not None and not isinstance(customer, Customer):
        raise InvalidDataError(f"customer must be a Customer, not {customer!r}.")
    acquired_at = None if customer is None else customer.acquired_at
    walk = Walk(lifecycle.machine, stages=[], entered=[], causes=[], refs=[])
    walk.restart(
        NEVER if acquired_at is None else microseconds(acquired_at, "acquired_at"),
        dates_of(lifecycle.machine, {} if customer is None else customer.attributes),
    )
    if at is not None:
        walk.open(microseconds(at, "at"), BY_HAND, None)
    return saved(walk, lifecycle=lifecycle.name, customer_id=None if customer is None else customer.id)


def advanced(lifecycle: Lifecycle, state: State, touchpoint: Touchpoint) -> State:
    """Return the state after a touchpoint; see `Lifecycle.advance`."""
    check_state(lifecycle, state)
    if not isinstance(touchpoint, Touchpoint):
        raise InvalidDataError(f"advance takes a Touchpoint, not {touchpoint!r}.")
    whose = _same(state.customer_id, touchpoint.customer_id)
    machine = lifecycle.machine
    kind = machine.codes.get(touchpoint.kind)
    if kind is None:
        return state
    walk = _resumed(lifecycle, state)
    at = microseconds(touchpoint.at, "at")
    check_order(walk, at, f"the touchpoint {touchpoint.kind!r}")
    if walk.opened_for(at, kind):
        walk.cause, walk.ref = kind, touchpoint.ref
    if not walk.touch(at, kind, touchpoint.ref, touchpoint.amount, touchpoint.score, touchpoint.channel):
        raise lifecycle.refusal(machine.stages[walk.stage], touchpoint.kind, f"at {touchpoint.at.isoformat()}")
    return saved(walk, lifecycle=lifecycle.name, customer_id=whose)


def settled(lifecycle: Lifecycle, state: State, through: datetime | date) -> State:
    """Return the state after all that is due; see `Lifecycle.settle`."""
    check_state(lifecycle, state)
    until = last_microsecond(through)
    walk = _resumed(lifecycle, state)
    check_order(walk, until, "through=")
    walk.settle(until)
    return saved(walk, lifecycle=lifecycle.name, customer_id=state.customer_id)


def check_state(lifecycle: Lifecycle, state: Any) -> None:
    """Refuse what is no state of a lifecycle.

    Raises
    ------
    InvalidDataError
        If it is none, or another lifecycle's.
    """
    if not isinstance(state, State):
        raise InvalidDataError(f"state must be a State, as begin() returns it, not {state!r}.")
    if state.lifecycle != lifecycle.name:
        raise InvalidDataError(f"the state belongs to the lifecycle {state.lifecycle!r}, not to {lifecycle.name!r}.")


def check_order(walk: Walk, at: int, what: str) -> None:
    """Refuse an instant before what has been applied or fired already.

    Raises
    ------
    InvalidDataError
        If it is.
    """
    since = max(walk.applied, walk.entered)
    if at < since:
        raise InvalidDataError(
            f"{what} at {instant(at).isoformat()} is before {instant(since).isoformat()}, up to which the state has "
            "come. Replay the customer from the start."
        )


def _same(expected: Any, given: Any) -> Any:
    if expected is not None and expected != given:
        raise InvalidDataError(f"the touchpoint is of customer {given!r}, but the state is of {expected!r}.")
    return given if expected is None else expected


def _resumed(lifecycle: Lifecycle, state: State) -> Walk:
    return resumed(lifecycle.machine, state, stages=[], entered=[], causes=[], refs=[])
