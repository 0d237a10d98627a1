"""One customer's way through a lifecycle, touchpoint by touchpoint: the rules, in one place for every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, final

from clm.core._instants import NEVER
from clm.core._machine import AFTER, ATTRIBUTE, IDLE, IDLE_OF
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.core._guards import Guard
    from clm.core._machine import Machine

BY_TIMEOUT: Final = -1
BY_ACQUISITION: Final = -2
BY_HAND: Final = -3
"""Causes of a visit that are no kind; kinds have their number."""

WAITING: Final = -1
"""The stage of a customer who has not begun."""

MAX_VISITS: Final = 10_000


class TooManyVisitsError(InvalidDataError):
    """A customer went round and round."""


class Sink(Protocol):
    """Where a column of visits goes: a list or an array."""

    def append(self, value: Any, /) -> None:
        """Add one entry at the end."""


@final
class Walk:
    """The state of one customer, and what touchpoints and time do to it.

    It is made once and restarted for each customer, so that a log of millions costs no object a touchpoint.

    Parameters
    ----------
    machine
        The lifecycle.
    stages, entered, causes, refs
        Columns that each opened visit adds an entry to.
    no_ref
        The entry of `refs` for visits that no touchpoint opened.
    max_visits
        More visits of one customer raise.

    Attributes
    ----------
    stage, previous : int
        Where he is, and was in the visit before; `WAITING` before the first.
    entered, opened, last : int
        Instants of the current and the first entry, and of the last known touchpoint (else the opening).
    last_of : list of int
        Of each of the machine's clocks: the last touchpoint of its kinds, else the opening.
    visits : int
        Visits so far.
    cause : int
        What opened the current visit: a kind, or one of the ``BY_...``.
    ref : object
        The reference of the touchpoint that opened it.
    counts, totals : dict
        What guards read.
    applied : int
        The last instant applied, of whatever kind that counts; ``-NEVER`` before the first.
    acquired : int
        Instant of acquisition, ``NEVER`` without one; read until the first visit opens.
    dates : sequence of int
        Of each of the machine's attributes: its instant, ``NEVER`` where missing.
    """

    __slots__ = (
        "_add_cause",
        "_add_entered",
        "_add_ref",
        "_add_stage",
        "_no_ref",
        "acquired",
        "amount",
        "applied",
        "cause",
        "channel",
        "counts",
        "dates",
        "entered",
        "last",
        "last_of",
        "machine",
        "max_visits",
        "opened",
        "previous",
        "ref",
        "score",
        "stage",
        "totals",
        "visits",
    )

    def __init__(
        self,
        machine: Machine,
        *,
        stages: Sink,
        entered: Sink,
        causes: Sink,
        refs: Sink,
        no_ref: Any = None,
        max_visits: int = MAX_VISITS,
    ) -> None:
        self.machine = machine
        self._add_stage = stages.append
        self._add_entered = entered.append
        self._add_cause = causes.append
        self._add_ref = refs.append
        self._no_ref = no_ref
        self.max_visits = max_visits
        self.restart()

    def restart(self, acquired: int = NEVER, dates: Sequence[int] | None = None) -> None:
        """Start anew, with a customer whom no touchpoint has reached."""
        self.stage = WAITING
        self.previous = self.machine.initial
        self.entered = self.opened = self.last = self.applied = -NEVER
        self.last_of: list[int] = []
        self.visits = 0
        self.cause = BY_HAND
        self.ref = self._no_ref
        self.counts: dict[str, int] = {}
        self.totals: dict[str, float] = {}
        self.acquired = acquired
        self.dates: Sequence[int] = (NEVER,) * len(self.machine.attributes) if dates is None else dates
        self.amount: float | None = None
        self.score: float | None = None
        self.channel: str | None = None

    def open(self, at: int, cause: int, ref: Any) -> None:
        """Open the first visit, at the acquisition where that is earlier."""
        if self.acquired < at:
            at, cause, ref = self.acquired, BY_ACQUISITION, self._no_ref
        self.opened = self.last = at
        self.last_of = [at] * len(self.machine.clocks)
        self.enter(self.machine.initial, at, cause, ref)

    def enter(self, stage: int, at: int, cause: int, ref: Any) -> None:
        """Open a visit."""
        if self.visits >= self.max_visits:
            raise TooManyVisitsError(
                f"more than {self.max_visits:,} visits of one customer, the last to "
                f"{self.machine.stages[self.stage]!r}. Look for timeouts that lead round in a circle; where that is "
                "meant, raise max_visits=."
            )
        if self.visits:
            self.previous = self.stage
        self.stage = stage
        self.entered = at
        self.cause = cause
        self.ref = ref
        self.visits += 1
        self._add_stage(stage)
        self._add_entered(at)
        self._add_cause(cause)
        self._add_ref(ref)

    def touch(
        self,
        at: int,
        kind: int,
        ref: Any,
        amount: float | None = None,
        score: float | None = None,
        channel: str | None = None,
    ) -> bool:
        """Apply a touchpoint that is not earlier than the one before.

        Returns
        -------
        bool
            Whether the lifecycle allows it; where it does not it still counts and restarts the clocks of silence.
        """
        machine = self.machine
        known = kind < machine.known
        if known:
            if self.stage == WAITING:
                self.open(at, kind, ref)
            self.settle(at)
        name = machine.kinds[kind]
        if name in machine.counted:
            self.counts[name] = self.counts.get(name, 0) + 1
        if amount is not None and name in machine.summed:
            self.totals[name] = self.totals.get(name, 0.0) + amount
        self.applied = at
        if not known:
            return True
        self.last = at
        for clock in machine.clocks_of[kind]:
            self.last_of[clock] = at
        self.amount = amount
        self.score = score
        self.channel = channel
        target, moved, legal = machine.outcome(self.stage, self.previous, kind, self.holds)
        if moved:
            self.enter(target, at, kind, ref)
        return legal

    def opened_for(self, at: int, kind: int) -> bool:
        """Whether a touchpoint comes at the instant at which a customer began, and so is what opened his first visit.

        He was begun by hand, or a replay stopped at the instant of his acquisition; neither could know of it.
        """
        opening = self.cause in {BY_HAND, BY_ACQUISITION} and self.stage != WAITING
        return opening and at == self.entered and kind < self.machine.known

    def holds(self, guard: Guard) -> bool:
        """Whether a guard holds for the current touchpoint."""
        return guard.holds(self)

    def settle(self, until: int) -> None:
        """Fire every timeout that is due by an instant, that instant included."""
        if self.stage == WAITING:
            if self.acquired > until:
                return
            self.open(self.acquired, BY_ACQUISITION, self._no_ref)
        while True:
            deadline, target = self.next_timeout()
            if deadline > until:
                return
            # A deadline may have passed before the stage was entered: it fires on entry.
            self.enter(target, max(deadline, self.entered), BY_TIMEOUT, self._no_ref)

    def next_timeout(self) -> tuple[int, int]:
        """Return the earliest deadline and where it leads; ``NEVER`` where none is to come.

        Of equal deadlines the one declared first is returned. A deadline may be before the entry; it fires then.
        """
        best, target = NEVER, WAITING
        for clock, length, which, leads_to in self.machine.timeouts[self.stage]:
            if clock == IDLE:
                deadline = self.last + length
            elif clock == IDLE_OF:
                base = self.last_of[which]
                if self.cause != BY_TIMEOUT and base < self.entered:
                    base = self.entered  # a win-back of another kind is not undone at its own instant
                deadline = base + length
            elif clock == AFTER:
                deadline = self.entered + length
            else:
                assert clock == ATTRIBUTE
                deadline = self.dates[which]
                if deadline < self.entered and self.visits > 1:
                    continue
            if deadline < best:
                best, target = deadline, leads_to
        return best, target
