"""Where one customer is, in a form that can be kept and taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, final

from attrs import field, fields, frozen

from clm.core._instants import NEVER, in_utc, instant, microseconds, representable
from clm.core._mapping import FrozenMapping
from clm.core._names import ACQUIRED, TIMEOUT
from clm.core._walk import BY_ACQUISITION, BY_HAND, BY_TIMEOUT, MAX_VISITS, WAITING, Walk
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from clm.core._machine import Machine
    from clm.core._walk import Sink


def _frozen(items: Mapping[Any, Any]) -> FrozenMapping[Any, Any]:
    return FrozenMapping(items)


_INSTANTS: Final = ("entered_at", "opened_at", "last_at", "applied_at", "acquired_at")
_UNNUMBERED: Final = {BY_TIMEOUT: TIMEOUT, BY_ACQUISITION: ACQUIRED, BY_HAND: None}


@final
@frozen(kw_only=True)
class State:
    """One customer's place in a lifecycle, with everything that decides what comes next.

    `Lifecycle.begin` makes it, `advance` and `settle` return the next one. It never changes, and it goes through JSON
    and back without loss, so that a service can keep one a customer and apply each touchpoint as it arrives.

    Attributes
    ----------
    lifecycle : str
        Name of the lifecycle it belongs to.
    stage : str or None
        Where the customer is; None while he waits for a first touchpoint.
    previous : str or None
        The stage of the visit before; at the first visit the initial stage.
    entered_at, opened_at : datetime or None
        When the current and the first visit began, UTC.
    next_timeout : tuple of (str, datetime), or None
        The stage that silence would bring next, and when.
    cause : str or None
        What opened the current visit: a kind, ``"timeout"`` or ``"acquired"``.
    ref : object
        The reference of the touchpoint that opened it.
    visits : int
        How many visits there have been.
    last_at : datetime or None
        The last known touchpoint, else the opening.
    last_of : mapping of tuple of str to datetime
        The same for each set of kinds whose silence a timeout counts.
    counts, totals : mapping of str to number
        What guards read.
    applied_at : datetime or None
        The last touchpoint that counted; earlier ones are refused.
    acquired_at : datetime or None
        When a customer who waits was acquired.
    attributes : mapping of str to datetime
        The customer's attributes that timeouts name.
    customer_id : object
        Whose state it is; None until it is known.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> lifecycle = clm.lifecycles.five_stage()
    >>> state = lifecycle.begin(datetime(2025, 1, 31, tzinfo=UTC))
    >>> clm.State.from_dict(state.to_dict()) == state
    True
    """

    lifecycle: str
    stage: str | None = None
    previous: str | None = None
    entered_at: datetime | None = None
    opened_at: datetime | None = None
    next_timeout: tuple[str, datetime] | None = None
    cause: str | None = None
    ref: Any = None
    visits: int = 0
    last_at: datetime | None = None
    last_of: Mapping[tuple[str, ...], datetime] = field(factory=dict, converter=_frozen)
    counts: Mapping[str, int] = field(factory=dict, converter=_frozen)
    totals: Mapping[str, float] = field(factory=dict, converter=_frozen)
    applied_at: datetime | None = None
    acquired_at: datetime | None = None
    attributes: Mapping[str, datetime] = field(factory=dict, converter=_frozen)
    customer_id: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold, instants as ISO text; the id and the reference as they are."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _NAMES}
        plain |= {name: _text(plain[name]) for name in _INSTANTS}
        plain["last_of"] = [[list(kinds), _text(at)] for kinds, at in self.last_of.items()]
        plain["attributes"] = {name: _text(at) for name, at in self.attributes.items()}
        plain |= {"counts": dict(self.counts), "totals": dict(self.totals)}
        if self.next_timeout is not None:
            plain["next_timeout"] = [self.next_timeout[0], _text(self.next_timeout[1])]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> State:
        """Read what `to_dict` wrote.

        Raises
        ------
        InvalidDataError
            If an entry is missing, unknown or malformed.
        """
        if not isinstance(plain, Mapping):
            raise InvalidDataError(f"a state is read from a mapping, not from {type(plain).__name__}.")
        odd = sorted(set(plain).symmetric_difference(_NAMES), key=str)
        if odd:
            what = f"has no {odd[0]!r}" if odd[0] in _NAMES else f"has an unknown entry {odd[0]!r}"
            raise InvalidDataError(f"a saved state {what}. Write states with State.to_dict().")
        values = dict(plain)
        try:
            values |= {name: _read(values[name]) for name in _INSTANTS}
            values["last_of"] = {tuple(kinds): _read(at) for kinds, at in values["last_of"]}
            values["attributes"] = {name: _read(at) for name, at in values["attributes"].items()}
            if values["next_timeout"] is not None:
                stage, at = values["next_timeout"]
                values["next_timeout"] = (stage, _read(at))
            return cls(**values)
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidDataError(f"a saved state cannot be read: {error}") from error


_NAMES: Final = tuple(attribute.name for attribute in fields(State))


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _read(text: Any) -> datetime | None:
    return None if text is None else in_utc(datetime.fromisoformat(text), "an instant")


def saved(walk: Walk, *, lifecycle: str, customer_id: Any) -> State:
    """Return the state that a walk is in."""
    machine = walk.machine
    reads: dict[str, Any] = {
        "lifecycle": lifecycle,
        "customer_id": customer_id,
        "counts": walk.counts,
        "totals": walk.totals,
        "applied_at": _instant(walk.applied),
        "attributes": {
            name: instant(at) for name, at in zip(machine.attributes, walk.dates, strict=True) if at != NEVER
        },
    }
    if walk.stage == WAITING:
        return State(**reads, acquired_at=_instant(walk.acquired))
    deadline, target = walk.next_timeout()
    due = max(deadline, walk.entered)
    return State(
        **reads,
        stage=machine.stages[walk.stage],
        previous=machine.stages[walk.previous],
        entered_at=instant(walk.entered),
        opened_at=instant(walk.opened),
        next_timeout=(machine.stages[target], instant(due)) if representable(due) else None,
        cause=cause_name(machine, walk.cause),
        ref=walk.ref,
        visits=walk.visits,
        last_at=instant(walk.last),
        last_of=dict(zip(machine.clocks, map(instant, walk.last_of), strict=True)),
    )


def resumed(machine: Machine, state: State, *, stages: Sink, entered: Sink, causes: Sink, refs: Sink) -> Walk:
    """Return a walk that goes on from a state.

    Raises
    ------
    InvalidDataError
        If the state names a stage or a cause that the lifecycle does not have.
    """
    walk = Walk(machine, stages=stages, entered=entered, causes=causes, refs=refs)
    walk.restart(_microseconds(state.acquired_at, NEVER), dates_of(machine, state.attributes))
    walk.counts = dict(state.counts)
    walk.totals = dict(state.totals)
    walk.applied = _microseconds(state.applied_at, -NEVER)
    if state.stage is None:
        return walk
    walk.stage = _number(machine, state.stage)
    walk.previous = _number(machine, state.previous)
    walk.entered = _microseconds(state.entered_at, -NEVER)
    walk.opened = _microseconds(state.opened_at, walk.entered)
    walk.last = _microseconds(state.last_at, walk.opened)
    walk.last_of = [_microseconds(state.last_of.get(clock), walk.opened) for clock in machine.clocks]
    walk.visits = state.visits
    walk.max_visits = state.visits + MAX_VISITS
    walk.ref = state.ref
    causes_by_name = {name: code for code, name in _UNNUMBERED.items()} | dict(machine.codes)
    if state.cause not in causes_by_name:
        raise InvalidDataError(f"the state was caused by {state.cause!r}, which this lifecycle does not know.")
    walk.cause = causes_by_name[state.cause]
    return walk


def dates_of(machine: Machine, attributes: Mapping[str, Any]) -> list[int]:
    """Return the instants that timeouts look at, ``NEVER`` where missing.

    Raises
    ------
    InvalidDataError
        If one of them is no aware datetime.
    """
    return [_date(attributes.get(name), f"attribute {name!r}") for name in machine.attributes]


def cause_name(machine: Machine, cause: int) -> str | None:
    """Return what opened a visit, by name."""
    return machine.kinds[cause] if cause >= 0 else _UNNUMBERED[cause]


def _date(value: Any, what: str) -> int:
    missing = value is None or value != value  # noqa: PLR0124  # NaN and NaT alone differ from themselves
    return NEVER if missing else microseconds(value, what)


def _microseconds(at: datetime | None, missing: int) -> int:
    return missing if at is None else microseconds(at, "an instant")


def _instant(at: int) -> datetime | None:
    return None if abs(at) == NEVER else instant(at)


def _number(machine: Machine, stage: Any) -> int:
    if stage not in machine.stages:
        raise InvalidDataError(
            f"the state is in {stage!r}, which is no stage of this lifecycle.{nearest(str(stage), machine.stages)}"
        )
    return machine.stages.index(stage)
