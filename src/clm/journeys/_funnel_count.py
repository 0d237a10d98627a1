"""Count a funnel from events that are in order: who took which step, when, and who still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, frozen

from clm.core import instant, microseconds_of
from clm.core._duration import written
from clm.data import DAY, SECOND, Zone, describe
from clm.errors import InvalidDataError, nearest
from clm.journeys._funnel_kernel import NEVER, RULES, Task, Trail, attempts, best, step_times
from clm.journeys._funnel_result import Funnel, labels
from clm.stats import frozen_array, proportion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from clm.stats import Estimate
    from clm.typing import Array, BoolArray, IntArray

_SAID: Final = {
    "ordered": "took {steps} in this order, whatever came between",
    "strict": "took {steps} in this order, with nothing between but repeats of steps already taken",
    "unordered": "took one, two and so on of {steps}, in any order",
}


@final
@frozen(kw_only=True)
class Asked:
    """What a funnel is asked for.

    Attributes
    ----------
    steps : tuple of str
        At least two kinds.
    rule : str
        One of ``RULES``.
    window : timedelta, or None
        How long an attempt may take.
    zone : Zone
        In which moments are told.
    """

    steps: tuple[str, ...]
    rule: str
    window: timedelta | None
    zone: Zone

    @property
    def kinds(self) -> tuple[str, ...]:
        """Distinct steps; a trail numbers its kinds by them."""
        return tuple(dict.fromkeys(self.steps))

    @property
    def task(self) -> Task:
        """The same in numbers, for the kernel."""
        window = None if self.window is None else microseconds_of(self.window, "window")
        return Task(tuple(self.kinds.index(step) for step in self.steps), self.rule, window)

    @property
    def said(self) -> str:
        """What it takes to be counted, for definitions."""
        steps = ", ".join(map(repr, self.steps))
        within = "" if self.window is None else f", within {written(self.window)} of the first, the end included"
        return f"{_SAID[self.rule].format(steps=steps)}{within}"


@final
@frozen(kw_only=True, eq=False)
class Seen:
    """What is known of a log beside its events.

    Attributes
    ----------
    through : int
        Its last instant, in microseconds.
    start : int or None
        Its first instant that counts, where one was given.
    dropped : mapping of str to int
        Rows left out.
    absent : tuple of str
        Steps of which there is no event.
    ties : int
        Events that only their row puts in order.
    twice : int
        Events of the same customer, instant and kind as another, where a step is asked for twice.
    note : str
        How times were read.
    """

    through: int
    start: int | None
    dropped: Mapping[str, int]
    absent: tuple[str, ...]
    ties: int
    twice: int
    note: str


def check_rule(rule: Any) -> None:
    """Refuse a rule that is none.

    Raises
    ------
    InvalidDataError
        If it is unknown.
    """
    if rule not in RULES:
        raise InvalidDataError(f"rule {rule!r} is not one of {', '.join(RULES)}.{nearest(str(rule), RULES)}")


def count_funnel(trail: Trail, customers: Any, asked: Asked, seen: Seen) -> Funnel:
    """Count a funnel.

    Parameters
    ----------
    trail
        Events by customer and time, their kinds numbered as ``asked.kinds``.
    customers
        Function that returns the ids of customers by number.
    asked, seen
        What is asked for, and what is known of the log.
    """
    task = asked.task
    begin, taken = attempts(trail, task)
    closed = np.ones(len(begin), bool) if task.window is None else trail.at[begin] <= seen.through - task.window
    customer = trail.customer[begin]
    settled = np.flatnonzero(closed)[best(customer[closed], taken[closed])]
    chosen = best(customer, taken)
    further = taken[chosen][np.searchsorted(customer[chosen], customer[settled])] > taken[settled]
    when = step_times(trail, task, begin[chosen])
    furthest = taken[chosen].astype(np.int64)
    entered = when[:, 0]
    followed = _observed_until(seen.through, asked.zone) - entered
    if task.window is not None:
        followed = np.minimum(followed, task.window)
    counts = _at_least(furthest, len(asked.steps))
    final_counts = _at_least(taken[settled], len(asked.steps))
    open_windows = len(chosen) - len(settled)
    caveats = _caveats(asked, seen, open_windows, further=int(further.sum()))
    rates = _rates(final_counts, asked, entrants=len(chosen), caveats=caveats)
    return Funnel(
        steps=asked.steps,
        rule=asked.rule,
        window=asked.window,
        through=instant(seen.through),
        counts=counts,
        conversion=rates[0],
        step_conversion=rates[1],
        times=tuple(_seconds(when[:, step - 1 : step + 1]) for step in range(1, len(asked.steps))),
        customer=frozen_array(customers(customer[chosen])),
        entered_at=frozen_array(entered.view("M8[us]") if len(entered) else np.empty(0, "M8[us]")),
        furthest=frozen_array(furthest),
        followed=frozen_array(followed / SECOND),
        open_windows=open_windows,
        dropped=seen.dropped,
        ties=seen.ties,
        definition=_definition(asked, seen),
        caveats=caveats,
    )


def _observed_until(through: int, zone: Zone) -> int:
    """Return midnight after a whole last day, else the last instant."""
    wall = int(zone.to_wall(np.array([through]))[0])
    return through + 1 if (wall + 1) % DAY == 0 else through


def _at_least(taken: Array, steps: int) -> IntArray:
    """Return how many took at least one step, two, and so on."""
    exactly = np.bincount(taken.astype(np.int64), minlength=steps + 1)[1:]
    return frozen_array(np.cumsum(exactly[::-1])[::-1].astype(np.int64))


def _seconds(pair: IntArray) -> Array:
    """Return the seconds between two steps, of those who took both."""
    took: BoolArray = pair[:, 1] != NEVER
    return frozen_array((pair[took, 1] - pair[took, 0]) / SECOND)


def _rates(counts: IntArray, asked: Asked, *, entrants: int, caveats: tuple[str, ...]) -> list[Estimate[Any]]:
    undefined = "no entrant's window has closed yet" if entrants else "nobody entered the funnel"
    closed = ""
    if asked.window is not None:
        closed = "; only attempts whose window has closed count, and entrants who have one"
    before = np.append(counts[0], counts[:-1])
    return [
        evolve(
            proportion(
                counts,
                of,
                name=name,
                definition=f"Share of {whom} who took each step; customers who {asked.said}{closed}.",
                index=np.array(labels(asked.steps, asked.rule), dtype=object),
                undefined=undefined if not counts[0] else "nobody took the step before",
            ),
            caveats=caveats,
        )
        for name, of, whom in (
            ("conversion", np.full(len(counts), counts[0]), "the entrants"),
            ("step conversion", before, "those who took the step before"),
        )
    ]


def _definition(asked: Asked, seen: Seen) -> str:
    since = "" if seen.start is None else f"from {describe(seen.start, asked.zone)} "
    return (
        f"Customers who {asked.said}; each counts once, by his attempt that got furthest, the earliest of several; "
        f"events {since}through {describe(seen.through, asked.zone)}; {seen.note}."
    )


def _caveats(asked: Asked, seen: Seen, open_windows: int, *, further: int) -> tuple[str, ...]:
    caveats = []
    if seen.absent:
        steps = ", ".join(map(repr, seen.absent))
        caveats.append(f"There is no event of kind {steps}: check the spelling.")
    if open_windows:
        caveats.append(
            f"{open_windows:,} of the entrants have no attempt whose window has closed: they are in the counts and "
            "not in the rates."
        )
    if further:
        caveats.append(
            f"{further:,} of the entrants got further in an attempt whose window is open: rates leave it out."
        )
    if asked.window is None:
        caveats.append("There is no window: who entered late had less time to get far.")
    if seen.ties:
        caveats.append(
            f"{seen.ties:,} events share customer and instant with one of another kind: only their row orders them."
        )
    if seen.twice:
        caveats.append(f"{seen.twice:,} rows repeat another's customer, instant and kind: each counts as an event.")
    return tuple(caveats)
