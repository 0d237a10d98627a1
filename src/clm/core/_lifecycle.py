"""A customer lifecycle declared as a table, and the pure steps that move one customer through it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, final

from attrs import field, frozen

from clm.core._checks import Finding, findings
from clm.core._declaration import kinds_of, name_of, stages_of, timeouts_of, transitions_of, validate
from clm.core._diagram import dot, mermaid
from clm.core._exchange import lifecycle_fields, lifecycle_to_dict
from clm.core._foreign import from_transitions
from clm.core._ladder import ladder_fields
from clm.core._machine import Machine, compiled
from clm.core._names import ANY
from clm.core._replay import Policy, replayed
from clm.core._scxml import scxml
from clm.core._steps import advanced, begun, check_state, settled
from clm.core._walk import MAX_VISITS
from clm.errors import InvalidDataError, TransitionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime, timedelta

    from clm.core._history import History
    from clm.core._parts import Stage, Timeout, Transition
    from clm.core._records import Customer, Touchpoint
    from clm.core._state import State


@final
@frozen(slots=False)
class Lifecycle:
    """The stages customers go through, and what moves them on.

    A lifecycle is a table that never changes. Where a customer is follows from his touchpoints and from time alone: the
    same touchpoints always give the same visits, one customer at a time with `replay`, step by step with `begin`,
    `advance` and `settle`, or for a whole log with ``clm.replay``.

    Parameters
    ----------
    name : str
        What it is called.
    stages : sequence of Stage or str
        The stages; a name alone is a stage without a rank.
    initial : str
        The stage that a customer's first visit is to.
    transitions : sequence of Transition
        What touchpoints do. The first that fits is taken, in declaration order; those from any stage (``"*"``) last.
    timeouts : sequence of Timeout, optional
        What time does.
    kinds : sequence of str, optional
        Kinds to know besides those that transitions and the ``of`` of timeouts name.
    backward : {"allow", "forbid"}
        With ``"forbid"`` a touchpoint that would lead to a lower rank is illegal; timeouts may still go back.

    Raises
    ------
    InvalidDataError
        If a name is unknown, two transitions can never be told apart, or timeouts would fire for ever at one instant.

    Examples
    --------
    >>> lifecycle = clm.Lifecycle(
    ...     "shop",
    ...     stages=[clm.Stage("visitor", rank=1), clm.Stage("buyer", rank=2), clm.Stage("lapsed")],
    ...     initial="visitor",
    ...     transitions=[clm.Transition("*", "order", "buyer")],
    ...     timeouts=[clm.Timeout("buyer", "lapsed", idle="180d")],
    ... )
    >>> lifecycle.allowed("lapsed")
    {'order': ('buyer',)}
    """

    name: str = field(converter=name_of)
    stages: tuple[Stage, ...] = field(kw_only=True, converter=stages_of)
    initial: str = field(kw_only=True)
    transitions: tuple[Transition, ...] = field(kw_only=True, converter=transitions_of)
    timeouts: tuple[Timeout, ...] = field(default=(), kw_only=True, converter=timeouts_of)
    kinds: tuple[str, ...] = field(default=None, kw_only=True, converter=kinds_of)
    backward: Literal["allow", "forbid"] = field(default="allow", kw_only=True)

    def __attrs_post_init__(self) -> None:
        validate(self)

    @classmethod
    def ladder(
        cls,
        name: str,
        rungs: Mapping[str, str | Iterable[str]],
        *,
        at_risk: str | timedelta | None = None,
        lapsed: str | timedelta | None = None,
    ) -> Lifecycle:
        """Build a lifecycle in which each kind of touchpoint moves a customer up to its own stage.

        Parameters
        ----------
        name
            What it is called.
        rungs
            Stages in order, lowest first, each with the kind (or kinds) that leads to it. A kind of a lower stage is
            legal and changes nothing: nobody moves down.
        at_risk, lapsed
            Silence of all known kinds after which a customer is in the stage ``at_risk``, and later ``lapsed``; both
            are counted from the last touchpoint. Any kind then leads back to its own stage. Without a length there is
            no such stage.

        Returns
        -------
        Lifecycle

        Raises
        ------
        InvalidDataError
            If a kind belongs to two stages, or `lapsed` is not longer than `at_risk`.

        Examples
        --------
        >>> shop = clm.Lifecycle.ladder(
        ...     "shop", {"attraction": "visit", "conversion": "order"}, at_risk="90d", lapsed="180d"
        ... )
        >>> [stage.name for stage in shop.stages]
        ['attraction', 'conversion', 'at_risk', 'lapsed']
        """
        return cls(name, **ladder_fields(rungs, at_risk=at_risk, lapsed=lapsed))

    @cached_property
    def known_kinds(self) -> tuple[str, ...]:
        """The kinds that transitions and timeouts name, and those in `kinds`.

        A kind that only a guard names is not among them: it feeds the guard's count and nothing else.
        """
        named = [transition.kind for transition in self.transitions]
        silent = [kind for timeout in self.timeouts for kind in timeout.of or ()]
        return tuple(dict.fromkeys([*named, *silent, *self.kinds]))

    @cached_property
    def machine(self) -> Machine:
        """The same lifecycle as tables of numbers: what engines run."""
        return compiled(self)

    def begin(self, at: datetime | None = None, customer: Customer | None = None) -> State:
        """Return the state of a customer who begins.

        Parameters
        ----------
        at
            Instant of the first known touchpoint. Where the customer was acquired earlier, his first visit opens then.
            Without it the customer waits for his first known touchpoint.
        customer
            Whose acquisition and attributes count.

        Returns
        -------
        State
            In the initial stage. The touchpoint itself is still to be applied with `advance`.

        Raises
        ------
        InvalidDataError
            If an instant has no time zone.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> clm.lifecycles.five_stage().begin(datetime(2025, 1, 31, tzinfo=UTC)).stage
        'reach'
        """
        return begun(self, at, customer)

    def advance(self, state: State, touchpoint: Touchpoint) -> State:
        """Return the state after a touchpoint: what is due before it fires first.

        Touchpoints of an unknown kind change nothing. To pass over those that are not allowed as `replay` does, so that
        they still count, take ``lifecycle.replay([touchpoint], state=state).state``.

        Parameters
        ----------
        state
            Where the customer is.
        touchpoint
            What happened, not earlier than what was applied before.

        Returns
        -------
        State

        Raises
        ------
        TransitionError
            If the lifecycle does not allow the touchpoint in the stage that the customer is in by then.
        InvalidDataError
            If the touchpoint is another customer's or comes too late, or the state is another lifecycle's.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> lifecycle = clm.lifecycles.five_stage()
        >>> order = clm.Touchpoint("ann", datetime(2025, 1, 31, tzinfo=UTC), "order")
        >>> state = lifecycle.advance(lifecycle.begin(order.at), order)
        >>> state.stage, state.next_timeout[0], f"{state.next_timeout[1]:%Y-%m-%d}"
        ('conversion', 'at_risk', '2025-05-01')
        """
        return advanced(self, state, touchpoint)

    def settle(self, state: State, through: datetime | date) -> State:
        """Return the state after all timeouts that are due by `through`.

        Parameters
        ----------
        state
            Where the customer is.
        through
            The instant, included; a bare date means the end of that day in UTC.

        Returns
        -------
        State

        Raises
        ------
        InvalidDataError
            If `through` is before what the state has come to.

        Examples
        --------
        >>> from datetime import UTC, date, datetime
        >>> lifecycle = clm.Lifecycle.ladder("shop", {"conversion": "order"}, lapsed="180d")
        >>> lifecycle.settle(lifecycle.begin(datetime(2025, 1, 31, tzinfo=UTC)), date(2025, 12, 31)).stage
        'lapsed'
        """
        return settled(self, state, through)

    def replay(
        self,
        touchpoints: Iterable[Touchpoint],
        *,
        through: datetime | date | None = None,
        customer: Customer | None = None,
        state: State | None = None,
        illegal: Policy = "ignore",
        unknown: Policy = "ignore",
        max_visits: int = MAX_VISITS,
    ) -> History:
        """Return the visits that one customer's touchpoints and time make.

        Parameters
        ----------
        touchpoints
            Of one customer, in any order; those of one instant are taken as they stand.
        through
            The last instant up to which the touchpoints are complete, included; a bare date means the end of that day
            in UTC. Default: the last touchpoint's. Later ones are left out and counted.
        customer
            Whose acquisition and attributes count.
        state
            Go on from here: the history then begins with the visit that is open in it.
        illegal, unknown : {"ignore", "raise", "record"}
            What to do with touchpoints that are not allowed in their stage, and with kinds that the lifecycle does not
            know. Ignored illegal touchpoints still count and restart clocks of silence; unknown ones change nothing.
        max_visits
            More visits raise.

        Returns
        -------
        History
            A sequence of `Visit`; empty without a known touchpoint and an acquisition by `through`.

        Raises
        ------
        InvalidDataError
            If touchpoints of several customers are given, `through` is missing and there is none, a touchpoint is
            before `state`, an unknown kind comes with ``unknown="raise"``, or there are more than `max_visits` visits.
        TransitionError
            With ``illegal="raise"``.

        Examples
        --------
        >>> from datetime import UTC, date, datetime
        >>> touchpoints = [clm.Touchpoint("ann", datetime(2025, 1, day, tzinfo=UTC), "order") for day in (3, 20)]
        >>> history = clm.lifecycles.five_stage().replay(touchpoints, through=date(2025, 12, 31))
        >>> [visit.stage for visit in history]
        ['reach', 'conversion', 'retention', 'at_risk', 'lapsed']
        """
        if state is None:
            state = self.begin(customer=customer)
        elif customer is not None:
            raise InvalidDataError("a state knows its customer: give either state= or customer=.")
        check_state(self, state)
        return replayed(
            self, state, touchpoints, through=through, illegal=illegal, unknown=unknown, max_visits=max_visits
        )

    def allowed(self, stage: str) -> dict[str, tuple[str, ...]]:
        """Return the kinds that are allowed in a stage, each with the stages it may lead to.

        Parameters
        ----------
        stage
            The stage.

        Returns
        -------
        dict of str to tuple of str
            Several targets where conditions decide; ``"@previous"`` where that does. The stage itself stands for
            touchpoints that are legal and change nothing.

        Raises
        ------
        InvalidDataError
            If there is no such stage.

        Examples
        --------
        >>> clm.lifecycles.five_stage().allowed("acquisition")
        {'visit': ('acquisition',), 'order': ('conversion',)}
        """
        names = [entry.name for entry in self.stages]
        if stage not in names:
            raise InvalidDataError(
                f"{stage!r} is no stage of {self.name!r}: they are {', '.join(names)}.{nearest(str(stage), names)}"
            )
        number = names.index(stage)
        targets = {kind: self.machine.targets(number, code) for code, kind in enumerate(self.known_kinds)}
        return {kind: found for kind, found in targets.items() if found}

    def candidates(self, stage: str, kind: str) -> tuple[Transition, ...]:
        """Return the transitions that a touchpoint may take, in the order in which they are tried."""
        return tuple(
            transition
            for source in (stage, ANY)
            for transition in self.transitions
            if transition.source == source and transition.kind == kind
        )

    def refusal(self, stage: str, kind: str, where: str) -> TransitionError:
        """Return the error that says what is allowed in a stage instead of a kind."""
        allowed = self.allowed(stage)
        listed = "; ".join(f"{other} -> {' or '.join(targets)}" for other, targets in allowed.items()) or "nothing"
        return TransitionError(
            f"{kind!r} {where} is not allowed in stage {stage!r} of {self.name!r}. Allowed there: {listed}.",
            stage=stage,
            kind=kind,
            allowed=allowed,
        )

    def check(self) -> list[Finding]:
        """Return what looks unintended: legal, but worth a look.

        Returns
        -------
        list of Finding
            ``kind`` is one of ``"unreachable"`` (a stage nobody comes to), ``"dead_end"`` (a stage nobody leaves),
            ``"ambiguous"`` (two conditions may hold at once, and the order of declaration decides), ``"shadowed"`` (a
            transition or timeout that an earlier one always beats), ``"forbidden"`` (a transition that
            ``backward="forbid"`` never lets happen) and ``"previous"`` (``"@previous"`` may lead to a stage that a
            timeout entered).

        Examples
        --------
        >>> clm.lifecycles.five_stage().check()
        []
        """
        return findings(self)

    def to_mermaid(self) -> str:
        """Return the lifecycle as a Mermaid state diagram; touchpoints that change nothing are left out.

        Examples
        --------
        >>> print(clm.Lifecycle.ladder("shop", {"visitor": "visit", "buyer": "order"}).to_mermaid())
        stateDiagram-v2
            [*] --> visitor
            visitor --> buyer : order
        """
        return mermaid(self)

    def to_dot(self) -> str:
        """Return the lifecycle in Graphviz' language; touchpoints that change nothing are left out."""
        return dot(self)

    to_scxml = scxml

    def to_dict(self) -> dict[str, Any]:
        """Return the whole declaration, conditions included, as plain values that JSON can hold."""
        return lifecycle_to_dict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Lifecycle:
        """Read what `to_dict` wrote.

        Raises
        ------
        InvalidDataError
            If an entry is missing or malformed, or it was written by a newer version.

        Examples
        --------
        >>> five_stage = clm.lifecycles.five_stage()
        >>> clm.Lifecycle.from_dict(five_stage.to_dict()) == five_stage
        True
        """
        return cls(**lifecycle_fields(plain))

    from_transitions = classmethod(from_transitions)

    def __str__(self) -> str:
        return f"{self.name}: {' '.join(stage.name for stage in self.stages)}"

    def __getstate__(self) -> dict[str, Any]:
        # The tables are derived: they are built again where they are needed.
        return {name: value for name, value in self.__dict__.items() if name not in {"machine", "known_kinds"}}
